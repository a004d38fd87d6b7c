// Prints Segment's standard snippet for argv: host, write key.
import snippet from "@segment/snippet";

const [host, apiKey] = process.argv.slice(2);
process.stdout.write(snippet.min({ host, apiKey, load: true, page: false }));
