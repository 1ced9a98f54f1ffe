// What stands above everything: whose page this is and how fresh, the banner while standing in, the three answers.
import { html, useState } from "./vendor/htm-preact.js";
import { state, serverNow, signOut, changed } from "./store.js";
import { Mark, Shape } from "./shape.js";
import { toServer, toEvents, toHistory, toOperation } from "./place.js";
import { clock, when, zone, since, span, serves, unprotected, plural, look } from "./words.js";
import { theme, nextTheme } from "./appearance.js";
import { Ask, mayNot } from "./actions.js";

export function Header() {
  const { snapshot, staleSince, session, connected } = state;
  const mail = snapshot.standby.mail;
  const [failed, tell] = useState("");
  const leave = async () => {
    try { await signOut(); } catch (p) { tell(`Not signed out: ${p.message}`); }
  };
  return html`<header class="top">
    <a class="home" href="#/"><img src="/console/icon.svg" alt="" width="22" height="22" /> failoverd <strong>${snapshot.standby.name}</strong></a>
    ${staleSince ? html`<${Stale} />` : html`<span class="fresh"><${Mark} as=${{ shape: "check", tone: "good" }}>live${connected ? "" : ", log reconnecting"}<//></span>`}
    <span class="self">
      ${mail.configured ? html`<${Mark} as=${mail.ok ? { shape: "check", tone: "good" } : { shape: "triangle", tone: "warn" }}>${mail.ok ? "alerts work" : `alerts: ${mail.error || `${mail.pending} waiting`}`}<//>`
        : html`<${Mark} as=${{ shape: "triangle", tone: "warn" }}>no alerts configured<//>`}
      ${snapshot.standby.isolated && html`<${Mark} as=${{ shape: "cross", tone: "bad" }}>isolated since ${clock(snapshot.standby.isolated.since)}: ${snapshot.standby.isolated.reason}<//>`}
      ${!snapshot.standby.journal.ok && html`<${Mark} as=${{ shape: "cross", tone: "bad" }}>journal: ${snapshot.standby.journal.error}<//>`}
      ${snapshot.standby.config.error && html`<${Mark} as=${{ shape: "triangle", tone: "warn" }}>configuration rejected: ${snapshot.standby.config.error}<//>`}
      ${snapshot.standby.inhibited && html`<${Mark} as=${{ shape: "pause", tone: "quiet" }}>nothing is decided until ${clock(snapshot.standby.inhibited.until)}: ${snapshot.standby.inhibited.reason}<//>`}
    </span>
    <span class="time">${clock(serverNow())} <small>${zone()}</small></span>
    <nav aria-label="Pages">
      <a href="#/">Overview</a>
      <a href=${toEvents({})}>History</a>
      <a href="#/options">Options</a>
      <a href="#/new">New server</a>
      <button type="button" class="plain" onClick=${() => { nextTheme(); changed(); }}>Theme: ${theme()}</button>
      <span class="who">${session.name} <small>(${session.role})</small></span>
      ${session.via === "console" && html`<button type="button" class="plain" onClick=${leave}>Sign out</button>`}
      ${failed && html`<span class="problem" role="alert">${failed}</span>`}
    </nav>
  </header>`;
}

function Stale() {
  const { snapshot, staleSince } = state;
  const seconds = Math.max(0, (Date.now() - staleSince) / 1000);
  return html`<span class="lost" role="alert"><${Mark} as=${{ shape: "triangle", tone: "warn" }}>No connection to ${snapshot.standby.name} since ${clock(staleSince)}.<//>
    <span aria-live="off">${" "}${span(seconds)}; what you see is from then. Asking again …
    ${seconds > 60 ? ` If ${snapshot.standby.name} is down, nobody guards your servers.` : ""}</span></span>`;
}

// Banner says what holds as long as the standby does a server's work. It goes when that ends, and not before.
export function Banner({ server }) {
  const { snapshot } = state;
  const standby = snapshot.standby.name;
  const bare = snapshot.servers.filter((s) => s.name !== server.name && unprotected(s));
  const primary = server.health === "ok" && server.last_answer_at ? `${server.name} answers again.`
    : server.last_answer_at ? `${server.name} itself last answered at ${when(server.last_answer_at)}.` : `${server.name} itself does not answer.`;
  const as = look(server);
  return html`<section class=${`banner ${as.tone}`} aria-label=${`${standby}: ${as.word} for ${server.name}`}>
    <${Shape} name=${as.shape} />
    <p><strong>${server.role === "standing in" ? `${standby} stands in for ${server.name}` : `${standby} is ${server.role} for ${server.name}`}${
      server.role_since ? ` since ${when(server.role_since)} ${zone()} (${since(server.role_since, serverNow())})` : ""}.</strong> ${primary}</p>
    <p><b>Not protected:</b> ${server.name} itself${bare.length ? "; " : "."}${bare.map((s, i) => html`${i ? ", " : ""}<a href=${toServer(s.name)}>${s.name}</a>${i === bare.length - 1 ? "." : ""}`)}</p>
    <p><b>Next:</b> ${server.operation ? html`<a href=${toOperation(server.operation)}>watch it</a>. ` : ""}${
      server.role === "standing in" ? html`${server.health === "ok" ? "" : `repair ${server.name}, then `}fail it back, or release it: <a href=${toServer(server.name)}>actions of ${server.name}</a>` : ""}
      ${server.next && html` <code>${server.next}</code>`}</p>
  </section>`;
}

// Incidents are what people were told of and is not over, and who takes care of each.
export function Incidents() {
  const { snapshot } = state;
  if (!snapshot.incidents?.length) return null;
  const why = mayNot();
  return html`<section class="incidents" aria-label="Open incidents">
    <h2>Open incidents <a href=${toHistory("incidents")}>all incidents</a></h2>
    <ul>${snapshot.incidents.map((i) => html`<li key=${i.id} data-incident=${i.id}>
      <${Mark} as=${i.severity === "critical" ? { shape: "cross", tone: "bad" } : { shape: "triangle", tone: "warn" }}>${i.title}<//> <small>since ${when(i.opened_at)}</small>
      ${i.acknowledged ? html` <b>${i.acknowledged.by}</b> takes care${i.acknowledged.reason && `: ${i.acknowledged.reason}`}.`
        : html` Nobody takes care${i.escalated_at ? `; escalated at ${clock(i.escalated_at)}` : ""}.
          <${Ask} plain order=${{ action: "acknowledge", incident: i }} why=${why} id=${`acknowledge-${i.id}`}>Acknowledge<//>`}
    </li>`)}</ul>
  </section>`;
}

// Answers are the three questions in their order.
export function Answers() {
  const { snapshot } = state;
  const { servers, attention, standby } = snapshot;
  const away = servers.filter((s) => s.role !== "standing by");
  const nobody = servers.filter((s) => s.role === "standing by" && s.state === "Failure");
  const own = servers.length - away.length - nobody.length;
  const bare = servers.filter((s) => unprotected(s) || s.role !== "standing by");
  if (!servers.length) return html`<section class="answers"><p>No server is protected yet. <a href="#/new">Add one</a>, or write one into <code>${standby.config.file}</code> and run <code>failoverd reload</code>.</p></section>`;
  return html`<section class="answers" aria-label="Three answers">
    <div class=${nobody.length ? "bad" : away.length ? "serving" : "good"}>
      <h2>Who serves my users?</h2>
      <p>${nobody.map((s) => html`<b><a href=${toServer(s.name)}>${s.name}</a>: nobody.</b> `)}
        ${away.map((s) => html`<a href=${toServer(s.name)}>${s.name}</a>: <b>${serves(s, standby.name)}</b>. `)}
        ${own === servers.length ? "Each server its own." : own > 0 ? `The other ${own}: each its own.` : ""}</p>
    </div>
    <div class=${bare.length ? "bad" : "good"}>
      <h2>Is each server protected?</h2>
      <p>${bare.length === 0 ? html`<b>Yes, ${servers.length === 1 ? "it is" : `all ${servers.length}`}.</b>` : html`<b>${servers.length - bare.length} of ${servers.length}.</b> Not:
        ${bare.map((s, i) => html`${i ? ", " : " "}<a href=${toServer(s.name)}>${s.name}</a>`)}.`}</p>
    </div>
    <div class=${attention.some((a) => a.severity === "critical") ? "bad" : attention.length ? "warn" : "good"}>
      <h2>Do I have to do something?</h2>
      ${attention.length === 0 ? html`<p><b>No.</b></p>` : html`<p><b>${plural(attention.length, "thing")}:</b></p>
        <ul>${attention.slice(0, 6).map((a) => html`<li><${Mark} as=${a.severity === "critical" ? { shape: "cross", tone: "bad" } : { shape: "triangle", tone: "warn" }}>${
          a.server && html`<a href=${toServer(a.server)}>${a.server}</a>: `}${a.text}<//>${a.help && html` <code>${a.help}</code>`}</li>`)}
          ${attention.length > 6 && html`<li>and ${attention.length - 6} more: <code>failoverd status</code></li>`}</ul>`}
    </div>
  </section>`;
}
