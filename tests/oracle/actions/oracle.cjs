// Calls upstream's packages, and nothing of ours, and records what they hand to their HTTP client.
// In: [{slug, action, settings, auth, mapping, event}]; out: for each {requests, error}, a request
// being {method, url, headers, body}. The packages are those of sidecar/node_modules.
'use strict'
const path = require('node:path')
const fs = require('node:fs')

const modules = path.join(__dirname, '..', '..', '..', 'sidecar', 'node_modules')
const from = (name) => require(path.join(modules, name))
require('./frozen.cjs')

// Upstream asks for cross-fetch by name; what it gets here writes down and answers `{}`.
const real = from('cross-fetch')
let requests = []
const recorded = async (request) => {
  const headers = {}
  request.headers.forEach((value, name) => (headers[name] = value))
  const body = request.body ? request.body.toString() : ''
  requests.push({ method: request.method, url: request.url, headers, body })
  return new real.Response('{}', { status: 200, headers: { 'content-type': 'application/json' } })
}
const entry = require.cache[require.resolve(path.join(modules, 'cross-fetch'))]
entry.exports = Object.assign(recorded, real, { default: recorded, __esModule: true })

const { Destination } = from('@segment/actions-core')
const { manifest } = from('@segment/action-destinations')
const silent = (...names) => Object.fromEntries(names.map((name) => [name, () => {}]))
const destinations = {}
for (const { definition } of Object.values(manifest)) {
  destinations[definition.slug] = new Destination(definition)
}

async function answer({ slug, action, settings, auth, mapping, event }) {
  requests = []
  const subscription = { partnerAction: action, subscribe: 'type != "nothing"', mapping }
  const oauth = auth && { access_token: auth.access_token, refresh_token: auth.refresh_token }
  let error = null
  try {
    await destinations[slug].onEvent(event, { ...settings, subscriptions: [subscription], oauth }, {
      features: { 'mixpanel-multistatus': true },
      statsContext: { statsClient: silent('incr', 'observe', 'set', 'histogram'), tags: [] },
      transactionContext: { transaction: {}, setTransaction() {} },
      stateContext: silent('getRequestContext', 'setResponseContext'),
      logger: silent('info', 'warn', 'error', 'debug', 'crit', 'log', 'withTags')
    })
  } catch (thrown) {
    error = String(thrown)
  }
  return { requests, error }
}

async function main() {
  const answers = []
  for (const question of JSON.parse(fs.readFileSync(0, 'utf8'))) {
    answers.push(await answer(question))
  }
  process.stdout.write(JSON.stringify(answers))
}
console.warn = console.log = console.info = () => {}
main()
