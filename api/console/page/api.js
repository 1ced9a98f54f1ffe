// Requests to the API. An answer that is no success is thrown as a Problem; one that did not come, as one of code "offline".

const base = "/api/v1";

export class Problem extends Error {
  constructor(about) {
    super(about.detail);
    Object.assign(this, { status: 0, code: "", checks: [], errors: [], operation: "", changed: false, try: "" }, about);
  }
}

export async function request(method, path, { body, headers = {}, patience = 10_000 } = {}) {
  let answer;
  try {
    answer = await fetch(base + path, {
      method, headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(patience), cache: "no-store", redirect: "error",
    });
    if (answer.ok) return { body: answer.status === 204 ? null : await answer.json(), etag: answer.headers.get("ETag") ?? "", status: answer.status };
  } catch (error) {
    throw new Problem({ code: "offline", detail: `no answer: ${error.message}` });
  }
  let told = {};
  try { told = await answer.json(); } catch { /* Something between us and failoverd has answered. */ }
  throw new Problem({ code: "unreadable", detail: `the answer was ${answer.status} ${answer.statusText}`, ...told, status: answer.status });
}

export const get = async (path) => (await request("GET", path)).body;

// query is a path with those of the parameters that have a value.
export function query(path, parameters) {
  const text = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== undefined && v !== "")).toString();
  return text ? `${path}?${text}` : path;
}

export const serverPath = (name) => `/servers/${encodeURIComponent(name)}`;
export const operationPath = (id) => `/operations/${encodeURIComponent(id)}`;

// open is a stream of events from after that number on.
export async function open(last, signal) {
  const answer = await fetch(`${base}/events/stream`, { headers: { "Last-Event-ID": String(last) }, signal, cache: "no-store" });
  if (!answer.ok) throw new Problem({ status: answer.status, code: "stream", detail: answer.statusText });
  return answer.body.pipeThrough(new TextDecoderStream()).getReader();
}
