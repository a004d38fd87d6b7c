// Runs before the side process: sends what goes to the vendors to the recorder instead, and makes
// trouble where a test asks for it by the name of the host. Nothing else leaves, no name resolves.
'use strict'
const crypto = require('node:crypto')
const dns = require('node:dns')
const http = require('node:http')
const https = require('node:https')

const { allowed } = JSON.parse(process.env.CROSSDOCK_SIDECAR)
const [host, port] = allowed[0].split(':')
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 })
const send = http.request

const TROUBLE = {
  'spin.test': () => {
    for (;;);
  },
  'hog.test': () => {
    for (const kept = []; ; ) kept.push(new Array(1e5).fill({ a: Math.random() }))
  },
  'exit.test': () => process.exit(7),
  'late.test': () => setTimeout(() => { throw new Error('thrown where nobody waits') }, 1),
  'reject.test': () => void Promise.reject(new Error('nobody waits for this'))
}

const toRecorder = (protocol) =>
  function request(options, done) {
    const name = String(options.hostname || options.host).replace(/:\d+$/, '')
    TROUBLE[name]?.()
    if (!/\.[a-z]+$/.test(name)) return send.call(http, options, done) // no vendor's: a test means it
    const usual = protocol === 'https:' ? 443 : 80
    const at = options.port && Number(options.port) !== usual ? `:${options.port}` : ''
    const url = `${protocol}//${name}${at}${options.path || '/'}`
    const headers = { ...options.headers, 'x-original-url': encodeURI(decodeURI(url)) }
    const { method, path, signal, timeout } = options
    return send.call(http, { host, port, agent, method, path, headers, signal, timeout }, done)
  }

http.request = toRecorder('http:')
https.request = toRecorder('https:')
const lookup = dns.lookup
dns.lookup = (name, options, done) => {
  if (!/\.[a-z]+$/.test(name)) return lookup(name, options, done)
  const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' })
  process.nextTick(() => done(error))
}

if (allowed.includes('frozen.test')) {
  // Asked twice, by us and by upstream alone, the same answer must come: time and chance stand still.
  const NOW = 1787220005000
  const Real = Date
  globalThis.Date = class Date extends Real {
    constructor(...args) {
      args.length ? super(...args) : super(NOW)
    }
    static now() {
      return NOW
    }
  }
  Math.random = () => 0.5
  crypto.randomUUID = () => '00000000-0000-4000-8000-000000000000'
  crypto.randomBytes = (size, done) => (done ? done(null, Buffer.alloc(size, 7)) : Buffer.alloc(size, 7))
}
require('node:module').syncBuiltinESMExports()
