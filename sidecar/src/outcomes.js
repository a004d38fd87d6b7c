// What became of an event: one of five classes, with a public reason code, from whatever a
// destination answered or threw. `misconfigured`: mapping or settings are at fault, not the event.
// `internal`: nobody knows why; worth a few attempts, not hours of them.
const RETRIED = new Set([408, 423, 429])
const TEXT_CHARS_MAX = 2000
const RESPONSE_CHARS_MAX = 4096
const NETWORK = new RegExp(
  '^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_|EHOST|ENET|EPROTO|UND_ERR|CERT_|DEPTH_ZERO|SELF_SIGNED' +
    '|UNABLE_TO|ERR_TLS|ERR_SSL|ERR_SOCKET)'
)
const TIMEOUTS = new Set([
  'TimeoutError',
  'RequestTimeoutError',
  'RequestClientError',
  'AbortError'
])

export function classOf(status) {
  if (status >= 200 && status < 300) return 'delivered'
  if (status === 401) return 'invalid_auth'
  if (RETRIED.has(status) || (status >= 500 && status !== 501)) return 'retry'
  return 'discard'
}

export const delivered = (status = 200) => ({ class: 'delivered', status, code: 'delivered' })

export const skipped = (message) => ({ class: 'skipped', code: 'UNSUPPORTED_EVENT_TYPE', message })

export const discarded = (code, message) => ({ class: 'discard', code, message })

/** Of an error thrown on the way. `call` knows of token refreshes and Retry-After. */
export function ofError(error, call) {
  const found = judged(error)
  found.message ??= String(error?.message ?? error)
  if (call?.refreshing && found.class === 'discard' && found.status) {
    found.class = 'invalid_auth'
    found.message = `the access token cannot be refreshed: ${found.message}`
  }
  return finished(found, call)
}

function judged(error) {
  const name = error?.name ?? 'Error'
  const code = String(error?.code ?? '')
  const answer = error?.response
  if (typeof answer?.status === 'number') return ofAnswer(answer)
  if (name === 'AggregateAjvError' || name === 'ValidationError') {
    return { class: 'discard', status: 400, code: 'MESSAGE_REJECTED' }
  }
  if (name === 'InvalidAuthenticationError') {
    return { class: 'invalid_auth', status: 401, code: '401' }
  }
  if (code === 'address_refused' || code === 'not_sent') return { class: 'retry', code }
  if (TIMEOUTS.has(name)) return { class: 'retry', code: 'ETIMEDOUT' }
  if (name === 'FetchError' || NETWORK.test(code)) {
    return { class: 'retry', code: networkCode(code) }
  }
  const status = Number(error?.status ?? error?.$metadata?.httpStatusCode)
  if (Number.isInteger(status) && status > 0) return ofStated(error, name, status)
  if (name === 'AggregateError' && /ValidationError/.test(String(error?.message))) {
    return { class: 'discard', status: 400, code: 'INVALID_SETTINGS', misconfigured: true }
  }
  const message = `${name}: ${error?.message ?? error}`
  return { class: 'retry', code: 'INTERNAL', internal: true, message }
}

/** The vendor answered, and upstream's client threw its answer. */
function ofAnswer(answer) {
  const body = answer.content ?? answer.data
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
  const status = answer.status
  return {
    class: classOf(status) === 'delivered' ? 'discard' : classOf(status),
    status,
    code: String(status),
    message: `the destination answered ${status}`,
    response: text,
    retryAfter: answer.headers?.get?.('retry-after') ?? null
  }
}

/** A destination threw it itself, with a status; `code` says in its words what is wrong. */
function ofStated(error, name, status) {
  let kind = classOf(status)
  if (name === 'RetryableError' || error.retry === true) kind = 'retry'
  if (kind === 'delivered') kind = 'discard' // thrown with a good status: a deliberate stop
  const said = error.code && String(error.code) !== String(status) ? `${error.code}: ` : ''
  const code = name === 'PayloadValidationError' ? 'MESSAGE_REJECTED' : String(status)
  return { class: kind, status, code, message: `${said}${error.message}` }
}

function networkCode(code) {
  if (code.startsWith('ENOTFOUND') || code.startsWith('EAI_')) return 'ENOTFOUND'
  if (code.includes('TIMEDOUT') || code.includes('TIMEOUT')) return 'ETIMEDOUT'
  if (code === 'ECONNREFUSED') return code
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED') return 'ECONNRESET'
  return 'RETRY'
}

/** Of one event's node in the answer to a batch. */
export function ofNode(node, call) {
  if (typeof node?.status !== 'number') {
    // Mixpanel's copies a member of the answer's JSON, which a proxy's 502 has not.
    if (call?.status >= 400) return ofNode({ ...node, status: call.status }, call)
    const message = 'the destination said nothing of this event'
    return finished({ class: 'retry', code: 'INTERNAL', internal: true, message }, call)
  }
  const kind = classOf(node.status)
  if (kind === 'delivered') return delivered(node.status)
  const ours =
    node.errortype === 'PAYLOAD_VALIDATION_FAILED' && node.errorreporter === 'INTEGRATIONS'
  const body = node.body ?? ''
  return finished(
    {
      ...(ours ? { sent: 0, exchanges: [] } : {}),
      class: kind,
      status: node.status,
      code: ours && kind === 'discard' ? 'MESSAGE_REJECTED' : String(node.status),
      message: String(node.errormessage ?? `the destination answered ${node.status}`),
      response: typeof body === 'string' ? body : JSON.stringify(body)
    },
    call
  )
}

/** Cut, cleaned of secrets, with the vendor's own wish for the next attempt. */
function finished(found, call) {
  const clean = (text, most) => (call ? call.redactor.text(text) : text).slice(0, most)
  const { retryAfter, ...outcome } = found
  outcome.message = clean(outcome.message ?? '', TEXT_CHARS_MAX)
  outcome.response = clean(outcome.response ?? '', RESPONSE_CHARS_MAX)
  if (outcome.class === 'retry') {
    outcome.after_s = secondsOf(retryAfter ?? call?.retryAfter)
  }
  return outcome
}

/** A Retry-After header, a number or a date; null where there is none to use. */
export function secondsOf(text, now = Date.now()) {
  if (!text) return null
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text)
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : Math.max(0, (at - now) / 1000)
}
