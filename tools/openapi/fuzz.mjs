// Sends requests to the API that are made from its description, and checks every answer against it: requests that fit it, and
// the same ones twisted. Generator (json-schema-faker) and validator (ajv) are others' work. Arguments: the description, the
// unix socket, a JSON object with "values" of parameters by name, and the seed. Exits 1 with what was found.
import { readFile } from "node:fs/promises";
import http from "node:http";
import SwaggerParser from "@apidevtools/swagger-parser";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { JSONSchemaFaker } from "json-schema-faker";

const [specFile, socketPath, knownText, seedText] = process.argv.slice(2);
if (!seedText) {
  console.error("usage: node fuzz.mjs OPENAPI.json SOCKET KNOWN SEED");
  process.exit(2);
}
const text = await readFile(specFile, "utf8");
const spec = await SwaggerParser.dereference(JSON.parse(text));
const { values: known } = JSON.parse(knownText);
const rounds = 8;

// random is a small generator with a seed (mulberry32), so that what was found is found again.
let state = Number(seedText);
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const pick = (list) => list[Math.floor(random() * list.length)];
JSONSchemaFaker.option({ random, alwaysFakeOptionals: false, optionalsProbability: 0.5, failOnInvalidTypes: false, failOnInvalidFormat: false, maxItems: 4 });
// The generator knows no type that is a list, such as ["array", "null"], and of a list's bounds maxItems only beside minItems.
const plain = (s) => {
  if (Array.isArray(s)) return s.map(plain);
  if (s === null || typeof s !== "object") return s;
  const copy = Object.fromEntries(Object.entries(s).map(([k, v]) => [k, plain(v)]));
  if (Array.isArray(copy.type)) copy.type = copy.type.find((t) => t !== "null");
  if (copy.type === "array") copy.minItems ??= 0;
  return copy;
};
const sample = (schema) => JSONSchemaFaker.generate(plain(schema));

const ajv = new Ajv2020.default({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(JSON.parse(text), "spec");
const pointer = (...parts) => parts.map((p) => String(p).replace(/~/g, "~0").replace(/\//g, "~1")).map(encodeURIComponent).join("/");

const send = (method, path, headers, body) => new Promise((resolve, reject) => {
  const req = http.request({ socketPath, method, path, headers }, (res) => {
    const parts = [];
    res.on("data", (p) => parts.push(p));
    res.on("end", () => resolve({ status: res.statusCode, media: (res.headers["content-type"] ?? "").split(";")[0], body: Buffer.concat(parts).toString() }));
  });
  req.on("error", reject);
  req.end(body);
});

// request makes a request that fits an operation.
const request = (path, method, op) => {
  const made = { method: method.toUpperCase(), path, query: new URLSearchParams(), headers: {}, body: undefined };
  for (const p of op.parameters ?? []) {
    if (p.in === "cookie" || (!p.required && random() < 0.5)) continue;
    const use = known[p.name] && (p.in === "header" || random() < 0.7) ? pick(known[p.name]) : sample(p.schema);
    if (use === "" || use == null) continue;
    if (p.in === "path") made.path = made.path.replace(`{${p.name}}`, encodeURIComponent(use));
    if (p.in === "query") made.query.set(p.name, use);
    if (p.in === "header") made.headers[p.name] = String(use).replace(/[^\x20-\x7e]/g, "x");
  }
  const schema = op.requestBody?.content?.["application/json"]?.schema;
  if (schema && (op.requestBody.required || random() < 0.8)) made.body = sample(schema);
  return made;
};

// twists make something of a request that does not fit any more.
const twists = {
  "an unknown query parameter": (r) => r.query.set("nonsense", "1"),
  "an unknown key": (r) => { if (r.body && typeof r.body === "object") r.body.nonsense = true; },
  "a key of another type": (r) => { for (const k of Object.keys(r.body ?? {}).slice(0, 1)) r.body[k] = { nonsense: [1] }; },
  "a key that is gone": (r) => { for (const k of Object.keys(r.body ?? {}).slice(0, 1)) delete r.body[k]; },
  "a very long text": (r) => { for (const k of Object.keys(r.body ?? {})) if (typeof r.body[k] === "string") r.body[k] = "x".repeat(70000); },
  "control characters": (r) => { for (const k of Object.keys(r.body ?? {})) if (typeof r.body[k] === "string") r.body[k] = "a\u0000\u202eb\n"; },
  "a list for a body": (r) => { if (r.body !== undefined) r.body = [1, null, "x"]; },
  "half of a body": (r) => { if (r.body !== undefined) r.raw = JSON.stringify(r.body).slice(0, -1); },
  "another media type": (r) => { r.headers["content-type"] = "text/plain"; r.raw = "a=b"; },
  "numbers out of range": (r) => { for (const k of r.query.keys()) r.query.set(k, "-99999999999999999999"); },
  "no text at all": (r) => { for (const k of r.query.keys()) r.query.set(k, ""); },
};

const found = new Map();
const find = (what, detail) => { if (!found.has(what)) found.set(what, detail); };
let sent = 0;
const statuses = new Map();
for (const [path, methods] of Object.entries(spec.paths)) {
  for (const [method, op] of Object.entries(methods)) {
    const responses = op.responses ?? {};
    if (Object.values(responses).some((r) => r.content?.["text/event-stream"])) continue; // It does not end.
    for (let i = 0; i < rounds; i++) {
      const r = request(path, method, op);
      const twist = i % 2 ? pick(Object.keys(twists)) : "";
      if (twist) twists[twist](r);
      const body = r.raw ?? (r.body === undefined ? undefined : JSON.stringify(r.body));
      if (body !== undefined) r.headers = { "content-type": "application/json", ...r.headers, "content-length": Buffer.byteLength(body) };
      const target = r.path + (r.query.size ? `?${r.query}` : "");
      const res = await send(r.method, target, r.headers, body);
      sent++;
      statuses.set(res.status, (statuses.get(res.status) ?? 0) + 1);
      const name = `${r.method} ${path}${twist && ` with ${twist}`}: ${res.status}`;
      const detail = `${target} ${body?.slice(0, 200) ?? ""} -> ${res.media} ${res.body.slice(0, 300)}`;
      if (res.status === 500) find(`${name}: an internal error`, detail);
      if (!responses[res.status]) { find(`${name}: the status is not described`, detail); continue; }
      const described = responses[res.status].content;
      if (!described) {
        if (res.body) find(`${name}: a body where none is described`, detail);
        continue;
      }
      const media = Object.keys(described).find((m) => m.split(";")[0] === res.media);
      if (!media) { find(`${name}: ${res.media} is not described`, detail); continue; }
      if (!/json/.test(media)) continue;
      const validate = ajv.getSchema(`spec#/${pointer("paths", path, method, "responses", res.status, "content", media, "schema")}`);
      let answer;
      try { answer = JSON.parse(res.body); } catch { find(`${name}: no JSON`, detail); continue; }
      if (!validate(answer)) find(`${name}: ${ajv.errorsText(validate.errors)}`, detail);
      if (!twist && [400, 405, 415].includes(res.status)) find(`${name}: a request that fits the description`, detail);
      if (!twist && res.status === 422) {
        for (const e of answer.errors ?? []) find(`${r.method} ${path}: a request that fits the description is not valid: ${e.field}: ${e.message}`, detail);
        // What no schema can say, such as a time in the future, is said in words with the code of its refusal.
        if (!JSON.stringify(op).includes(answer.code)) find(`${r.method} ${path}: refused as ${answer.code}, which the description does not say`, detail);
      }
    }
  }
}
for (const [what, detail] of found) console.error(`${what}\n    ${detail}`);
console.log(`${sent} requests, ${[...statuses].sort((a, b) => a[0] - b[0]).map(([s, n]) => `${n} × ${s}`).join(", ")}`);
process.exit(found.size || sent === 0 ? 1 : 0);
