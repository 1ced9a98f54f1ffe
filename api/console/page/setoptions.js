// The options: the keys of failoverd.yaml that may be set from here. What each means, its default and how it is written come
// with it from the configuration's own reference. Like a server's text, nothing is saved that was not checked as it stands.
import { html, useState, useEffect, useRef } from "./vendor/htm-preact.js";
import { state, poll } from "./store.js";
import { request, query } from "./api.js";
import { Mark } from "./shape.js";
import { mayNot } from "./actions.js";
import { result, plural } from "./words.js";

const slow = 125_000; // mail servers are asked

const groups = [
  ["alerts.email.", "Mail"], ["alerts.", "Reports, reminders, escalation"],
  ["standby.", "This standby"], ["defaults.ping.", "Pings, unless a server says otherwise"],
];
const groupOf = (key) => groups.find(([prefix]) => key.startsWith(prefix));

// labelOf is the key without what its group says, as words.
const labelOf = (key) => {
  const words = key.slice(groupOf(key)[0].length).replace(/[._]/g, " ").replace(/^(ca|tls)\b/, (w) => w.toUpperCase());
  return words[0].toUpperCase() + words.slice(1);
};

const nameOf = (key) => key.replaceAll(".", "-");

// shown is what a field holds before somebody types: a list has a line for each value, and [] for none.
const shown = (o) => (!o.where ? "" : o.kind === "list" ? o.values.join("\n") || "[]" : o.values[0] ?? "");

// instead is what holds when the field is empty.
const instead = (o) => (o.own ? o.beneath && `as in ${o.beneath}` : o.where && `as in ${o.where}`) || o.default.replace(/^\((.*)\)$/, "$1");

// change is what a typed text asks for, or null where it asks for nothing.
function change(o, typed) {
  if (typed === undefined || typed.trim() === shown(o).trim()) return null;
  if (typed.trim() === "") return o.own ? { key: o.key, reset: true } : null;
  const lines = typed.split(/[\n,]+/).map((v) => v.trim()).filter(Boolean);
  if (o.kind === "list") return { key: o.key, values: lines.length === 1 && lines[0] === "[]" ? [] : lines };
  return { key: o.key, values: [typed.trim()] };
}

export function SetOptions() {
  const admin = state.session.role === "admin";
  const [kept, keep] = useState(null); // {body, etag} as they were read
  const [failed, fail] = useState(null);
  const [saved, note] = useState(null); // what came of the last change, until somebody types
  const read = () => request("GET", "/config/options").then((answer) => { keep(answer); fail(null); }, fail);
  useEffect(() => { if (admin) read(); }, [admin]);
  return html`<h3>Change the options</h3>
    ${!admin ? html`<p>${mayNot("admin")}.</p>`
      : failed ? html`<p class="problem" role="alert">${failed.message}.</p>`
      : !kept ? html`<p role="status">Asking …</p>`
      : html`<${Form} kept=${kept} read=${read} saved=${saved} note=${note} />`}`;
}

function Form({ kept, read, saved, note }) {
  const [typed, type] = useState({});
  const [reason, why] = useState("");
  const [checked, judge] = useState(null); // {changes, answer}
  const [problem, tell] = useState(null);
  const [busy, work] = useState("");
  const sending = useRef(false);
  const first = useRef(null); // the button that has the focus once the one that saves is gone
  const { options, editable, file } = kept.body;
  const changes = options.map((o) => change(o, typed[o.key])).filter(Boolean);
  const text = JSON.stringify(changes);
  const still = checked?.text === text ? checked.answer : null;
  const lacks = mayNot("admin") || (!editable ? "they cannot be changed from here" : "") || (changes.length === 0 ? "nothing has been changed" : "");
  const mailed = changes.some((c) => c.key.startsWith("alerts.email.")) || options.some((o) => o.key === "alerts.email.host" && o.where);

  // begin has the fields show what is written now.
  const begin = async () => { await read(); type({}); judge(null); tell(null); why(""); };
  const go = async (what) => {
    if (sending.current || lacks || (what === "save" && !still?.valid)) return;
    sending.current = true;
    work(what);
    tell(null);
    try {
      const dry = what !== "save";
      const { body } = await request("PATCH", query("/config/options", { dry_run: dry || undefined, test_mail: what === "mail" || undefined }),
        { body: { changes, reason: reason.trim() || undefined }, headers: { "If-Match": kept.etag }, patience: slow });
      if (dry) judge({ text, answer: body });
      else { poll(0); note(body); await begin(); first.current?.focus(); }
    } catch (p) {
      judge(null);
      tell(p.code === "offline" && what === "save" ? { message: "No answer came. It is not known whether it was saved: look before you save again", known: false } : { ...p, message: p.message, known: true });
    }
    sending.current = false;
    work("");
  };

  const wrong = (key) => still?.problems.filter((p) => p.key === key || p.key.startsWith(`${key}[`) || p.key.startsWith(`${key}.`)) ?? [];
  const elsewhere = still?.problems.filter((p) => !options.some((o) => wrong(o.key).includes(p))) ?? [];
  const write = (key) => (e) => { note(null); type((t) => ({ ...t, [key]: e.target.value })); };
  const button = (what, word, doing) => html`<button type="button" ref=${what === "check" ? first : undefined} data-action=${`options-${what}`} class=${what === "save" ? "primary" : undefined} aria-disabled=${lacks || busy ? "true" : undefined} aria-describedby="options-lack" onClick=${() => go(what)}>${busy === what ? doing : word}</button>`;

  return html`<p>Written to <code>${file}</code>, and in force instead of <code>failoverd.yaml</code>. The rest of it is changed there.</p>
    ${!editable && html`<p><${Mark} as=${{ shape: "pause", tone: "quiet" }}>They cannot be changed from here: ${kept.body.why_not}.<//>${kept.body.try && html` <code>${kept.body.try}</code>`}</p>`}
    ${groups.map(([prefix, title], i) => {
      const own = options.filter((o) => groupOf(o.key)[0] === prefix);
      const open = i === 0 || own.some((o) => wrong(o.key).length > 0);
      return html`<details class="fold" key=${prefix} open=${open || undefined}><summary>${title}</summary><div class="sketch options">
        ${own.map((o) => html`<${Field} key=${o.key} o=${o} value=${typed[o.key] ?? shown(o)} write=${write(o.key)} wrong=${wrong(o.key)} closed=${!editable} />`)}</div></details>`;
    })}
    <p class="buttons">${button("check", "Check", "Checking …")} ${mailed && button("mail", "Check, and send a test mail", "Sending …")}
      <small id="options-lack">${lacks || (still ? "" : "nothing is saved before it was checked")}</small></p>
    ${saved && html`<div role="status"><p><${Mark} as=${result("ok")}>saved${saved.needs_restart.length ? "" : ", and in force"}<//></p><${Restart} keys=${saved.needs_restart} /></div>`}
    ${problem && html`<div class="problem" role="alert"><p>${problem.known ? problem.changed ? "Something may have been changed: " : "Nothing was changed: " : ""}${problem.message}.</p>
      ${problem.code === "state-changed" && html`<p><button type="button" data-action="options-again" onClick=${begin}>Read them again, and lose what is written here</button></p>`}
      ${problem.try && html`<p><code>${problem.try}</code></p>`}</div>`}
    ${still && html`<div role="status">
      <h3>${still.valid ? still.mails.some((m) => !m.ok) ? "It can be saved, but a test mail was not accepted" : "It can be saved" : plural(still.problems.length, "problem")}</h3>
      ${elsewhere.length > 0 && html`<ul class="checks">${elsewhere.map((p) => html`<li><${Mark} as=${result("critical")}>${p.key ? html`<code>${p.key}</code> ` : ""}${p.problem}<//>${p.expect && html` <small>${p.expect}</small>`}</li>`)}</ul>`}
      ${still.problems.length > elsewhere.length && html`<p>It stands below its field, above.</p>`}
      ${still.mails.map((m) => html`<p><${Mark} as=${result(m.ok ? "ok" : "warning")}><b>${m.recipient}</b><//> ${m.ok ? "accepted; look whether it arrives" : m.error}${m.likely_cause && html` <small>likely cause: ${m.likely_cause}</small>`}</p>
        ${m.transcript.length > 0 && html`<details class="fold"><summary>What both sides said</summary><pre tabindex="0">${m.transcript.join("\n")}</pre></details>`}`)}
      ${still.changed.length > 0 && html`<p>Changes: ${still.changed.map((key) => html`<code>${key}</code> `)}</p>`}
      <${Restart} keys=${still.needs_restart} />
      ${still.notices.map((n) => html`<p><${Mark} as=${{ shape: "triangle", tone: "warn" }}>${n}<//></p>`)}</div>`}
    ${still?.valid && html`<label class="field">Reason, for the history <input type="text" name="options-reason" maxlength="500" value=${reason} onInput=${(e) => why(e.target.value)} /></label>
      <p class="buttons">${button("save", "Save the options", "Saving …")}</p>`}`;
}

function Restart({ keys }) {
  return keys.length === 0 ? null : html`<p><${Mark} as=${{ shape: "triangle", tone: "warn" }}>After a restart of failoverd only: ${keys.map((key) => html`<code>${key}</code> `)}<//></p>`;
}

// Field is one option: what it means is always to be read, what is wrong with it stands right below.
function Field({ o, value, write, wrong, closed }) {
  const id = nameOf(o.key);
  const barred = closed || o.host_only;
  const told = `help-${id}${wrong.length ? ` wrong-${id}` : ""}`;
  const common = { id, name: o.key, disabled: barred, "aria-describedby": told, "aria-invalid": wrong.length ? "true" : undefined };
  const empty = `${instead(o)}`;
  return html`<div class="option">
    <label for=${id}>${labelOf(o.key)}</label>
    ${o.kind === "choice" ? html`<select ...${common} value=${value} onChange=${write}><option value="" selected=${value === ""}>${empty}</option>${o.choices.map((c) => html`<option value=${c} selected=${value === c}>${c}</option>`)}</select>`
      : o.kind === "list" ? html`<textarea ...${common} rows=${Math.min(6, Math.max(2, value.split("\n").length))} maxlength="8000" placeholder=${empty} spellcheck="false" autocapitalize="off" value=${value} onInput=${write}></textarea>`
      : html`<input type="text" ...${common} maxlength="4096" placeholder=${empty} autocomplete="off" autocapitalize="off" spellcheck="false" value=${value} onInput=${write} />`}
    ${wrong.length > 0 && html`<p class="problem" id=${`wrong-${id}`}>${wrong.map((p) => html`<${Mark} as=${result("critical")}>${p.problem}${p.expect && html`; ${p.expect}`}<//>`)}</p>`}
    <small id=${`help-${id}`}>${o.meaning}${o.own || !o.where ? ` Empty: ${empty}.` : ""}${o.kind === "list" ? " One a line." : ""}${o.own ? " Set here." : o.where ? ` Written in ${o.where}.` : ""}${o.restart ? " After a restart only." : ""}
      ${o.host_only && html`<br /><b>On the standby only:</b> <code>sudo failoverd config set ${o.key}=…</code>`}</small></div>`;
}
