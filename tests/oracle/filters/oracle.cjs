// Asks the SDKs' own evaluator of filters, as the browser's middleware does. In: [[rules, event]]
// on standard input; out: a list with what is left of each event, null where it is dropped.
const { matches, transform } = require('../fql/node_modules/@segment/tsub')

const judge = ([rules, event]) => {
  let left = event
  for (const { matchers, transformers } of rules) {
    for (let n = 0; n < matchers.length && left !== null; n++) {
      if (matches(left, matchers[n])) left = transform(left, transformers[n])
    }
  }
  return left
}
process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8')).map(judge)))
