// Calls a destination's action: on one event, on many, or only to see what would be sent.
import { transform } from '@segment/actions-core'

import { Call, within } from './context.js'
import { Destinations, NoSuchDestination } from './destinations.js'
import { FLAGS } from './flags.js'
import { delivered, discarded, ofError, ofNode, skipped } from './outcomes.js'
import { partition } from './partition.js'
import { Redactor } from './redact.js'
import * as segment from './segment.js'
import { msOf, TtlMap } from './state.js'
import { inTurns } from './turns.js'

const AT_ONCE = 8
const TRUE = 'type != ""' // filters are judged before events come here
const NEEDS_ANSWERS = 'the rest depends on what the destination answers to these requests'
const NO_TYPE = 'the event has no type'
const TRANSACTION_MS = 60_000
const noop = () => {}
export const STATS_CLIENT = Object.fromEntries(
  ['observe', '_name', '_tags', 'incr', 'set', 'histogram'].map((name) => [name, noop])
)
const LOGGER = Object.fromEntries(
  ['debug', 'info', 'warn', 'error', 'crit', 'log', 'withTags'].map((name) => [name, noop])
)

export class Runtime {
  constructor(registry) {
    this.destinations = new Destinations(registry)
    this.state = new TtlMap()
  }

  /** Run `work(call, destination)`; whatever it sends is recorded in the call. */
  async run(params, work) {
    const current = new Call(params, new Redactor(params.secrets))
    try {
      return await within(current, async () => {
        const destination = await this.destinations.get(params.destination)
        return await work(current, destination)
      })
    } finally {
      current.end()
    }
  }

  /** One answer for each event, in their order. */
  async deliver(params) {
    return await this.run(params, async (call, destination) => {
      const job = jobOf(destination, params)
      const answers = await this.#answers(call, job)
      return { answers, exchanges: job.exchanges, tokens: call.tokens, state: call.state }
    })
  }

  async #answers(call, job) {
    const { events } = job.params
    if (job.params.destination === segment.SLUG) return await this.#toSegment(call, job)
    if (events.length > 1 && job.action.hasBatchSupport) return await this.#inBatches(call, job)
    return await inTurns(events, AT_ONCE, (event) => this.#alone(call, job, event))
  }

  async #alone(call, job, event) {
    const part = call.part()
    return await within(part, async () => {
      const outcome = await this.#executed(part, job, event)
        .then((result) => this.#verdict(part, result))
        .catch((error) => this.#failed(part, job, error))
      return alike(job, part, [outcome])[0]
    })
  }

  async #executed(part, job, event) {
    const results = await job.destination.onEvent(event, withMapping(job), this.#options(part, job))
    return results.at(-1)
  }

  /** What `perform` came to. Some return the verdict of a batch of one instead of throwing it. */
  #verdict(part, result) {
    if (result?.output === 'not subscribed') return skipped(NO_TYPE)
    if (result?.output !== 'Action Executed') {
      return discarded('INTERNAL', String(result?.output ?? 'no result'))
    }
    const data = result.data
    if (typeof data?.getResponseAtIndex === 'function' && data.length() > 0) {
      if (part.preview) return delivered()
      return ofNode(data.getResponseAtIndex(0)?.value(), part)
    }
    if (Array.isArray(data?.batch) && part.sent === 0 && data.batch[0]?.type) {
      return discarded('INTERNAL', "the calls were made for Segment's own pipeline and not sent")
    }
    return delivered(part.status ?? 200)
  }

  async #inBatches(call, job) {
    const { events } = job.params
    const answers = new Array(events.length)
    await inTurns(partition(job.action, job.params.mapping, events), AT_ONCE, async (indexes) => {
      const part = call.part()
      await within(part, async () => {
        const outcomes = await this.#batch(part, job, indexes.map((index) => events[index]))
        alike(job, part, outcomes).forEach((answer, at) => {
          answers[indexes[at]] = answer
        })
      })
    })
    return answers
  }

  async #batch(part, job, events) {
    try {
      const options = this.#options(part, job)
      const [result] = await job.destination.onBatch(events, withMapping(job), options)
      const nodes = result?.multistatus
      const made = (node) => (part.preview && !node ? delivered() : ofNode(node, part))
      if (nodes) return events.map((_, at) => made(nodes[at]))
      return events.map(() => skipped(NO_TYPE))
    } catch (error) {
      const outcome = this.#failed(part, job, error)
      return events.map(() => outcome)
    }
  }

  async #toSegment(call, job) {
    const part = call.part()
    return await within(part, async () => {
      const made = await inTurns(job.params.events, 1, (event) =>
        this.#executed(part, job, event)
          .then((result) => result?.data?.batch ?? discarded('INTERNAL', 'no calls were made'))
          .catch((error) => this.#failed(part, job, error))
      )
      const sendable = made.filter(Array.isArray)
      const sent = await segment.sendAll(sendable, job.settings, part)
      const outcomes = made.map((one) => (Array.isArray(one) ? sent[sendable.indexOf(one)] : one))
      return alike(job, part, outcomes)
    })
  }

  #failed(part, job, error) {
    const outcome = ofError(error, part)
    if (part.preview && part.sent) return { ...delivered(), message: NEEDS_ANSWERS }
    if (error?.name === 'AggregateAjvError' && !settingsFit(job)) {
      return { ...outcome, code: 'INVALID_SETTINGS', misconfigured: true }
    }
    return outcome
  }

  #options(part, job) {
    const { params } = job
    const scope = params.scope || params.destination
    return {
      features: { ...FLAGS, ...params.features },
      statsContext: { statsClient: STATS_CLIENT, tags: [] },
      logger: LOGGER,
      signal: part.signal,
      stateContext: {
        getRequestContext: (key) => this.state.get(`${scope}\0${key}`) ?? params.state?.[key],
        setResponseContext: (key, value, ttl) => {
          if (part.preview) return
          const ms = msOf(ttl) || undefined
          this.state.set(`${scope}\0${key}`, value, ms)
          part.state[key] = { value, ttl_s: ms ? ms / 1000 : null }
        }
      },
      transactionContext: this.#transaction(part, scope, params.events[0]),
      onTokenRefresh: async (tokens) => {
        part.took(tokens)
        // Upstream forgets the new token where a batch reported 401 event by event.
        const oauth = (job.settings.oauth ??= {})
        oauth.access_token = tokens.accessToken
        if (tokens.refreshToken) oauth.refresh_token = tokens.refreshToken
      }
    }
  }

  /** What one action of an event leaves for the next (HubSpot: the contact, for its company). */
  #transaction(part, scope, event) {
    const key = `${scope}\0transaction\0${event?.messageId}`
    const transaction = this.state.get(key) ?? {}
    return {
      transaction,
      setTransaction: (name, value) => {
        transaction[name] = value
        if (!part.preview) this.state.set(key, transaction, TRANSACTION_MS)
      }
    }
  }

  /** What each event becomes and which requests it would make. Nothing is sent. */
  async preview(params) {
    return await this.run({ ...params, preview: true }, async (call, destination) => {
      const job = jobOf(destination, params)
      const payloads = params.events.map((event) => this.#mapped(call, job, event))
      const answers = params.requests === false ? [] : await this.#answers(call, job)
      return { payloads, answers, exchanges: job.exchanges }
    })
  }

  #mapped(call, job, event) {
    try {
      const mapping = structuredClone(job.params.mapping)
      return { payload: transform(mapping, structuredClone(event)), error: '' }
    } catch (error) {
      return { payload: null, error: ofError(error, call).message }
    }
  }
}

function jobOf(destination, params) {
  const action = actionOf(destination, params)
  return { destination, action, params, settings: settingsOf(params), exchanges: [] }
}

/** Upstream answers an unknown action with silence. */
export function actionOf(destination, { destination: slug, action }) {
  if (Object.hasOwn(destination.actions, action)) return destination.actions[action]
  throw new NoSuchDestination(`${slug} has no action ${JSON.stringify(action)}`)
}

const BLANK = {
  status: null,
  message: '',
  response: '',
  after_s: null,
  internal: false,
  misconfigured: false
}

/** Outcomes with what was sent for them; exchanges are kept once, answers point at them. */
function alike(job, part, outcomes) {
  const first = job.exchanges.length
  job.exchanges.push(...part.exchanges)
  const exchanges = part.exchanges.map((_, at) => first + at)
  return outcomes.map((outcome) => ({ ...BLANK, sent: part.sent, exchanges, ...outcome }))
}

/** Settings as upstream wants them; `auth` is ours. */
export function settingsOf({ settings, auth }) {
  if (!auth) return { ...settings }
  const oauth = {
    access_token: auth.access_token,
    refresh_token: auth.refresh_token,
    clientId: auth.client_id,
    clientSecret: auth.client_secret,
    refresh_token_url: auth.refresh_token_url
  }
  return { ...settings, oauth }
}

function withMapping(job) {
  const { params } = job
  const subscription = {
    partnerAction: params.action,
    subscribe: TRUE,
    mapping: structuredClone(params.mapping),
    ID: params.mapping_id,
    ConfigID: params.scope
  }
  return Object.assign(job.settings, { subscriptions: [subscription] })
}

function settingsFit(job) {
  const { oauth: _, subscriptions: __, ...settings } = structuredClone(job.settings)
  try {
    job.destination.validateSettings(settings)
    return true
  } catch {
    return false
  }
}
