// Segment's client of its Public API, unchanged, as a process that makes the calls of stdin's lines.
//
// argv: basePath token. A line {operation, args} is answered by one {status, body, headers}.
// With the argument --operations it prints every operation with its method and path instead.
import { createInterface } from "node:readline";
import sdk from "@segment/public-api-sdk-typescript";

const [basePath, token] = process.argv.slice(2);
const apis = Object.entries(sdk).filter(([name]) => /^[A-Z]\w*Api$/.test(name));
const own = Object.getOwnPropertyNames(Object.prototype);

function operationsOf(api) {
  const shared = ["constructor", "setDefaultAuthentication", "setApiKey", "addInterceptor", ...own];
  const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(api));
  return Object.entries(members)
    .filter(([name, member]) => typeof member.value === "function" && !shared.includes(name))
    .map(([name]) => name);
}

function client(Api, base) {
  const api = new Api(base);
  api.accessToken = token ?? "";
  return api;
}

class Seen extends Error {}

async function described(Api) {
  const api = client(Api, "http://localhost");
  let seen;
  api.addInterceptor((options) => {
    seen = options;
    throw new Seen();
  });
  const found = [];
  for (const operation of operationsOf(api)) {
    // More arguments than any operation has.
    const args = Array.from({ length: 12 }, (_, n) => `arg${n}`);
    await api[operation](...args).catch((error) => {
      if (!(error instanceof Seen)) throw error;
    });
    found.push({ operation, method: seen.method, path: new URL(seen.uri).pathname });
  }
  return found;
}

async function call(api, operation, args) {
  try {
    const { response, body } = await api[operation](...args);
    return { status: response.statusCode, body, headers: response.headers };
  } catch (error) {
    if (error.statusCode === undefined) return { failed: String(error) };
    return { status: error.statusCode, body: error.body, headers: error.response?.headers };
  }
}

if (process.argv.includes("--operations")) {
  const all = [];
  for (const [, Api] of apis) all.push(...(await described(Api)));
  console.log(JSON.stringify(all));
} else {
  const by = new Map();
  for (const [, Api] of apis) {
    const api = client(Api, basePath);
    for (const operation of operationsOf(api)) by.set(operation, api);
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const { operation, args } = JSON.parse(line);
    console.log(JSON.stringify(await call(by.get(operation), operation, args)));
  }
}
