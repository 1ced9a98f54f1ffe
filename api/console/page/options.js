// Options: what is the standby's own. Alerts and their way, agents, tokens, the configuration in force.
import { html } from "./vendor/htm-preact.js";
import { state, serverNow } from "./store.js";
import { get, query } from "./api.js";
import { Mark } from "./shape.js";
import { Ask, mayNot } from "./actions.js";
import { Table } from "./table.js";
import { useRecord } from "./details.js";
import { SetOptions } from "./setoptions.js";
import { Deliveries } from "./history.js";
import { usePages, slowly, Earlier } from "./pages.js";
import { toServer, toEvents, toHistory } from "./place.js";
import { when, since } from "./words.js";

const good = (word) => ({ word, shape: "check", tone: "good" });
const warn = (word) => ({ word, shape: "triangle", tone: "warn" });
const quiet = (word) => ({ word, shape: "circle", tone: "quiet" });

export function OptionsPage() {
  return html`<section class="operation page" aria-label="Options">
    <h2>Options</h2>
    <${Alerts} /><${Configuration} /><${SetOptions} /><${Agents} /><${Access} /><${About} />
  </section>`;
}

function Alerts() {
  const { mail } = state.snapshot.standby;
  const list = useRecord(() => get(query("/mails", { limit: 10 })), "mails", true);
  return html`<h3>Alerts</h3>
    <p><${Mark} as=${!mail.configured ? warn("no way out is configured: nobody is told of anything") : mail.ok ? good("they arrive") : warn(mail.error || `${mail.pending} wait`)} />
      ${mail.last_sent_at && html` <small>last sent ${when(mail.last_sent_at)}</small>`}</p>
    <p><${Ask} order=${{ action: "test-alert" }} why=${mayNot() || (mail.configured ? "" : "no way out is configured")} id="test-alert">Send a test alert<//></p>
    ${list && (list.mails.length === 0 ? html`<p>Nothing has been sent yet.</p>` : html`<p><small>Delivery log, the newest first.</small> <a href=${toHistory("mails")}>The whole delivery log</a></p><${Deliveries} list=${list.mails} />`)}`;
}

function Configuration() {
  const { config } = state.snapshot.standby;
  return html`<h3>Configuration</h3>
    <p><${Mark} as=${config.error ? warn("the newest file was rejected; the old one is in force") : good("in force")} /> <code>${config.file}</code> <small>read ${when(config.loaded_at)}</small></p>
    ${config.error && html`<pre tabindex="0">${config.error}</pre>`}
    ${config.needs_restart.length > 0 && html`<p>After a restart only: ${config.needs_restart.map((key) => html`<code>${key}</code> `)}</p>`}
    ${config.notices.length > 0 && html`<ul>${config.notices.map((n) => html`<li>${n}</li>`)}</ul>`}
    <p><${Ask} order=${{ action: "reload" }} why=${mayNot("admin")} id="reload">Read it again<//></p>`;
}

function Agents() {
  const all = state.session.servers.length === 0; // a token for some servers does not see the standby's own
  const list = useRecord(() => (all ? get("/agents") : Promise.resolve(null)), "agents", true);
  if (!list) return null;
  return html`<h3>Agents on the primaries</h3>
    ${list.agents.length === 0 ? html`<p>None. On a primary: <code>failoverd agent pair</code>.</p>` : html`<${Table} label="Agents" heads=${["Address", "Server", "Host", "Version", "Heard", "Key"]} rows=${list.agents.map((a) => ({ key: a.address, cells: [
      a.address, a.server ? html`<a href=${toServer(a.server)}>${a.server}</a>` : "none", a.paired ? a.name : html`<${Mark} as=${warn("not paired")} />`,
      html`${a.version}${a.version_differs ? html` <${Mark} as=${warn("differs")} />` : ""}`, a.heard_at ? `${since(a.heard_at, serverNow())} ago` : "not since the start", a.fingerprint ? html`<code class="fingerprint">${a.fingerprint}</code>` : "",
    ] }))} />`}
    <p><${Ask} order=${{ action: "pair" }} why=${mayNot("admin")} id="pair">Pair with an agent<//></p>
    ${list.standby_fingerprint && html`<p><small>The key of this standby: <code class="fingerprint">${list.standby_fingerprint}</code></small></p>`}`;
}

function Access() {
  const admin = state.session.role === "admin";
  const list = usePages({ key: admin ? "tokens" : "", part: "tokens", id: (t) => t.id, moment: slowly(), ask: (page) => (admin ? get(query("/tokens", page)) : Promise.resolve({ tokens: [], next: null })) });
  const look = { valid: good, expired: quiet, revoked: quiet };
  return html`<h3>Who may do what</h3>
    <p>You are <b>${state.session.name}</b> (${state.session.role})${state.session.expires_at ? `, signed in until ${when(state.session.expires_at)}` : ""}. <a href=${toEvents({ kind: "audit.*" })}>What was done to the access</a></p>
    ${list.records?.length > 0 && html`<${Table} label="Tokens" heads=${["Name", "Role", "State", "Last used", "Expires", ""]} rows=${list.records.map((t) => ({ key: t.id, cells: [
      html`${t.name}<small>${t.prefix}…</small>`, html`${t.role}${t.servers.length ? html`<small>${t.servers.join(", ")}</small>` : ""}`, html`<${Mark} as=${look[t.state](t.state)} />`,
      t.last_used_at ? html`${when(t.last_used_at)}<small>${t.last_from}</small>` : "never", t.expires_at ? when(t.expires_at) : "never",
      t.state === "valid" ? html`<${Ask} plain order=${{ action: "revoke-token", token: t }} why=${mayNot("admin")} id=${`revoke-${t.id}`}>Revoke ${t.name}<//>` : "",
    ] }))} />`}
    <${Earlier} list=${list} what="tokens" />
    <p><${Ask} order=${{ action: "create-token" }} why=${mayNot("admin")} id="create-token">Make a token<//></p>`;
}

function About() {
  const { standby } = state.snapshot;
  return html`<h3>This standby</h3>
    <dl><dt>Name</dt><dd>${standby.name}</dd><dt>failoverd</dt><dd>${standby.version}, since ${when(standby.started_at)}</dd>
      <dt>Can stand in for</dt><dd>${standby.capacity} at a time</dd><dt>Interface</dt><dd><code>${standby.interface.name}</code> ${standby.interface.up ? "up" : "down"}</dd>
      ${standby.witnesses.map((w) => html`<dt>Witness</dt><dd><${Mark} as=${w.answering ? good("answers") : warn("does not answer")} /> <code>${w.address}</code> <small>${w.kind}</small></dd>`)}</dl>`;
}
