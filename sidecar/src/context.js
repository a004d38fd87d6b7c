// What belongs to one call, found again from anywhere below it: what it sent, how long it may take.
import { AsyncLocalStorage } from 'node:async_hooks'

const storage = new AsyncLocalStorage()

/** The call this code runs for; undefined outside of one. */
export const call = () => storage.getStore()

export const within = (current, work) => storage.run(current, work)

/** `preview`: requests are recorded and answered with an empty object, nothing leaves. */
export class Call {
  exchanges = []
  sent = 0
  refreshing = false
  tokens = null
  status = null
  retryAfter = null
  state = {}
  root = this

  constructor({ deadline_ms = 10_000, preview = false, capture_bytes = 4096 } = {}, redactor) {
    this.preview = preview
    this.captureBytes = capture_bytes
    this.redactor = redactor
    this.controller = new AbortController()
    this.started = performance.now()
    // AbortSignal.timeout() would live on for its whole term after every call; this one is cleared.
    this.timer = setTimeout(() => {
      this.controller.abort(new DOMException(`no answer in ${deadline_ms} ms`, 'TimeoutError'))
    }, deadline_ms)
  }

  get signal() {
    return this.controller.signal
  }

  /** A call inside this one, with its own exchanges: one event of a batch, or one part of it. */
  part() {
    const part = Object.create(this)
    return Object.assign(part, { exchanges: [], sent: 0, status: null, retryAfter: null })
  }

  /** New tokens came on the way; whoever called must keep them. */
  took({ accessToken, refreshToken }) {
    this.root.tokens = { access_token: accessToken, refresh_token: refreshToken ?? null }
  }

  end() {
    clearTimeout(this.timer)
  }
}
