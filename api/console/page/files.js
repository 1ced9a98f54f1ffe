// The copies of a server's files: how far each is, what is not copied and why, and what waits for a person's decision.
import { html, useState } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { get, serverPath } from "./api.js";
import { Mark } from "./shape.js";
import { Ask, mayNot } from "./actions.js";
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
  const [list, keep] = useState(null);
  const [problem, tell] = useState("");
  const ask = async () => {
    tell("");
    try { keep(await get(`${serverPath(s.name)}/files/${encodeURIComponent(t.name)}/set-aside`)); } catch (p) { tell(p.message); }
  };
  return html`<p><button type="button" data-action=${`set-aside-${t.name}`} disabled=${Boolean(state.staleSince)} onClick=${ask}>${list ? "Ask again" : "What was set aside on"} ${list ? "" : s.name}</button></p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${list && (list.files.length === 0 ? html`<p role="status">Nothing is set aside there.</p>`
      : html`<ul class="failed">${list.files.map((a, i) => html`<li key=${a.set + a.path}><code>${a.path}</code> <small>${bytes(a.bytes)}, of ${when(a.modified_at)}; set aside ${a.set}: ${a.reason}</small>
        <${Ask} plain order=${{ action: "restore", name: s.name, tree: t.name, aside: a }} why=${mayNot()} id=${`restore-${t.name}-${i}`}>Put it back<//></li>`)}</ul>
        ${list.more && html`<p>There is more than is shown: <code>failoverd files set-aside ${s.name} ${t.name}</code></p>`}`)}`;
}
