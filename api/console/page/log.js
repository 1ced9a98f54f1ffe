// The live log: what happens, as it happens, the newest first.
import { html, useState } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { Mark } from "./shape.js";
import { toServer, toOperation } from "./place.js";
import { severity, when } from "./words.js";

const lines = 100;

export function Log() {
  const [server, choose] = useState("");
  const [held, hold] = useState(null);
  const events = (held ?? state.events).filter((e) => e.gap || !server || e.server === server);
  const waiting = held ? state.events.filter((e) => !held.includes(e)).length : 0;
  return html`<section class="log" aria-label="Live log">
    <div class="bar">
      <h2>Live log</h2>
      <label>Server <select value=${server} onChange=${(e) => choose(e.target.value)}>
        <option value="">all</option>${state.snapshot.servers.map((s) => html`<option value=${s.name}>${s.name}</option>`)}</select></label>
      <button type="button" aria-pressed=${held ? "true" : "false"} onClick=${() => hold(held ? null : state.events)}>${held ? `Go on (${waiting} new)` : "Pause"}</button>
      <span>${state.connected ? "" : "connecting again; nothing will be missing"}</span>
    </div>
    <div class="lines" role="log" aria-live="off" tabindex="0" aria-label="Events, the newest first"><ul>
      ${events.length === 0 && html`<li>Nothing has happened${server ? ` to ${server}` : ""} yet.</li>`}
      ${events.slice(0, lines).map((e) => html`<${Line} key=${e.seq} e=${e} />`)}
    </ul></div>
  </section>`;
}

export function Line({ e }) {
  if (e.gap) return html`<li class="gap">Events are missing here: those before number ${e.oldest} are no longer kept. What stands above is complete from there.</li>`;
  const as = severity(e.severity);
  return html`<li data-seq=${e.seq}><time datetime=${e.time}>${when(e.time)}</time>
    <${Mark} as=${as}><span class="unseen">${as.word}</span><//>
    <span class="about">${e.server && html`<a href=${toServer(e.server)}>${e.server}</a>`}</span>
    <span class="said">${e.message}${e.reason && e.reason !== e.message ? html` <small>${e.reason}</small>` : ""}
      ${e.actor.name && e.actor.kind !== "automatic" && e.actor.kind !== "system" ? html` <small>by ${e.actor.name}</small>` : ""}
      ${e.operation && html` <a href=${toOperation(e.operation)}>steps</a>`}</span></li>`;
}
