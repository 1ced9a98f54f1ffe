// A server's own page: everything that is known of it, in parts that each have an address.
import { html } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { get, query, serverPath } from "./api.js";
import { Mark } from "./shape.js";
import { Actions, Ask, mayNot } from "./actions.js";
import { Chart } from "./chart.js";
import { Beats } from "./list.js";
import { Files } from "./files.js";
import { Settings } from "./configure.js";
import { Table } from "./table.js";
import { EventsPage } from "./events.js";
import { Operations } from "./history.js";
import { usePages, slowly, Told, Earlier } from "./pages.js";
import { Tabs, Standing, Readiness, Addresses, LastOperation, Running, DrillAge, useRecord } from "./details.js";
import { toServer, toOperation } from "./place.js";
import { look, copyLook, result, span, when, bytes, number, operationWord } from "./words.js";

export function ServerPage({ name, tab, filter }) {
  const s = state.snapshot.servers.find((v) => v.name === name);
  if (!s) return html`<section class="operation"><h2>${name}</h2><p role="status">There is no server of this name. <a href="#/">Overview</a></p></section>`;
  const Part = { replication: Replication, events: Events, drills: Drills, settings: Settings }[tab] ?? Overview;
  return html`<section class="operation page" aria-label=${s.name}>
    <h2>${s.name} <${Mark} as=${look(s)} /></h2>
    <${Tabs} name=${s.name} at=${Part === Overview ? "overview" : tab} />
    <${Part} key=${s.name} s=${s} filter=${filter} />
  </section>`;
}

function Overview({ s }) {
  return html`<${Standing} s=${s} />
    <${Actions} server=${s} />
    <div class="halves">
      <div><${Readiness} s=${s} /><p><${Ask} order=${{ action: "test", name: s.name }} why=${mayNot()} id="test">Test every connection<//></p><${Decision} s=${s} /></div>
      <div><${Chart} name=${s.name} />
        <h3>Last pings</h3><p><${Beats} s=${s} /></p>
        <${Addresses} s=${s} /><${LastOperation} s=${s} /></div>
    </div>`;
}

// Decision is why the last one was taken: the questions in their order, and what was known.
function Decision({ s }) {
  const d = useRecord(() => get(`${serverPath(s.name)}/explain`), s.name, true);
  if (!d?.at) return null;
  return html`<h3>The last decision</h3>
    <p><b>${d.verdict === "take over" ? "Take over" : "Hold"}</b>, ${when(d.at)}${d.hold ? `: ${d.hold.reason}` : ""}</p>
    <ol class="checks">${d.steps.map((q) => html`<li><${Mark} as=${result(q.passed === null ? "skipped" : q.passed ? "ok" : "failed")}>${q.question}<//> ${q.answer}</li>`)}</ol>
    <details class="fold"><summary>What was known, and when</summary><dl>${[...(d.evidence ?? []), ...(d.timing ?? [])].map((f) => html`<dt>${f.name}</dt><dd>${f.value}</dd>`)}</dl></details>`;
}

function Replication({ s }) {
  const standby = state.snapshot.standby.name;
  const done = usePages({ key: s.name, part: "operations", id: (o) => o.id, moment: slowly(), size: 20, ask: (page) => get(query(`${serverPath(s.name)}/replications`, page)) });
  if (!s.copies.length && !s.files.length) return html`<p>No database and no files of ${s.name} are configured to be copied: a takeover moves its address, and starts an application that has no data of it.</p>`;
  return html`${s.diverged && html`<p><${Mark} as=${{ shape: "triangle", tone: "warn" }}>${standby} has written since the takeover: its data is newer than ${s.name}'s.<//></p>`}
    ${s.replication && html`<${Running} id=${s.replication} />`}
    ${s.copies.length > 0 && html`<h3>Databases: ${s.name} → ${standby}</h3>
      <${Table} label="Databases" heads=${["Database", "State", "Age", "What came", "Verified", "Room for the next", "Next"]} rows=${s.copies.map((c) => ({ key: c.engine + c.catalog, cells: [
        html`${c.catalog} <small>${c.engine}</small>`,
        html`<${Mark} as=${copyLook(c)} />${c.attempt && !c.attempt.ok ? html`<p class="problem">${when(c.attempt.at)}: ${c.attempt.error} <a href=${toOperation(c.attempt.operation)}>its steps</a></p>` : ""}`,
        c.age_s === null ? "never" : html`${span(c.age_s)}<small>${c.max_age_s === null ? "no limit" : `limit ${span(c.max_age_s)}`}; as of ${when(c.snapshot_at)}</small>`,
        c.age_s === null ? "nothing" : html`${bytes(c.bytes)}<small>${number(c.rows)} rows in ${c.tables} tables</small>`,
        html`${c.verified_at ? when(c.verified_at) : "no"}${c.check ? html`<small>${c.check}</small>` : ""}`,
        html`<${Room} space=${c.space} />`,
        html`${c.next_at ? when(c.next_at) : "only by order"}${c.previous_at ? html`<small>kept before it: ${when(c.previous_at)}</small>` : ""}`,
      ] }))} />`}
    <${Files} s=${s} standby=${standby} whole />
    <h3>Replications</h3><${Told} list=${done} none="None yet." />
    ${done.records?.length > 0 && html`<${Operations} label="Replications" list=${done.records} />`}<${Earlier} list=${done} what="replications" />`;
}

// Room is what one more copy needs of the standby's disk.
function Room({ space }) {
  if (!space) return html`<small>not asked yet</small>`;
  if (space.free === null) return html`<small>${space.unknown}</small>`;
  return html`${bytes(space.free)} free<small>${bytes(space.need)} needed${space.directory ? ` in ${space.directory}` : ""}</small>`;
}

function Events({ s, filter }) {
  return html`<${EventsPage} of=${s.name} filter=${filter} to=${(f) => toServer(s.name, "events", f)} />`;
}

function Drills({ s }) {
  const list = usePages({ key: s.name, part: "operations", id: (o) => o.id, moment: slowly(), size: 20, ask: (page) => get(query("/operations", { server: s.name, kind: "drill", ...page })) });
  const d = s.drill;
  if (!d) return html`<p>There is nothing to rehearse: no database of ${s.name} is copied, and no command asks its application.</p>`;
  return html`${d.operation && html`<${Running} id=${d.operation} />`}
    <p><${DrillAge} s=${s} /> <small>${d.next_at ? `next ${when(d.next_at)}` : "only by order"}</small></p>
    ${d.last && html`<p>${d.last.ok ? "Nothing failed" : html`<span class="problem">${d.last.error}</span>`}; it took ${span(d.last.took_s)}, and ended ${when(d.last.at)}. <a href=${toOperation(d.last.operation)}>Its steps</a></p>`}
    ${d.last?.not_rehearsed.length > 0 && html`<p>Not rehearsed:</p><ul>${d.last.not_rehearsed.map((n) => html`<li>${n}</li>`)}</ul>`}
    <h3>Drills</h3><${Told} list=${list} none="None yet." />
    ${list.records?.length > 0 && html`<${Operations} label="Drills" list=${list.records} />`}<${Earlier} list=${list} what="drills" />`;
}
