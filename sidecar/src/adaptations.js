// Definitions that work only inside of Segment, made to work anywhere. Few, and each says why.

const ADAPTATIONS = {
  // Segment sends with a token of its own; everybody else has one for each pixel.
  'actions-facebook-conversions-api': (definition) => ({
    ...definition,
    authentication: withField(definition, 'accessToken', {
      label: 'Access Token',
      description: 'Made in Events Manager, under the settings of the pixel (Conversions API).',
      type: 'password',
      required: true
    }),
    extendRequest: ({ settings }) => ({
      headers: { authorization: `Bearer ${settings.accessToken}` }
    })
  }),
  // Ours sends the calls itself (segment.js), so it must know where to.
  'actions-segment': (definition) => ({
    ...definition,
    authentication: withField(definition, 'endpoint', {
      label: 'Endpoint',
      description: "Where the calls go: Segment's API, or another service that speaks it.",
      type: 'string',
      default: 'https://api.segment.io'
    })
  })
}

export const adapted = (slug, definition) => ADAPTATIONS[slug]?.(definition) ?? definition

function withField({ authentication }, name, field) {
  return { ...authentication, fields: { ...authentication.fields, [name]: field } }
}
