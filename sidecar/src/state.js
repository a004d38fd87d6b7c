// Values that destinations keep between calls, each with an end: ids of remote lists, cool-downs,
// freshly refreshed tokens. Lost with the process; what must survive is handed back to the caller.
const ENTRIES_MAX = 10_000
const TTL_MS_DEFAULT = 24 * 3600 * 1000

export class TtlMap {
  #entries = new Map()

  constructor(now = Date.now) {
    this.now = now
  }

  get(key) {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    if (entry.until > this.now()) return entry.value
    this.#entries.delete(key)
    return undefined
  }

  set(key, value, ttlMs = TTL_MS_DEFAULT) {
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.now() + ttlMs })
    if (this.#entries.size > ENTRIES_MAX) this.#entries.delete(this.#entries.keys().next().value)
  }

  delete(key) {
    this.#entries.delete(key)
  }

  get size() {
    return this.#entries.size
  }
}

/** Upstream gives a time to live as `{hour, minute, second}`. */
export const msOf = ({ hour = 0, minute = 0, second = 0 } = {}) =>
  (hour * 3600 + minute * 60 + second) * 1000
