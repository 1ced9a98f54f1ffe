// The history, with filters that stand in the address.
import { html, useState, useEffect } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { get, query } from "./api.js";
import { Line } from "./log.js";
import { toEvents } from "./place.js";
import { date } from "./words.js";

const kinds = [
  ["", "all kinds"], ["takeover.*", "takeovers"], ["release.*", "releases"], ["server.*", "servers"], ["replicat*", "replications"], ["decision.*", "decisions"],
  ["address.*", "addresses"], ["standby.*", "the standby itself"], ["daemon.*", "the daemon"], ["config.*", "configuration"], ["alert*", "alerts"], ["audit.*", "access"],
];
const spans = [["", "all"], ["1", "1 hour"], ["24", "24 hours"], ["168", "7 days"], ["720", "30 days"]];

// EventsPage shows what fits the filter; to is the address of another filter. Of one server alone, it does not ask which.
export function EventsPage({ filter, to = toEvents, of }) {
  const [list, keep] = useState({ events: null, next: null, problem: "" });
  const key = JSON.stringify([of, filter]);
  const newest = state.events.find((e) => !e.gap)?.seq;
  const ask = (before) => get(query("/events", {
    server: of ?? filter.server, kind: filter.kind, before, limit: 100,
    since: filter.hours ? new Date(Date.now() - filter.hours * 3_600_000).toISOString() : undefined,
  }));
  useEffect(() => {
    let meant = true;
    ask().then(
      (page) => { if (meant) keep((old) => join(page, old.key === key ? old : null, key)); },
      (p) => { if (meant) keep({ key, events: [], next: null, problem: p.message }); });
    return () => { meant = false; };
  }, [key, newest]);
  const more = async () => {
    try {
      const page = await ask(list.next);
      keep((old) => (old.key === key ? { ...old, events: [...old.events, ...page.events], next: page.next } : old));
    } catch (p) {
      keep((old) => ({ ...old, problem: p.message }));
    }
  };
  const change = (name) => (e) => { location.replace(to({ ...filter, [name]: e.target.value })); };
  const choice = (label, name, options) => html`<label>${label} <select value=${filter[name] ?? ""} onChange=${change(name)}>
    ${options.map(([value, word]) => html`<option value=${value} selected=${value === (filter[name] ?? "")}>${word}</option>`)}</select></label>`;

  let day = "";
  return html`<section class="log history">
    <div class="bar">${of ? html`<h2>History</h2>` : html`<h1>History</h1>`}
      ${!of && choice("Server", "server", [["", "all"], ...state.snapshot.servers.map((s) => [s.name, s.name])])}
      ${choice("Kind", "kind", kinds)} ${choice("Last", "hours", spans)}</div>
    ${list.problem && html`<p class="problem" role="alert">${list.problem}</p>`}
    ${list.events === null ? html`<p>Asking …</p>` : list.events.length === 0 ? html`<p role="status">Nothing of this has happened. ${Object.keys(filter).length > 0 && html`<a href=${to({})}>Show all</a>`}</p>` : ""}
    <ul>${(list.events ?? []).map((e) => {
      const on = date(e.time);
      const head = on === day ? "" : html`<li class="day" key=${on}>${on}</li>`;
      day = on;
      return html`${head}<${Line} key=${e.seq} e=${e} />`;
    })}</ul>
    ${list.next !== null && html`<p><button type="button" onClick=${more}>Show earlier ones</button></p>`}
  </section>`;
}

// join puts the newest page above what was there.
function join(page, old, key) {
  if (!old?.events?.length || !page.events.length) return { key, events: page.events, next: page.next, problem: "" };
  const oldest = page.events[page.events.length - 1].seq;
  const rest = old.events.filter((e) => e.seq < oldest);
  return { key, events: [...page.events, ...rest], next: rest.length ? old.next : page.next, problem: "" };
}
