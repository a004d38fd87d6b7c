// Stands where upstream's request client imports `cross-fetch`: sends under our own name, records
// what was exchanged, and caps what is read of an answer.
import send, { Headers, Request, Response } from 'cross-fetch'

import { call } from './context.js'

export { Headers, Request, Response }

const THEIR_NAME = 'Segment (Actions)'
const RESPONSE_BYTES_MAX = 8 * 1024 * 1024
const EXCHANGES_MAX = 50

class AnswerTooLarge extends Error {
  name = 'AnswerTooLarge'
  status = 502
  message = `the answer has more than ${RESPONSE_BYTES_MAX} bytes`
}

let ourName = 'Crossdock'

export const setUserAgent = (name) => {
  ourName = name
}

export default async function fetch(input, options) {
  const request = options || !(input instanceof Request) ? new Request(input, options) : input
  if (request.headers.get('user-agent') === THEIR_NAME) request.headers.set('user-agent', ourName)
  const current = call()
  if (!current) throw new Error('a request outside of a call')
  const exchange = await begin(current, request)
  if (current.preview) {
    current.sent += 1
    return new Response('{}', { status: 200, headers: { 'content-type': 'application/json' } })
  }
  try {
    const response = await send(request)
    return await received(current, exchange, response)
  } catch (error) {
    if (exchange) exchange.error = shown(current, String(error?.message ?? error)).slice(0, 500)
    throw error
  }
}

/** The exchange as it stands before an answer; null where no more are kept. */
async function begin(current, request) {
  if (!current.captureBytes || current.exchanges.length >= EXCHANGES_MAX) return null
  const exchange = {
    method: request.method,
    url: current.redactor.url(request.url),
    headers: current.redactor.headers(request.headers),
    body: '',
    status: null,
    response: '',
    error: ''
  }
  if (Buffer.isBuffer(request.body)) {
    exchange.body = shown(current, request.body.toString())
  } else if (request.body) {
    exchange.body = '(a stream)'
  }
  current.exchanges.push(exchange)
  return exchange
}

/** Secrets go before the text is cut, so that none is left in half. */
const shown = (current, text) => {
  const most = current.captureBytes
  const clean = current.redactor.text(text.length > most * 4 ? text.slice(0, most * 4) : text)
  return clean.length > most ? `${clean.slice(0, most)}... (${text.length} characters)` : clean
}

async function received(current, exchange, response) {
  current.status = response.status
  if (exchange) exchange.status = response.status
  if (response.status === 429 || response.status === 503) {
    current.retryAfter = response.headers.get('retry-after')
  }
  const body = await bodyOf(response)
  if (exchange) {
    exchange.response = shown(current, body.subarray(0, current.captureBytes * 4).toString())
  }
  const { statusText, headers, url } = response
  return new Response(body, { status: response.status, statusText, headers, url })
}

/** Read here and whole: upstream clones a response and reads the clone alone, which stands still at
    the first 16 KiB of a stream. */
async function bodyOf(response) {
  const chunks = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.length
    if (size > RESPONSE_BYTES_MAX) {
      response.body.destroy()
      throw new AnswerTooLarge()
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
