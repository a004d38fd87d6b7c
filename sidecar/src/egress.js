// The one way out. Every TCP connection that destinations open (fetch, https, tls, kafka, sftp) is
// judged after name resolution, so redirects, odd spellings of numbers and names that move are
// judged by where they lead. UDP, Unix sockets and listening are closed.
import dgram from 'node:dgram'
import dns from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

import { call } from './context.js'

export class AddressRefused extends Error {
  name = 'AddressRefused'
  code = 'address_refused'
}

/** Something other than the request client wanted to send while nothing may be sent. */
export class NotSent extends Error {
  name = 'NotSent'
  code = 'not_sent'
}

/** Once, before any code of a destination is loaded. */
export function guardEgress(guard) {
  guardSockets(guard)
  countRequests(http)
  countRequests(https)
  const closed = () => {
    throw new AddressRefused('only TCP connections may be opened')
  }
  dgram.createSocket = closed
  net.Server.prototype.listen = closed
  syncBuiltinESMExports()
}

function guardSockets(guard) {
  const connect = net.Socket.prototype.connect
  net.Socket.prototype.connect = function (...args) {
    const normal = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args)
    const options = normal[0]
    const refuse = (error) => {
      process.nextTick(() => this.destroy(error))
      return this
    }
    if (call()?.preview) return refuse(new NotSent('a preview opens no connection'))
    if (options.path) return refuse(new AddressRefused('Unix sockets are closed'))
    const host = options.host || 'localhost'
    const port = Number(options.port)
    if (net.isIP(host)) {
      const refusal = guard.refusal(host, port, host)
      return refusal ? refuse(new AddressRefused(refusal)) : connect.apply(this, args)
    }
    // A name is always looked up by us: the caller's own `lookup` could answer anything.
    options.lookup = vetted(guard, port)
    return connect.call(this, normal)
  }
}

/** A `lookup` whose every answer is allowed; one refused address refuses the name. */
function vetted(guard, port) {
  return (host, options, done) =>
    dns.lookup(host, { ...options, all: true }, (error, found) => {
      if (error) return done(error)
      for (const { address } of found) {
        const refusal = guard.refusal(host, port, address)
        if (refusal) return done(new AddressRefused(refusal))
      }
      return options.all ? done(null, found) : done(null, found[0].address, found[0].family)
    })
}

/** HTTP requests are counted for the call that made them, the AWS clients' too. */
function countRequests(module) {
  const request = module.request
  module.request = function (...args) {
    const current = call()
    if (current?.preview) throw new NotSent('a preview sends no request')
    if (current) current.sent += 1
    return request.apply(this, args)
  }
  module.get = function (...args) {
    const made = module.request(...args)
    made.end()
    return made
  }
}
