// The page: it shows what the store knows, again whenever that changes and with every second.
import { html, render, useState, useEffect } from "./vendor/htm-preact.js";
import { start, state, subscribe } from "./store.js";
import { SignIn } from "./signin.js";
import { Header, Banner, Answers, Incidents } from "./top.js";
import { ServerList } from "./list.js";
import { Details } from "./details.js";
import { ServerPage } from "./server.js";
import { OptionsPage } from "./options.js";
import { NewServerPage } from "./configure.js";
import { Log } from "./log.js";
import { OperationPage } from "./operation.js";
import { HistoryPage, isHistory } from "./history.js";
import { Dialog } from "./dialog.js";
import { place } from "./place.js";
import { title, standingIn, look } from "./words.js";

function Page() {
  const [, redraw] = useState(0);
  const [moves, move] = useState(0);
  useEffect(() => subscribe(() => redraw((n) => n + 1)), []);
  useEffect(() => {
    const moved = () => { state.dialog = null; move((n) => n + 1); };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  // What had the focus may be gone with the page that was left: it goes on from the new one, and not from the top.
  useEffect(() => {
    if (moves && document.activeElement === document.body) document.getElementById("main")?.focus({ preventScroll: true });
  }, [moves]);
  useEffect(() => { document.title = state.snapshot && state.session ? title(state) : "failoverd"; });

  if (state.session === undefined) return html`<main class="alone"><p>Asking the standby …</p></main>`;
  if (state.session === null) return html`<${SignIn} />`;
  if (!state.snapshot) return html`<main class="alone"><p>${state.staleSince ? "No answer from the standby yet; asking again …" : "Asking the standby …"}</p></main>`;
  return html`<div class=${"frame" + (state.staleSince ? " stale" : "")}>
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>To the content</a>
    <${Header} />
    ${standingIn(state.snapshot).map((s) => html`<${Banner} key=${s.name} server=${s} />`)}
    <main id="main" tabindex="-1"><${Content} /></main>
    <${Announcer} />
    ${state.dialog && html`<${Dialog} key=${state.dialog.key} ...${state.dialog} />`}
  </div>`;
}

function Content() {
  const at = place();
  if (at.page === "operations" && at.name) return html`<${OperationPage} id=${at.name} />`;
  if (isHistory(at.page)) return html`<${HistoryPage} at=${at.page} filter=${at.query} />`;
  if (at.page === "new") return html`<${NewServerPage} />`;
  if (at.page === "options") return html`<${OptionsPage} />`;
  const servers = state.snapshot.servers;
  if (at.page === "servers" && at.tab) return html`<${ServerPage} name=${at.name} tab=${at.tab} filter=${at.query} />`;
  const selected = servers.find((s) => s.name === at.name) ?? servers[0];
  return html`
    <${Answers} />
    <${Incidents} />
    <div class="columns">
      <${ServerList} selected=${selected} chosen=${Boolean(at.name)} />
      ${selected && html`<${Details} key=${selected.name} server=${selected} />`}
      <${Log} />
    </div>`;
}

// What changes is said once, in words, to those who cannot see it.
function Announcer() {
  const states = state.snapshot.servers.map((s) => `${s.name}: ${look(s).word}`);
  const [said, say] = useState("");
  const [before, remember] = useState(states);
  useEffect(() => {
    const changed = states.filter((line) => !before.includes(line));
    if (changed.length) { say(changed.join(". ")); remember(states); }
  });
  return html`<div class="unseen" role="status">${said}</div>`;
}

render(html`<${Page} />`, document.getElementById("page"));
start();
