// One server beside the list: what holds, what can be ordered, why it is ready or not, its data, its addresses, its last
// operation. The rest is on the server's own page.
import { html, useState, useEffect } from "./vendor/htm-preact.js";
import { state, serverNow } from "./store.js";
import { get, query, operationPath } from "./api.js";
import { Mark } from "./shape.js";
import { Actions } from "./actions.js";
import { Chart } from "./chart.js";
import { Progress } from "./operation.js";
import { Files } from "./files.js";
import { slowly } from "./pages.js";
import { toOperation, toServer } from "./place.js";
import { look, copyLook, readiness, result, serves, span, when, since, bytes, number, operationWord } from "./words.js";

export const tabs = [["overview", "Overview"], ["replication", "Replication"], ["events", "Events"], ["drills", "Drills"], ["settings", "Settings"]];

// Tabs lead to the parts of a server's own page.
export function Tabs({ name, at }) {
  return html`<nav class="tabs" aria-label=${`Pages of ${name}`}>${tabs.map(([tab, word]) => html`<a href=${toServer(name, tab)} aria-current=${tab === at ? "page" : undefined}>${word}</a>`)}</nav>`;
}

export function Details({ server: s }) {
  const standby = state.snapshot.standby.name;
  return html`<section class="details" aria-label=${`Details of ${s.name}`}>
    <h2>${s.name} <${Mark} as=${look(s)} /></h2>
    <${Tabs} name=${s.name} />
    <${Standing} s=${s} />
    <${Actions} server=${s} />
    <${Readiness} s=${s} />
    <${Data} s=${s} standby=${standby} />
    <${Files} s=${s} standby=${standby} />
    <${Drills} s=${s} />
    <${Addresses} s=${s} />
    <${LastOperation} s=${s} />
    <${Chart} name=${s.name} />
  </section>`;
}

// Standing is who serves, why, and what helps.
export function Standing({ s }) {
  return html`<p class="summary"><b>Served by ${serves(s, state.snapshot.standby.name)}.</b> ${sentence(s.summary)} <small>${s.state} since ${when(s.state_since)} (${since(s.state_since, serverNow())}).</small></p>
    ${s.hold && html`<p class="hold"><${Mark} as=${{ shape: "triangle", tone: "warn" }}>Not taken over: ${s.hold.reason}<//></p>`}
    ${s.suspension && html`<p>${s.suspension.by} did that ${when(s.suspension.since)}${s.suspension.until ? `, until ${when(s.suspension.until)}` : ""}${s.suspension.reason ? `: ${s.suspension.reason}` : ""}.</p>`}
    ${s.next && html`<p>What helps: <code>${s.next}</code></p>`}`;
}

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "");

export function Readiness({ s }) {
  const wrong = s.readiness.checks.filter((c) => c.result !== "ok");
  const right = s.readiness.checks.filter((c) => c.result === "ok");
  return html`<h3>Would a takeover succeed now? <${Mark} as=${readiness(s.readiness.verdict)} /></h3>
    ${wrong.length > 0 && html`<${Checks} list=${wrong} />`}
    ${right.length > 0 && html`<details class="fold"><summary>${right.length} checks are ok</summary><${Checks} list=${right} /></details>`}`;
}

export function Checks({ list }) {
  return html`<ul class="checks">${list.map((c) => html`<li key=${c.name}>
    <${Mark} as=${result(c.result)}><b>${c.name}</b><//> ${c.value}${c.result !== "ok" && c.limit ? html` <small>needed: ${c.limit}</small>` : ""}
    ${c.result !== "ok" && c.help && html` <code>${c.help}</code>`}</li>`)}</ul>`;
}

function Data({ s, standby }) {
  if (!s.copies.length) return null;
  return html`<h3>Data: ${s.name} → ${standby}</h3>
    ${s.diverged && html`<p><${Mark} as=${{ shape: "triangle", tone: "warn" }}>${standby} has written since the takeover: its data is newer than ${s.name}'s.<//></p>`}
    ${s.replication && html`<${Running} id=${s.replication} />`}
    <ul class="copies">${s.copies.map((c) => html`<li key=${c.engine + c.catalog}>
      <b>${c.catalog}</b> <small>${c.engine}</small>
      ${c.age_s === null ? html`<p><${Mark} as=${{ shape: "cross", tone: "bad" }}>never copied completely<//></p>`
        : html`<p><${Mark} as=${copyLook(c)}>
          ${span(c.age_s)} old${c.max_age_s === null ? ", no limit set" : `, limit ${span(c.max_age_s)}`}<//>
          <small>as of ${when(c.snapshot_at)}; ${number(c.rows)} rows, ${bytes(c.bytes)}; ${c.verified_at ? `verified ${when(c.verified_at)}` : "not verified"}${
          c.source === "unchanged" ? "; nothing new at the source" : ""}</small></p>`}
      ${c.attempt && !c.attempt.ok && html`<p><${Mark} as=${result("failed")}>failed ${when(c.attempt.at)}: ${c.attempt.error}<//> <a href=${toOperation(c.attempt.operation)}>its steps</a></p>`}
      <p><small>${c.next_at ? `next ${when(c.next_at)}` : "only by order"}${c.previous_at ? `; the copy before, of ${when(c.previous_at)}, is kept` : ""}</small></p>
    </li>`)}</ul>`;
}

function Drills({ s }) {
  const d = s.drill;
  if (!d) return null;
  return html`<h3>Drills</h3>
    ${d.operation && html`<${Running} id=${d.operation} />`}
    <p><${DrillAge} s=${s} /> ${d.last && html`<a href=${toOperation(d.last.operation)}>its steps</a>`}</p>
    ${d.last && !d.last.ok && html`<p class="problem">${d.last.error}</p>`}
    <p><small>${d.next_at ? `next ${when(d.next_at)}` : "only by order"}${d.last?.not_rehearsed.length ? `; not rehearsed: ${d.last.not_rehearsed.join("; ")}` : ""}</small></p>`;
}

// DrillAge is when a takeover was last rehearsed, against its limit.
export function DrillAge({ s }) {
  const d = s.drill;
  if (!d) return html`<small>nothing to rehearse</small>`;
  if (!d.last) return html`<${Mark} as=${{ shape: "triangle", tone: "warn" }}>never rehearsed<//>`;
  if (!d.last.ok) return html`<${Mark} as=${{ shape: "cross", tone: "bad" }}>drill failed<small>${when(d.last.at)}</small><//>`;
  const over = d.max_age_s !== null && d.age_s > d.max_age_s;
  return html`<${Mark} as=${over ? { shape: "triangle", tone: "warn" } : { shape: "check", tone: "good" }}>rehearsed<small>${span(d.age_s)} ago${d.max_age_s === null ? "" : `, limit ${span(d.max_age_s)}`}</small><//>`;
}

export function Running({ id }) {
  const record = useRecord(() => get(operationPath(id)), id);
  if (!record) return null;
  return html`<p><a href=${toOperation(id)}>${operationWord(record.kind)} ${record.state}</a> <${Progress} p=${record.progress} /></p>`;
}

export function Addresses({ s }) {
  return html`<h3>Addresses</h3>
    <ul class="addresses">
      ${s.paths.map((p) => html`<li key=${p.address}><code>${p.address}</code> <${Mark} as=${result(p.outcome)}>${p.outcome === "answered" ? `answers in ${span(p.rtt_s ?? 0)}` : p.outcome === "missed" ? `${p.misses} missed` : p.outcome === "none" ? "not asked" : "cannot be asked"}<//>
        <small>${p.address === s.management_address ? "management " : ""}${p.outcome === "answered" ? "" : p.detail}</small></li>`)}
      ${s.probes.map((p) => html`<li key=${p.name}>${p.name} <small>${p.kind}</small> <${Mark} as=${result(p.outcome)} /> <small>${p.detail}</small></li>`)}
      <li>${s.assume_address ? html`taken over: ${s.service_addresses.map((a) => html`<code>${a}</code> `)}` : "no address is taken over"}</li>
      <li><small>takeover ${s.takeover}, priority ${s.priority}</small></li>
    </ul>`;
}

export function LastOperation({ s }) {
  const list = useRecord(() => get(query("/operations", { server: s.name, limit: 1 })), s.name);
  const last = list?.operations[0];
  if (!last) return null;
  return html`<h3>Last operation</h3>
    <p><${Mark} as=${result(last.state)}><a href=${toOperation(last.id)}>${operationWord(last.kind)}</a> ${last.state}<//>
      <small>${when(last.started_at)}, by ${last.by.name}${last.reason ? `: ${last.reason}` : ""}</small></p>
    <ol class="steps short">${last.steps.map((d) => html`<li key=${d.name}><${Mark} as=${result(d.state)}>${d.title || d.name}<//></li>`)}</ol>
    ${last.error && html`<p class="problem">${last.error}</p>`}`;
}

// useRecord asks again whenever the standby has been heard of; what was there stays until the next answer is. What changes
// slowly is asked for again when something has happened, and now and then.
export function useRecord(ask, key, slow = false) {
  const [kept, keep] = useState(null);
  const again = slow ? slowly() : state.revision;
  useEffect(() => {
    let meant = true;
    ask().then((answer) => { if (meant) keep(answer); }, () => { /* What is old is greyed by the header's own knowledge. */ });
    return () => { meant = false; };
  }, [key, again]);
  return kept;
}
