// Sends the calls of stdin's JSON {url, writeKey, calls} with RudderStack's SDK for Node.
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { readFileSync } from "node:fs";

const { url, writeKey, calls } = JSON.parse(readFileSync(0, "utf8"));
const client = new RudderAnalytics(writeKey, { dataPlaneUrl: url, flushAt: 20, flushInterval: 200 });
for (const { type, ...fields } of calls) client[type](fields);
const failed = await new Promise((resolve) => client.flush(resolve));
if (failed) {
  console.error(failed);
  process.exitCode = 1;
}
process.exit();
