// Destinations by slug, loaded when first called, and what upstream leaves to its caller: memory
// that must not grow, and a token that many calls must not refresh at once.
import { Destination } from '@segment/actions-core'

import { adapted } from './adaptations.js'
import { call } from './context.js'
import { TtlMap } from './state.js'

const REFRESHED_MS = 60_000

export class NoSuchDestination extends Error {
  name = 'NoSuchDestination'
}

export class Destinations {
  #loaded = new Map()
  #refreshed = new TtlMap()

  /** `registry`: slug -> {load}. */
  constructor(registry) {
    this.registry = registry
  }

  get slugs() {
    return [...this.#loaded.keys()]
  }

  get(slug) {
    let loading = this.#loaded.get(slug)
    if (!loading) {
      const entry = Object.hasOwn(this.registry, slug) ? this.registry[slug] : null
      if (!entry) throw new NoSuchDestination(`no destination ${JSON.stringify(slug)}`)
      loading = entry.load().then((definition) => this.#made(slug, definition))
      this.#loaded.set(slug, loading)
    }
    return loading
  }

  #made(slug, definition) {
    const destination = new Destination(adapted(slug, definition))
    // Upstream keeps every response it ever saw here; ours are kept by the call.
    destination.responses = { push: () => {} }
    const refresh = destination.refreshTokenAndGetNewToken.bind(destination)
    destination.refreshTokenAndGetNewToken = (settings, options) => {
      const { access_token: access, refresh_token: second } = settings.oauth ?? {}
      const key = JSON.stringify([slug, access, second])
      const current = call()
      if (current) current.refreshing = true
      let tokens = this.#refreshed.get(key)
      if (!tokens) {
        tokens = refresh(settings, options)
        this.#refreshed.set(key, tokens, REFRESHED_MS)
        tokens.catch(() => this.#refreshed.delete(key))
      }
      return tokens
    }
    return destination
  }
}
