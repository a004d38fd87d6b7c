// A side process: answers calls on an inherited socket until the other end goes away.
//   CROSSDOCK_SIDECAR={"fd", "allowed", "allow_private", "user_agent"} node main.js
// The egress guard stands before any code of a destination is loaded.
import net from 'node:net'

import { AddressGuard } from './addresses.js'
import { guardEgress } from './egress.js'
import { frames } from './frames.js'

const options = JSON.parse(process.env.CROSSDOCK_SIDECAR)
delete process.env.CROSSDOCK_SIDECAR
const socket = new net.Socket({ fd: options.fd, readable: true, writable: true })
guardEgress(new AddressGuard(options.allowed, options.allow_private))

// A destination that forgot to wait for something must not end the others' calls.
process.on('unhandledRejection', (reason) => {
  process.stderr.write(`unhandled rejection: ${reason?.stack ?? reason}\n`)
})

const { methods } = await import('./methods.js')
const calls = methods(options)
const send = frames(socket, (message) => {
  answer(message).then(send, (error) => {
    process.stderr.write(`an answer cannot be sent: ${error?.stack ?? error}\n`)
    process.exit(1)
  })
})
socket.on('error', () => {})
socket.on('close', () => process.exit(0))

async function answer({ id, method, params }) {
  try {
    if (!Object.hasOwn(calls, method)) throw new Error(`no method ${JSON.stringify(method)}`)
    const given = { settings: {}, mapping: {}, events: [], ...params }
    return { id, ok: await calls[method](given), error: null }
  } catch (error) {
    const { name, message } = error
    return { id, ok: null, error: { name, message } }
  }
}
send({ id: 0, ok: { pid: process.pid, node: process.version }, error: null })
