// Checks an OpenAPI document: against the JSON schema of its version, and that
// every reference in it leads somewhere. Exits 1 with the reasons if not.
import { readFile } from "node:fs/promises";
import SwaggerParser from "@apidevtools/swagger-parser";
import { Validator } from "@seriousme/openapi-schema-validator";

const file = process.argv[2];
if (!file) {
  console.error("usage: node check.mjs OPENAPI.json");
  process.exit(2);
}
const text = await readFile(file, "utf8");

const validator = new Validator();
const result = await validator.validate(JSON.parse(text));
if (!result.valid) {
  console.error(`${file} is not valid: ${JSON.stringify(result.errors, null, 2)}`);
  process.exit(1);
}
try {
  await SwaggerParser.validate(JSON.parse(text));
} catch (err) {
  console.error(`${file}: ${err.message}`);
  process.exit(1);
}
console.log(`${file}: valid OpenAPI ${validator.version}`);
