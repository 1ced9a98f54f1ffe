// The history: what has happened, what was done, what people were told of, and what became of each alert. Each part has an
// address, in which its filters stand.
import { html } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { get, query } from "./api.js";
import { Mark } from "./shape.js";
import { Ask, mayNot } from "./actions.js";
import { Table } from "./table.js";
import { EventsPage } from "./events.js";
import { usePages, slowly, Told, Earlier } from "./pages.js";
import { toServer, toOperation, toHistory } from "./place.js";
import { operationWord, plural, result, span, when } from "./words.js";

const parts = [["events", "Events"], ["operations", "Operations"], ["incidents", "Incidents"], ["mails", "Delivery log"]];

export const isHistory = (page) => parts.some(([part]) => part === page);

export function HistoryPage({ at, filter }) {
  const Part = { operations: OperationsPart, incidents: IncidentsPart, mails: MailsPart }[at] ?? EventsPage;
  return html`<section class="operation page" aria-label="History">
    <h1>History</h1>
    <nav class="tabs" aria-label="Parts of the history">${parts.map(([part, word]) => html`<a href=${toHistory(part)} aria-current=${part === at ? "page" : undefined}>${word}</a>`)}</nav>
    <${Part} key=${at} filter=${filter} />
  </section>`;
}

// Choice is a filter that stands in the address; to is the address of another one. What is chosen stands there even if it is not
// among the options, such as a server that was removed.
export function Choice({ label, name, options, filter, to }) {
  const now = filter[name] ?? "";
  const all = options.some(([value]) => value === now) ? options : [...options, [now, now]];
  return html`<label>${label} <select name=${name} value=${now} onChange=${(e) => { location.replace(to({ ...filter, [name]: e.target.value })); }}>
    ${all.map(([value, word]) => html`<option value=${value} selected=${value === now}>${word}</option>`)}</select></label>`;
}

export const servers = () => [["", "all"], ...state.snapshot.servers.map((s) => [s.name, s.name])];

const kinds = ["takeover", "release", "handover", "failback", "drill", "replicate-from-live", "replicate-to-live", "rollback"];

function OperationsPart({ filter }) {
  const to = (f) => toHistory("operations", f);
  const list = usePages({ key: JSON.stringify(filter), part: "operations", id: (o) => o.id, moment: slowly(), ask: (page) => get(query("/operations", { server: filter.server, kind: filter.kind, ...page })) });
  return html`<div><div class="bar"><${Choice} label="Server" name="server" options=${servers()} filter=${filter} to=${to} />
      <${Choice} label="Kind" name="kind" options=${[["", "all kinds"], ...kinds.map((k) => [k, operationWord(k)])]} filter=${filter} to=${to} /></div>
    <${Told} list=${list} none="Nothing of this was done." />
    ${list.records?.length > 0 && html`<${Operations} label="Operations" list=${list.records} servers />`}
    <${Earlier} list=${list} what="operations" /></div>`;
}

// Operations is a table of operations; of several servers, it tells which.
export function Operations({ label, list, servers }) {
  return html`<${Table} label=${label} heads=${["What", ...(servers ? ["Server"] : []), "Result", "Began", "Took", "By"]} rows=${list.map((o) => ({ key: o.id, cells: [
    html`<a href=${toOperation(o.id)}>${operationWord(o.kind)}</a>`,
    ...(servers ? [html`<a href=${toServer(o.server)}>${o.server}</a>`] : []),
    html`<${Mark} as=${result(o.state)} />${o.error ? html`<p class="problem">${o.error}</p>` : ""}`,
    when(o.started_at), o.ended_at ? span((Date.parse(o.ended_at) - Date.parse(o.started_at)) / 1000) : "runs",
    html`${o.by.name || o.by.kind}${o.reason ? html`<small>${o.reason}</small>` : ""}`,
  ] }))} />`;
}

function IncidentsPart({ filter }) {
  const to = (f) => toHistory("incidents", f);
  const list = usePages({ key: JSON.stringify(filter), part: "incidents", id: (i) => i.id, moment: slowly(), ask: (page) => get(query("/incidents", { server: filter.server, open: filter.open, ...page })) });
  return html`<div><div class="bar"><${Choice} label="Server" name="server" options=${servers()} filter=${filter} to=${to} />
      <${Choice} label="Which" name="open" options=${[["", "all"], ["true", "open ones"]]} filter=${filter} to=${to} /></div>
    <${Told} list=${list} none=${filter.open ? "No incident is open." : "Nobody had to be told of anything."} />
    ${list.records?.length > 0 && html`<${Table} label="Incidents" heads=${["What", "Server", "Began", "Lasted", "Who takes care", "Told"]} rows=${list.records.map((i) => ({ key: i.id, cells: [
      html`<${Mark} as=${i.severity === "critical" ? { shape: "cross", tone: "bad" } : { shape: "triangle", tone: "warn" }}>${i.title}<//>${i.latest && i.latest !== i.title ? html`<small>${i.latest}</small>` : ""}`,
      i.server ? html`<a href=${toServer(i.server)}>${i.server}</a>` : "the standby", when(i.opened_at),
      i.ended_at ? span((Date.parse(i.ended_at) - Date.parse(i.opened_at)) / 1000) : html`<b>is open</b>`, html`<${Carer} i=${i} />`,
      html`<a href=${toHistory("mails", { incident: i.id })}>its alerts<span class="unseen"> about ${i.title}</span></a>${i.reminders > 0 ? html`<small>${plural(i.reminders, "reminder")}</small>` : ""}${
        i.escalated_at ? html`<small>escalated ${when(i.escalated_at)}</small>` : ""}`,
    ] }))} />`}
    <${Earlier} list=${list} what="incidents" /></div>`;
}

// Carer is who takes care of an incident, or how to.
function Carer({ i }) {
  if (i.acknowledged) return html`${i.acknowledged.by}<small>since ${when(i.acknowledged.at)}${i.acknowledged.reason ? `: ${i.acknowledged.reason}` : ""}</small>`;
  if (i.ended_at) return "nobody";
  return html`nobody <${Ask} plain order=${{ action: "acknowledge", incident: i }} why=${mayNot()} id=${`acknowledge-${i.id}`}>Acknowledge<//>`;
}

const states = [["", "all"], ["sent", "sent"], ["pending", "waiting"], ["failed", "failed"], ["dropped", "left out"]];

function MailsPart({ filter }) {
  const to = (f) => toHistory("mails", f);
  const list = usePages({ key: JSON.stringify(filter), part: "mails", id: (m) => m.id, moment: slowly(), ask: (page) => get(query("/mails", { server: filter.server, state: filter.state, incident: filter.incident, ...page })) });
  return html`<div><div class="bar"><${Choice} label="Server" name="server" options=${servers()} filter=${filter} to=${to} />
      <${Choice} label="State" name="state" options=${states} filter=${filter} to=${to} />
      ${filter.incident && html`<span>Only of incident <code>${filter.incident}</code> <a href=${to({ ...filter, incident: "" })}>all</a></span>`}</div>
    <${Told} list=${list} none="Nothing of this was sent." />
    ${list.records?.length > 0 && html`<${Deliveries} list=${list.records} />`}
    <${Earlier} list=${list} what="alerts" /></div>`;
}

const deliveryLook = {
  sent: { shape: "check", tone: "good" }, pending: { shape: "circle", tone: "quiet" }, failed: { shape: "cross", tone: "bad" }, dropped: { shape: "triangle", tone: "warn" },
};

// Deliveries is the delivery log: each alert to each recipient.
export function Deliveries({ list }) {
  return html`<${Table} label="Delivery log" heads=${["To", "About", "State", "Answer", "Made", "Tries"]} rows=${list.map((m) => ({ key: m.id, cells: [
    m.recipient, html`${m.server ? html`<a href=${toServer(m.server)}>${m.server}</a> ` : ""}${m.kind}`, html`<${Mark} as=${{ word: m.state, ...deliveryLook[m.state] }} />`,
    m.answer || (m.next_try_at ? `next try ${when(m.next_try_at)}` : ""), when(m.created_at), String(m.attempts),
  ] }))} />`;
}
