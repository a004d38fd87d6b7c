// Asks Segment's own packages. In: {lex: [source], trigger: [[source, event]], form: [[ir, event]]}
// on standard input; out: the same lists with the answers. A thrown error is answered as null.
const fql = require('@segment/fql-ts')
const { parseFql, validate } = require('@segment/destination-subscriptions')
const { matches } = require('@segment/tsub')

const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const attempt = (question) => {
  try {
    return question()
  } catch (error) {
    return null
  }
}
const lex = (source) => {
  const { tokens, error } = fql.lex(source)
  return error ? null : tokens.map(({ type, value }) => [type, value])
}
const answers = {
  lex: (asked.lex || []).map(lex),
  trigger: (asked.trigger || []).map(([source, event]) =>
    attempt(() => validate(parseFql(source), event))
  ),
  form: (asked.form || []).map(([ir, event]) =>
    attempt(() => matches(event, { type: 'fql', ir: JSON.stringify(ir) }))
  )
}
process.stdout.write(JSON.stringify(answers))
