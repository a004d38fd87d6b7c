// The `segment` destination hands its calls back for Segment's own pipeline to send, so we send them:
// to /v1/batch of Segment, or of whatever else speaks its API.
import { createRequestClient } from '@segment/actions-core'

import { discarded, ofError } from './outcomes.js'

export const SLUG = 'actions-segment'
const ENDPOINT = 'https://api.segment.io'
const BATCH_BYTES_MAX = 480_000
const BATCH_EVENTS_MAX = 250

/** Send what the actions returned; one outcome for each entry of `calls` (lists of messages). */
export async function sendAll(calls, settings, call) {
  const outcomes = new Array(calls.length)
  for (const indexes of chunks(calls)) {
    const batch = indexes.flatMap((index) => calls[index])
    const outcome = await send(batch, settings, call)
    for (const index of indexes) outcomes[index] = outcome
  }
  return outcomes
}

function chunks(calls) {
  const found = []
  let bytes = 0
  calls.forEach((messages, index) => {
    const size = Buffer.byteLength(JSON.stringify(messages))
    const last = found.at(-1)
    if (last && last.length < BATCH_EVENTS_MAX && bytes + size <= BATCH_BYTES_MAX) {
      last.push(index)
      bytes += size
    } else {
      found.push([index])
      bytes = size
    }
  })
  return found
}

async function send(batch, settings, call) {
  const key = settings.source_write_key
  if (!key) return discarded('INVALID_SETTINGS', 'the setting source_write_key is missing')
  const authorization = `Basic ${Buffer.from(`${key}:`).toString('base64')}`
  const request = createRequestClient({ headers: { authorization }, signal: call.signal })
  const url = `${String(settings.endpoint ?? ENDPOINT).replace(/\/+$/, '')}/v1/batch`
  try {
    const { status } = await request(url, { method: 'post', json: { batch } })
    return { class: 'delivered', status, code: 'delivered' }
  } catch (error) {
    return ofError(error, call)
  }
}
