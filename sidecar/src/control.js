// Calls that people make while they configure: is this key right, which lists are there, make an
// audience, forget a user. Each answers {ok, value} or {ok: false, error}.
import { actionOf, settingsOf, STATS_CLIENT } from './runtime.js'
import { ofError } from './outcomes.js'

const CREDENTIALS = /Credentials are invalid: (\d*) ?(.*)/

const said = (call, outcome) => ({
  value: null,
  error: null,
  ...outcome,
  exchanges: call.exchanges,
  tokens: call.tokens
})

export class Control {
  constructor(runtime) {
    this.runtime = runtime
  }

  async #try(params, work) {
    return await this.runtime.run(params, async (call, destination) => {
      try {
        const value = (await work(destination, call)) ?? null
        return said(call, { ok: true, value })
      } catch (error) {
        if (error?.name === 'NoSuchDestination') throw error
        const { message, code, status } = ofError(error, call)
        return said(call, { ok: false, error: { message, code, status: status ?? null } })
      }
    })
  }

  /** `value.tested` is false where upstream has no test and only the settings' form was checked. */
  async testAuth(params) {
    const answer = await this.#try(params, async (destination) => {
      await destination.testAuthentication(settingsOf(params))
      return { tested: Boolean(destination.authentication?.testAuthentication) }
    })
    // Upstream wraps every failure of a test in an error without a status.
    const [, status, message] = CREDENTIALS.exec(answer.error?.message ?? '') ?? []
    if (status) Object.assign(answer.error, { status: Number(status), code: status })
    if (message) answer.error.message = message
    return answer
  }

  async refreshToken(params) {
    return await this.#try(params, async (destination) => {
      const { auth = {}, settings } = params
      const tokens = await destination.refreshAccessToken(settings, {
        accessToken: auth.access_token,
        refreshToken: auth.refresh_token,
        clientId: auth.client_id,
        clientSecret: auth.client_secret,
        refreshTokenUrl: auth.refresh_token_url
      })
      if (!tokens) throw new Error('the destination has no token to refresh')
      return { access_token: tokens.accessToken, refresh_token: tokens.refreshToken ?? null }
    })
  }

  async dynamicField(params) {
    return await this.#try(params, async (destination, call) => {
      actionOf(destination, params)
      return await destination.executeDynamicField(params.action, params.field, {
        ...this.#data(params, call),
        page: params.page,
        dynamicFieldContext: params.context
      })
    })
  }

  async hook(params) {
    return await this.#try(params, async (destination, call) => {
      const action = actionOf(destination, params)
      return await action.executeHook(params.hook, {
        ...this.#data(params, call),
        hookInputs: params.inputs ?? {},
        hookOutputs: params.outputs ?? {}
      })
    })
  }

  /** With `external_id` an audience is looked up, else it is made. */
  async audience(params) {
    return await this.#try(params, async (destination) => {
      const input = {
        settings: settingsOf(params),
        audienceSettings: params.audience_settings,
        personas: params.personas,
        statsContext: { statsClient: STATS_CLIENT, tags: [] }
      }
      if (params.external_id) {
        return await destination.getAudience({ ...input, externalId: params.external_id })
      }
      return await destination.createAudience({ ...input, audienceName: params.audience_name })
    })
  }

  /** Ask the destination to forget a user; `value.supported` says whether it can. */
  async delete(params) {
    return await this.#try(params, async (destination) => {
      if (!destination.onDelete) return { supported: false }
      const user = { userId: params.user_id, anonymousId: params.anonymous_id, type: 'delete' }
      await destination.onDelete(user, settingsOf(params), {})
      return { supported: true }
    })
  }

  #data(params, call) {
    const { access_token, refresh_token, refresh_token_url } = params.auth ?? {}
    return {
      settings: params.settings,
      payload: params.payload ?? {},
      auth: {
        accessToken: access_token,
        refreshToken: refresh_token,
        refreshTokenUrl: refresh_token_url
      },
      audienceSettings: params.audience_settings,
      features: params.features ?? {},
      statsContext: { statsClient: STATS_CLIENT, tags: [] },
      signal: call.signal
    }
  }
}
