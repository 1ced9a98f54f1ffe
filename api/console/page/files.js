// The copies of a server's files: how far each is, what is not copied and why, and what waits for a person's decision.
import { html, useState } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { get, query, serverPath } from "./api.js";
import { Mark } from "./shape.js";
import { Ask, mayNot } from "./actions.js";
import { usePages, Told, Earlier } from "./pages.js";
import { treeLook, span, when, bytes, plural } from "./words.js";

export function Files({ s, standby, whole }) {
  if (!s.files.length) return null;
  return html`<h3>Files: ${s.name} → ${standby}</h3>
    <ul class="copies">${s.files.map((t) => html`<${Tree} key=${t.name} s=${s} t=${t} whole=${whole} />`)}</ul>`;
}

function Tree({ s, t, whole }) {
  const id = (order) => `${order}-${t.name}`;
  const decide = (order, word) => html`<p><${Ask} order=${{ action: order, name: s.name, tree: t.name }} why=${mayNot()} id=${id(order)}>${word}<//></p>`;
  return html`<li data-tree=${t.name}><b>${t.name}</b> <small>${t.source} → ${t.directory}</small>
    <p><${Mark} as=${treeLook(t)}>${treeLook(t).word}${t.lag_s === null ? "" : `, ${span(t.lag_s)} behind, limit ${span(t.max_lag_s)}`}<//>
      <small>${plural(t.files, "file")}${t.source_bytes > 0 ? `, ${bytes(t.source_bytes)}` : ""}; ${bytes(t.received_bytes)} received${t.limit > 0 ? `, ${bytes(t.limit)}/s at most` : ""}${
        t.synced_at ? `; whole at ${when(t.synced_at)}` : ""}</small></p>
    ${t.problem && html`<p class="problem">${t.problem}</p>`}
    ${t.held_deletions > 0 && decide("confirm-deletions", `Let ${plural(t.held_deletions, "deletion")} happen`)}
    ${t.ailment === "root" && decide("accept-source", "Take the source as it is")}
    ${t.diverged && s.role === "standing by" && decide("discard-diverged", "Give up what the stand-in wrote")}
    ${t.missing > 0 && html`<${Missing} t=${t} open=${whole} />`}
    ${whole && t.by === "agent" && html`<${SetAside} s=${s} t=${t} />`}</li>`;
}

// Missing answers why a copy is not complete.
function Missing({ t, open }) {
  return html`<details class="fold" open=${open}><summary>Why not complete? ${plural(t.missing, "path")} not copied</summary>
    ${t.failed.length === 0 ? html`<p>They are on their way.</p>` : html`<ul class="failed">${t.failed.map((f) => html`<li><code>${f.path}</code> ${f.reason}</li>`)}</ul>`}
    ${t.missing > t.failed.length && t.failed.length > 0 && html`<p>and ${t.missing - t.failed.length} more</p>`}</details>`;
}

// SetAside asks the primary what was set aside there when files were brought back, once somebody wants to know.
function SetAside({ s, t }) {
  const [times, again] = useState(0); // it was asked
  return html`<div><p><button type="button" data-action=${`set-aside-${t.name}`} disabled=${Boolean(state.staleSince)} onClick=${() => again((n) => n + 1)}>${times ? "Ask again" : `What was set aside on ${s.name}`}</button></p>
    ${times > 0 && html`<${Asides} s=${s} t=${t} moment=${times} />`}</div>`;
}

function Asides({ s, t, moment }) {
  const list = usePages({
    key: `${s.name}/${t.name}`, part: "files", id: (a) => `${a.set}/${a.path}`, moment, ask: (page) => get(query(`${serverPath(s.name)}/files/${encodeURIComponent(t.name)}/set-aside`, page)),
  });
  return html`<div><${Told} list=${list} none="Nothing is set aside there." />
    <ul class="failed">${(list.records ?? []).map((a, i) => html`<li key=${a.set + a.path}><code>${a.path}</code> <small>${bytes(a.bytes)}, of ${when(a.modified_at)}; set aside ${a.set}: ${a.reason}</small>
      <${Ask} plain order=${{ action: "restore", name: s.name, tree: t.name, aside: a }} why=${mayNot()} id=${`restore-${t.name}-${i}`}>Put it back<//></li>`)}</ul>
    <${Earlier} list=${list} what="files" /></div>`;
}
