// Which addresses may be connected to: the rules of src/crossdock/base/addresses.py, spoken again
// in JavaScript. A test asks both sides the same questions.
import net from 'node:net'

const METADATA = new net.BlockList()
for (const address of [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192'
]) {
  METADATA.addAddress(address, 'ipv4')
}
METADATA.addAddress('fd00:ec2::254', 'ipv6')
METADATA.addAddress('fd00:ec2::23', 'ipv6')

const PRIVATE_4 = `0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
  192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24
  203.0.113.0/24 224.0.0.0/4 240.0.0.0/4`
// Only 2000::/3 is handed out; what is taken out of it stands after.
const PRIVATE_6 = '::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 2002::/16 3fff::/20'

// A list each: Node finds an IPv4 address in an IPv6 network too, as a mapped one.
const PRIVATE = { ipv4: listOf(PRIVATE_4, 'ipv4'), ipv6: listOf(PRIVATE_6, 'ipv6') }

function listOf(text, family) {
  const list = new net.BlockList()
  for (const entry of text.split(/\s+/)) {
    const [network, prefix] = entry.split('/')
    list.addSubnet(network, Number(prefix), family)
  }
  return list
}

const isPrivate = (address) => PRIVATE[familyOf(address)].check(address, familyOf(address))

const familyOf = (address) => (net.isIPv6(address) ? 'ipv6' : 'ipv4')

/** What an address leads to: itself, or the IPv4 addresses that an IPv6 one wraps. */
function facesOf(address) {
  if (!net.isIPv6(address)) return [address]
  const groups = groupsOf(address)
  const head = groups.slice(0, 6).join(':')
  // IPv4-mapped and NAT64 are IPv4 in other clothes; 6to4 is judged as both.
  if (head === '0:0:0:0:0:ffff' || head === '64:ff9b:0:0:0:0') return [dotted(groups, 6)]
  return groups[0] === '2002' ? [address, dotted(groups, 1)] : [address]
}

/** The IPv4 address in two groups of an IPv6 one. */
function dotted(groups, at) {
  const [high, low] = groups.slice(at, at + 2).map((group) => parseInt(group, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight groups of an IPv6 address, lower case, without leading zeros. */
function groupsOf(address) {
  let text = address.split('%')[0].toLowerCase()
  const mixed = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  if (mixed) {
    const [a, b, c, d] = mixed.slice(2).map(Number)
    text = `${mixed[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const [left, right] = text.split('::')
  const before = left ? left.split(':') : []
  const after = right ? right.split(':') : []
  const missing = right === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array(missing).fill('0'), ...after].map((g) => parseInt(g, 16).toString(16))
}

/** Says yes or no to one address; made of `allowed_addresses` and `allow_private_addresses`. */
export class AddressGuard {
  constructor(allowed = [], allowPrivate = false) {
    this.entries = allowed.map(entryOf)
    this.allowPrivate = allowPrivate
  }

  /** Why `address`, to which `host` led, may not be connected to; null where it may. */
  refusal(host, port, address) {
    const plain = address.split('%')[0]
    const faces = facesOf(plain)
    if (faces.some((face) => METADATA.check(face, familyOf(face)))) {
      return this.#hasOwnEntry(port, plain) ? null : refusalOf(host, port, plain, 'metadata')
    }
    if (!faces.some(isPrivate)) return null
    if (this.allowPrivate || this.#isListed(host, port, plain)) return null
    return refusalOf(host, port, plain, 'private')
  }

  #isListed(host, port, address) {
    return this.entries.some(
      (entry) =>
        (entry.list ? isIn(entry, address) : entry.host === host.toLowerCase()) &&
        (entry.port === null || entry.port === port)
    )
  }

  #hasOwnEntry(port, address) {
    return this.entries.some(
      (entry) =>
        entry.list && entry.single && isIn(entry, address) && [null, port].includes(entry.port)
    )
  }
}

const isIn = (entry, address) =>
  entry.family === familyOf(address) && entry.list.check(address, entry.family)

/** `host`, `network`, either with `:port`; Python has refused everything else at start. */
function entryOf(text) {
  const entry = text.trim().toLowerCase()
  const whole = networkOf(entry.replace(/^\[|\]$/g, ''))
  if (whole) return { ...whole, port: null }
  const [, host, port] = /^(.*?)(?::(\d+))?$/.exec(entry)
  const network = networkOf(host.replace(/^\[|\]$/g, ''))
  return { host, ...network, port: port === undefined ? null : Number(port) }
}

function networkOf(text) {
  const [address, length] = text.split('/')
  if (!net.isIP(address)) return null
  const family = familyOf(address)
  const bits = family === 'ipv6' ? 128 : 32
  const prefix = length === undefined ? bits : Number(length)
  const list = new net.BlockList()
  list.addSubnet(address, prefix, family)
  return { list, family, single: prefix === bits }
}

function refusalOf(host, port, address, what) {
  const number = net.isIPv6(address) ? `[${address}]` : address
  const where =
    host === address
      ? `${address} is a ${what} address`
      : `${host} leads to the ${what} address ${address}`
  return (
    `${where}; if that is meant, add this line to crossdock.toml: ` +
    `allowed_addresses = ["${number}:${port}"]`
  )
}
