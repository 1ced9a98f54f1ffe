// Checks answers of the API against its description. The second file is a list
// of {method, path, status, media, body}; path is as in the description. Exits 1
// with the reasons if one does not fit.
import { readFile } from "node:fs/promises";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [specFile, answersFile] = process.argv.slice(2);
if (!answersFile) {
  console.error("usage: node answers.mjs OPENAPI.json ANSWERS.json");
  process.exit(2);
}
const spec = JSON.parse(await readFile(specFile, "utf8"));
const answers = JSON.parse(await readFile(answersFile, "utf8"));

const ajv = new Ajv2020.default({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(spec, "spec");

const pointer = (...parts) => parts.map((p) => String(p).replace(/~/g, "~0").replace(/\//g, "~1")).map(encodeURIComponent).join("/");
let bad = 0;
for (const a of answers) {
  const name = `${a.method} ${a.path} ${a.status}`;
  const described = spec.paths[a.path]?.[a.method]?.responses?.[a.status]?.content?.[a.media];
  if (!described) {
    console.error(`${name} ${a.media}: not described`);
    bad++;
    continue;
  }
  const validate = ajv.getSchema(`spec#/${pointer("paths", a.path, a.method, "responses", a.status, "content", a.media, "schema")}`);
  if (!validate(a.body)) {
    console.error(`${name}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(a.body).slice(0, 400)}`);
    bad++;
  }
}
if (bad > 0 || answers.length === 0) {
  process.exit(1);
}
console.log(`${answers.length} answers fit`);
