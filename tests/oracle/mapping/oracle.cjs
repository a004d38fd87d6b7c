// Asks Segment's own mapping kit. In: [["resolve", mapping, event] | ["empty", payload, schema] |
// ["arrify", payload, schema]] on standard input; out: a list with the answers, each {value} or,
// where the package threw, {error}. Nothing is null here, as it is in JSON.
process.env.TZ = 'UTC'
// By its path: the package doesn't export these files.
const core = require('path').join(__dirname, 'node_modules/@segment/actions-core/dist/cjs/')
const { transform } = require(core + 'mapping-kit')
const { removeEmptyValues } = require(core + 'remove-empty-values')
const { arrifyFields } = require(core + 'arrify')

const answers = {
  resolve: transform,
  empty: (payload, schema) => removeEmptyValues(payload, schema, true),
  arrify: arrifyFields
}
const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const attempt = ([kind, ...given]) => {
  try {
    const value = answers[kind](...given)
    return { value: value === undefined ? null : value }
  } catch (error) {
    return { error: String(error.message).slice(0, 80) }
  }
}
process.stdout.write(JSON.stringify(asked.map(attempt)))
