// Sends the calls of stdin's JSON {url, writeKey, calls} with Segment's SDK for Node.
import { Analytics } from "@segment/analytics-node";
import { readFileSync } from "node:fs";

const { url, writeKey, calls } = JSON.parse(readFileSync(0, "utf8"));
const analytics = new Analytics({ host: url, writeKey, flushAt: 15, flushInterval: 200 });
analytics.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});
for (const { type, ...fields } of calls) analytics[type](fields);
await analytics.closeAndFlush({ timeout: 60_000 });
