// Runs before the side process: sends what goes to the vendors to the recorder instead, and makes
// trouble where a test asks for it by the name of the host. Nothing else leaves, no name resolves.
'use strict'
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
    if (!/\.[a-z]+$/.test(name)) return send.call(http, options, done) // no vendor's
    const usual = protocol === 'https:' ? 443 : 80
    const at = options.port && Number(options.port) !== usual ? `:${options.port}` : ''
    const url = `${protocol}//${name}${at}${options.path || '/'}`
    const headers = { ...options.headers, 'x-original-url': url }
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

require('node:module').syncBuiltinESMExports()
