// What may be called, by name.
import registry from 'crossdock:registry'

import { Control } from './control.js'
import { setUserAgent } from './fetch.js'
import { Runtime } from './runtime.js'

export function methods({ user_agent }) {
  setUserAgent(user_agent)
  const runtime = new Runtime(registry)
  const control = new Control(runtime)
  return {
    ping: async () => ({}),
    stats: async () => ({
      memory: process.memoryUsage(),
      cpu_us: process.cpuUsage(),
      uptime_s: process.uptime(),
      loaded: runtime.destinations.slugs,
      state_entries: runtime.state.size
    }),
    deliver: (params) => runtime.deliver(params),
    preview: (params) => runtime.preview(params),
    test_auth: (params) => control.testAuth(params),
    refresh_token: (params) => control.refreshToken(params),
    dynamic_field: (params) => control.dynamicField(params),
    hook: (params) => control.hook(params),
    audience: (params) => control.audience(params),
    delete: (params) => control.delete(params)
  }
}
