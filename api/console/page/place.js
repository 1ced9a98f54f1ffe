// Where the reader is: #/, #/servers/NAME, #/servers/NAME/TAB, #/operations/ID, #/options, and of the
// history #/events?server=…&kind=…, #/operations, #/incidents, #/mails

export function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", name = "", tab = ""] = path.split("/");
  return { page, name: read(name), tab, query: Object.fromEntries(new URLSearchParams(query)) };
}

export const toServer = (name, tab = "", filter = {}) => `#/servers/${encodeURIComponent(name)}${tab && `/${tab}`}${written(filter)}`;
export const toOperation = (id) => `#/operations/${encodeURIComponent(id)}`;
export const toHistory = (part, filter = {}) => `#/${part}${written(filter)}`;
export const toEvents = (filter) => toHistory("events", filter);

function written(filter) {
  const query = new URLSearchParams(Object.entries(filter).filter(([, v]) => v)).toString();
  return query && `?${query}`;
}

function read(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}
