// Which events may share a request. Upstream's performBatch reads the address, the method, the list
// or the audience from its first event, so events that differ there must not meet.
import { transform } from '@segment/actions-core'

const EVENTS_MAX = 1000
const EVENTS_HARD_MAX = 10_000

/** Lists of indexes into `events`; every index stands in exactly one. */
export function partition(action, mapping, events) {
  const { size, bytes, keys } = limitsOf(action.definition.fields ?? {}, mapping)
  const groups = new Map()
  events.forEach((event, index) => {
    const key = keyOf(keys, event)
    const weight = bytes ? Buffer.byteLength(JSON.stringify(event)) : 0
    const parts = groups.get(key) ?? []
    groups.set(key, parts)
    let part = parts.at(-1)
    if (!part || part.indexes.length >= size || (bytes && part.weight + weight > bytes)) {
      part = { indexes: [], weight: 0 }
      parts.push(part)
    }
    part.indexes.push(index)
    part.weight += weight
  })
  return [...groups.values()].flat().map((part) => part.indexes)
}

function limitsOf(fields, mapping) {
  const given = (name) => mapping[name] ?? fields[name]?.default
  const size = Math.trunc(Number(given('batch_size'))) || EVENTS_MAX
  const names = [given('batch_keys') ?? []].flat().filter((name) => mapping[name] !== undefined)
  return {
    size: Math.min(Math.max(size, 1), EVENTS_HARD_MAX),
    bytes: Number(mapping.batch_bytes) || 0,
    keys: names.length ? Object.fromEntries(names.map((name) => [name, mapping[name]])) : null
  }
}

/** What an event's request would be addressed to, by its mapped values, and its audience. */
function keyOf(keys, event) {
  const audience = event.context?.personas
  const parts = [
    keys && mapped(keys, event),
    audience && [audience.computation_id, audience.external_audience_id, audience.audience_settings]
  ]
  return JSON.stringify(parts)
}

function mapped(keys, event) {
  try {
    return transform(structuredClone(keys), event)
  } catch {
    return 'unmapped' // such an event fails by itself, and then alone
  }
}
