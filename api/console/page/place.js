// Where the reader is: #/, #/servers/NAME, #/operations/ID, #/events?server=…&kind=…

export function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", name = ""] = path.split("/");
  return { page, name: read(name), query: Object.fromEntries(new URLSearchParams(query)) };
}

export const toServer = (name) => `#/servers/${encodeURIComponent(name)}`;
export const toOperation = (id) => `#/operations/${encodeURIComponent(id)}`;
export function toEvents(filter) {
  const query = new URLSearchParams(Object.entries(filter).filter(([, v]) => v)).toString();
  return `#/events${query ? `?${query}` : ""}`;
}

function read(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}
