// Behaviour that upstream switches by name for its own customers. Only what makes deliveries more
// exact is on; a call may say otherwise.
export const FLAGS = {
  'mixpanel-multistatus': true // a bad event is refused alone, not with its batch
}
