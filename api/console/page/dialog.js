// The question before an order: what it does, from which host to which, what is at risk, what refuses it. It is asked of
// the standby when the dialog opens, and the order carries the state that was looked at: another one is refused.
import { html, useState, useEffect, useLayoutEffect, useRef } from "./vendor/htm-preact.js";
import { state, poll, changed } from "./store.js";
import { request, serverPath } from "./api.js";
import { orders } from "./orders.js";
import { ask, whyNot } from "./actions.js";
import { toOperation } from "./place.js";
import { Mark } from "./shape.js";
import { result } from "./words.js";

const slow = 125_000; // databases are asked what is newer

export function Dialog({ action, name, ...subject }) {
  const order = orders[action];
  const box = useRef(null);
  const sending = useRef(false);
  const [facts, learn] = useState(null);      // {server, etag, preview}
  const [given, give] = useState({ reason: "", typed: "", accept: [], until: order.until?.[0][0], ...blank(order) });
  const [problem, tell] = useState(null);
  const [busy, work] = useState(false);
  const [outcome, end] = useState(null);

  async function look() {
    try {
      if (!name) return learn({ server: null, etag: "", preview: null });
      const { body: server, etag } = await request("GET", serverPath(name));
      const preview = order.preview ? (await request("POST", `${serverPath(name)}/${action}?dry_run=true`, { body: {}, patience: slow })).body : null;
      for (const list of ["checks", "crossings", "trees", "skips", "steps"]) if (preview) preview[list] ??= [];
      for (const list of ["copies", "files"]) server[list] ??= [];
      learn({ server, etag, preview });
    } catch (p) {
      tell({ text: `${p.message}.`, checks: p.checks, operation: p.operation });
    }
  }
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    look();
    return () => dialog.close(); // The focus goes back to where it came from.
  }, []);

  // The button that had the focus is gone when there is an outcome.
  useLayoutEffect(() => { if (outcome) box.current.querySelector(".cancel").focus(); }, [outcome]);

  const close = () => { state.dialog = null; changed(); };
  const checks = facts?.preview?.checks.filter((c) => c.result === "critical") ?? [];
  const words = [...new Set(checks.map((c) => c.accept).filter(Boolean))];
  const hopeless = checks.filter((c) => !c.accept);
  const about = facts && order.about({ ...subject, server: facts.server, preview: facts.preview, standby: state.snapshot.standby.name, snapshot: state.snapshot, until: given.until });
  const missing = !facts ? "the standby is being asked"
    : state.staleSince ? "no connection"
    : hopeless.length ? `${hopeless[0].name} cannot be overridden`
    : words.some((w) => !given.accept.includes(w)) ? "each risk has to be accepted"
    : about.typed && given.typed !== name ? `type ${name}`
    : order.fields?.find((f) => f.needed && !given[f.key].trim())?.needed ?? "";
  const word = order.word(name, { ...subject, until: given.until });

  const instead = facts?.server && order.instead && !whyNot(facts.server, order.instead[0]) ? order.instead : null;

  async function send() {
    if (missing || sending.current) return; // A second click comes before the page has been drawn again.
    sending.current = true;
    work(true);
    tell(null);
    try {
      const answer = await order.send({ ...subject, name, given, etag: facts.etag, patience: slow });
      poll(0);
      if (order.outcome) {
        end(order.outcome(answer.body));
        return;
      }
      close();
      if (order.after) location.hash = order.after;
      if (answer.status === 202) location.hash = toOperation(answer.body.id);
    } catch (p) {
      poll(0);
      work(false);
      if (p.code === "offline") {
        tell({ text: "No answer came. It is not known whether the order has arrived: close this and look at the server before you order again.", checks: [], operation: "" });
        return; // sending stays: the same order is not sent twice.
      }
      sending.current = false;
      tell({ text: `${p.changed ? "Something may have been changed" : "Nothing was changed"}. ${sentence(p.message)}`, checks: p.checks, operation: p.operation });
      give((g) => ({ ...g, typed: "" }));
      if (p.code === "state-changed" || p.code === "checks-failed") {
        learn(null);
        look();
      }
    }
  }

  const field = (key) => (e) => give((g) => ({ ...g, [key]: e.target.value }));
  const tick = (word) => (e) => { const on = e.target.checked; give((g) => ({ ...g, accept: on ? [...g.accept, word] : g.accept.filter((w) => w !== word) })); };
  return html`<dialog ref=${box} aria-labelledby="question" onCancel=${(e) => { e.preventDefault(); if (!busy || outcome) close(); }}>
    <h2 id="question">${about?.question ?? word}</h2>
    ${!facts && !problem && html`<p role="status">Asking the standby${order.preview ? " and the databases" : ""} what this would do …</p>`}
    ${about && !outcome && html`
      ${about.from && html`<p class="direction"><b>${about.from}</b><span aria-hidden="true"> → </span><span class="unseen">to</span><b>${about.to}</b></p>`}
      <p>${about.effect}</p>
      ${about.risks.length > 0 && html`<ul class="risks">${about.risks.map((r) => html`<li>${r}</li>`)}</ul>`}
      ${facts.preview && html`<${Preview} p=${facts.preview} />`}
      ${checks.length > 0 && html`<fieldset class="accept"><legend>Refused as it stands, unless you accept</legend>
        ${checks.map((c) => html`<p><${Mark} as=${result(c.result)}><b>${c.name}</b><//> ${c.value}${c.limit && html` <small>needed: ${c.limit}</small>`}
          ${c.help && html` <code>${c.help}</code>`}${!c.accept && html` <b>This cannot be overridden.</b>`}</p>`)}
        ${words.map((w) => html`<label class="tick"><input type="checkbox" checked=${given.accept.includes(w)} onChange=${tick(w)} /> I accept: <code>${w}</code></label>`)}
      </fieldset>`}
      ${order.until && html`<fieldset><legend>Until</legend>${order.until.map(([value, word]) => html`<label class="tick"><input type="radio" name="until" value=${value} checked=${given.until === value} onChange=${field("until")} /> ${word}</label>`)}</fieldset>`}
      ${order.fields?.map((f) => html`<label class="field">${f.word} ${f.options
        ? html`<select value=${given[f.key]} onChange=${field(f.key)}>${f.options.map(([value, text]) => html`<option value=${value} selected=${value === given[f.key]}>${text}</option>`)}</select>`
        : html`<input type="text" name=${f.key} maxlength="253" value=${given[f.key]} onInput=${field(f.key)} autocomplete="off" autocapitalize="off" spellcheck="false" />`}</label>`)}
      ${order.reason && html`<label class="field">Reason, for the history <input type="text" maxlength="500" value=${given.reason} onInput=${field("reason")} /></label>`}
      ${about.typed && html`<label class="field"><span>Type <b>${name}</b> to go on</span> <input type="text" class="typed" value=${given.typed} onInput=${field("typed")} autocomplete="off" autocapitalize="off" spellcheck="false" /></label>`}`}
    ${outcome && html`<div role="status">${outcome}</div>`}
    ${problem && html`<div class="problem" role="alert"><p>${problem.text}</p>
      ${problem.checks?.length > 0 && html`<ul>${problem.checks.map((c) => html`<li><b>${c.name}</b>: ${c.value}${c.limit ? `; needed: ${c.limit}` : ""}${c.accept ? html`; accept word <code>${c.accept}</code>` : ""}</li>`)}</ul>`}
      ${problem.operation && html`<p><a href=${toOperation(problem.operation.split("/").pop())}>See the operation</a></p>`}</div>`}
    <p class="buttons">
      <button type="button" class="cancel" ref=${(b) => focusOnce(b)} onClick=${close} disabled=${busy && !outcome}>${outcome ? "Close" : order.back ?? "Cancel"}</button>
      ${!outcome && html`<button type="button" class=${about?.typed ? "danger" : "primary"} data-do=${action} aria-disabled=${missing || busy ? "true" : undefined} aria-describedby="missing" onClick=${send}>${
        busy ? "Ordering …" : word}</button>`}
      ${!outcome && !busy && instead && html`<button type="button" data-instead=${instead[0]} onClick=${() => ask({ action: instead[0], name })}>${instead[1]} …</button>`}
      <small id="missing">${outcome || busy ? "" : missing}</small>
    </p>
  </dialog>`;
}

// blank is what the fields of an order hold at first.
const blank = (order) => Object.fromEntries((order.fields ?? []).map((f) => [f.key, f.options?.[0][0] ?? ""]));

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "");

const focused = new WeakSet();
function focusOnce(button) {
  if (!button || focused.has(button)) return;
  focused.add(button);
  queueMicrotask(() => setTimeout(() => button.focus(), 0));
}

// Preview is what the standby would do, step by step, folded.
function Preview({ p }) {
  return html`${p.crossings?.length > 0 && html`<ul class="crossings">${p.crossings.map((c) => html`<li>
      <b>${c.catalog}</b> <small>${c.engine}${c.bytes >= 0 ? `, ${Math.ceil(c.bytes / 1048576)} MiB` : ""}${c.tables >= 0 ? `, ${c.tables} tables` : ""}</small>: ${c.from} ${c.from_name} → ${c.to} ${c.to_name}
      ${c.overwrites ? html`<br />Replaced, and kept as the copy before: ${c.overwrites}` : ""}
      ${c.newer?.length > 0 && html`<br /><b>Newer on ${c.to} than what comes:</b> <ul>${c.newer.map((n) => html`<li>${n.table}: ${n.rows < 0 ? "an unknown number of" : n.rows} rows ${n.detail}</li>`)}</ul>`}
      ${c.problems?.length > 0 && html`<ul class="problem">${c.problems.map((t) => html`<li>${t}</li>`)}</ul>`}</li>`)}</ul>`}
    ${p.trees?.length > 0 && html`<ul class="crossings">${p.trees.map((t) => html`<li>
      <b>files ${t.tree}</b>${t.files >= 0 ? html` <small>${t.files} files, ${Math.ceil(t.bytes / 1048576)} MiB</small>` : ""}: ${t.from} ${t.from_directory} → ${t.to} ${t.to_directory}
      ${t.alone > 0 && html`<br /><b>Only on ${t.to}:</b> ${t.alone} files, set aside there`}
      ${t.problem && html`<p class="problem">${t.problem}</p>`}</li>`)}</ul>`}
    ${p.skips?.length > 0 && html`<p>Not asked, since you decide: ${p.skips.join("; ")}.</p>`}
    ${p.steps.length > 0 && html`<details class="fold"><summary>${p.steps.length === 1 ? "The step" : `The ${p.steps.length} steps`}</summary><ol>${p.steps.map((s) => html`<li><b>${s.title || s.name}</b> ${s.will}${s.blocked ? " (it would stop here)" : ""}</li>`)}</ol></details>`}`;
}
