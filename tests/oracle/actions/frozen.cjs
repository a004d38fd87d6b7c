// Asked twice, by us and by upstream alone, the same answer must come: time and chance stand still.
'use strict'
const crypto = require('node:crypto')

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
const seven = (size) => Buffer.alloc(size, 7)
crypto.randomBytes = (size, done) => (done ? done(null, seven(size)) : seven(size))
crypto.randomFillSync = (buffer) => buffer.fill(7)
globalThis.crypto.getRandomValues = (array) => array.fill(7)
require('node:module').syncBuiltinESMExports()
