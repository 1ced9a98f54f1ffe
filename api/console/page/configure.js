// A server's configuration: a form for a new one, the text of one that is there. What is saved is what was tested: the
// button to save comes with the answer to the test, and goes with the next letter.
import { html, useState, useEffect, useRef } from "./vendor/htm-preact.js";
import { state, poll } from "./store.js";
import { request, query, serverPath } from "./api.js";
import { Mark } from "./shape.js";
import { Ask, mayNot } from "./actions.js";
import { toServer } from "./place.js";
import { result, bytes, plural } from "./words.js";

const slow = 125_000; // addresses, agents and databases are asked

// NewServerPage asks for what only a person knows, and has the rest discovered by the primary's agent.
export function NewServerPage() {
  const [name, call] = useState("");
  const [text, write] = useState("");
  const why = mayNot("admin");
  return html`<section class="operation page" aria-label="New server">
    <h2>New server</h2>
    ${why && html`<p><${Mark} as=${{ shape: "pause", tone: "quiet" }}>${why}<//></p>`}
    <${Discovery} found=${(server, proposal) => { call(server); write(proposal); }} />
    <${Sketch} written=${(server, sketch) => { call(server); write(sketch); }} />
    <h3>3. Read, complete, test, save</h3>
    <label class="field">Name <input type="text" name="server" maxlength="63" value=${name} onInput=${(e) => call(e.target.value)} autocomplete="off" autocapitalize="off" spellcheck="false" /></label>
    <${Text} name=${name} text=${text} write=${write} word=${name ? `Add ${name}` : "Add it"} fresh
      send=${(dry, reason) => request("POST", query("/servers", { dry_run: dry || undefined }), { body: { name, text, reason }, patience: slow })}
      done=${() => { location.hash = toServer(name); }} />
  </section>`;
}

// Discovery asks the agent on the primary what there is.
function Discovery({ found }) {
  const [address, set] = useState("");
  const [told, keep] = useState(null);
  const [problem, tell] = useState(null);
  const [busy, work] = useState(false);
  const ask = async (event) => {
    event.preventDefault();
    if (busy || mayNot("admin")) return;
    work(true);
    tell(null);
    try {
      const at = /^\[.*\]:\d+$|^[^:]+:\d+$/.test(address.trim()) ? address.trim() : address.includes(":") ? `[${address.trim()}]:7443` : `${address.trim()}:7443`;
      const { body } = await request("POST", "/agents/discover", { body: { address: at }, patience: slow });
      for (const list of ["addresses", "databases", "sqlite", "trees", "gaps"]) body[list] ??= []; // an agent may leave out what it has none of
      keep(body);
      found(body.server, body.proposal);
    } catch (p) {
      keep(null);
      tell(p);
    }
    work(false);
  };
  return html`<h3>1. Discover, if an agent runs there</h3>
    <form class="line" onSubmit=${ask}><label>Address of the agent <input type="text" name="agent" maxlength="64" value=${address} onInput=${(e) => set(e.target.value)} placeholder="192.168.11.21" autocomplete="off" autocapitalize="off" spellcheck="false" /></label>
      <button type="submit" data-action="discover" disabled=${busy || Boolean(mayNot("admin"))}>${busy ? "Asking …" : "Discover"}</button></form>
    ${problem && html`<p class="problem" role="alert">${problem.message}.${problem.try && html` <code>${problem.try}</code>`}</p>`}
    ${told && html`<p role="status"><${Mark} as=${result("ok")}>${told.name || told.hostname}: ${told.os || "system unknown"}<//></p>
      <ul>${told.addresses.map((a) => html`<li><code>${a.address}</code> on ${a.interface}</li>`)}
        ${told.databases.map((d) => html`<li>${d.product} ${d.version} at <code>${d.listens}</code>${d.reachable ? "" : ", for that host only"}</li>`)}
        ${told.sqlite.map((d) => html`<li>SQLite <code>${d.path}</code>, ${bytes(d.size_bytes)}</li>`)}
        ${told.trees.map((t) => html`<li>files ${t.name}: <code>${t.directory}</code>, ${plural(t.files, "file")}, ${bytes(t.size_bytes)}</li>`)}
        ${told.gaps.map((g) => html`<li><${Mark} as=${{ shape: "question", tone: "quiet" }}>${g.what}: ${g.why}<//></li>`)}</ul>`}`;
}

// Sketch writes the first keys out of the few things that every server needs.
function Sketch({ written }) {
  const [given, give] = useState({ name: "", address: "", network: "24", management: "", mode: "automatic", units: "" });
  const field = (key) => (e) => give((g) => ({ ...g, [key]: e.target.value }));
  const plain = (text) => JSON.stringify(text.trim()); // the quotes of JSON are read by YAML as well
  const make = (event) => {
    event.preventDefault();
    const units = given.units.split(/[\s,]+/).filter(Boolean);
    const lines = [`address: ${plain(given.address)}`];
    if (given.management.trim()) lines.push(`management_address: ${plain(given.management)}`);
    lines.push("takeover:", `  mode: ${given.mode}`, `  service_addresses: [${plain(`${given.address.trim()}/${given.network.trim()}`)}]`);
    if (units.length) lines.push(`  start: {units: [${units.map(plain).join(", ")}]}`);
    lines.push("# Databases and files: failoverd config reference explains every key.", "");
    written(given.name.trim(), lines.join("\n"));
  };
  const input = (key, word, hint = "") => html`<label class="field">${word} <input type="text" name=${key} maxlength="253" value=${given[key]} placeholder=${hint} onInput=${field(key)} autocomplete="off" autocapitalize="off" spellcheck="false" /></label>`;
  return html`<details class="fold"><summary>2. Or begin with a few keys</summary>
    <form class="sketch" onSubmit=${make}>
      ${input("name", "Name", "pbx")} ${input("address", "Address that is pinged, and taken over", "192.168.11.1")} ${input("network", "Length of its network's prefix", "24")}
      ${input("management", "Address that stays with it, if there is one", "192.168.11.21")} ${input("units", "Units to start in its place", "ctserver.service")}
      <label class="field">Takeover <select value=${given.mode} onChange=${field("mode")}><option value="automatic" selected=${given.mode === "automatic"}>automatic</option><option value="manual" selected=${given.mode === "manual"}>by order only</option></select></label>
      <button type="submit" data-action="sketch">Write it below</button></form></details>`;
}

// Settings is the configuration of a server that is there.
export function Settings({ s }) {
  const [kept, keep] = useState(null); // {body, etag} as it was read
  const [text, write] = useState("");
  const [problem, tell] = useState(null);
  const admin = state.session.role === "admin";
  const read = () => request("GET", `${serverPath(s.name)}/configuration`).then((answer) => { keep(answer); write(answer.body.text); tell(null); }, tell);
  useEffect(() => { if (admin) read(); }, [s.name, admin]);
  if (!admin) return html`<p>${mayNot("admin")}. What it comes to: takeover ${s.takeover}, priority ${s.priority}, ${plural(s.fail_after, "missed ping")} mean a failure.</p>`;
  if (problem) return html`<p class="problem" role="alert">${problem.message}.</p>`;
  if (!kept) return html`<p role="status">Asking …</p>`;
  if (!kept.body.editable) return html`<p><${Mark} as=${{ shape: "pause", tone: "quiet" }}>It cannot be changed from here: ${kept.body.why_not}.<//></p>`;
  return html`<p><code>${kept.body.file}</code> <small>on ${state.snapshot.standby.name}; comments are kept</small></p>
    <${Text} name=${s.name} text=${text} write=${write} word=${`Change ${s.name}`} same=${text === kept.body.text} again=${read}
      send=${(dry, reason) => request("PUT", query(`${serverPath(s.name)}/configuration`, { dry_run: dry || undefined }), { body: { text, reason }, headers: { "If-Match": kept.etag }, patience: slow })}
      done=${read} />
    <h3>Remove ${s.name}</h3>
    <p><${Ask} order=${{ action: "remove", name: s.name, file: kept.body.file, tag: kept.etag }} why=${mayNot("admin") || (s.role === "standing by" ? "" : "release it first")} id="remove">Remove ${s.name}<//></p>`;
}

// Text is a configuration that is written, tested and saved, in this order.
function Text({ name, text, write, word, send, done, same, fresh, again }) {
  const [tested, judge] = useState(null); // {text, name, answer}
  const [problem, tell] = useState(null);
  const [reason, why] = useState("");
  const [busy, work] = useState("");
  const [saved, note] = useState(false);
  const sending = useRef(false);
  const still = tested && tested.text === text && tested.name === name ? tested.answer : null;
  const lacks = mayNot("admin") || (fresh && !name.trim() ? "give it a name" : "") || (!text.trim() ? "there is nothing to test yet" : "") || (same ? "nothing has been changed" : "");
  const go = async (dry) => {
    if (busy || sending.current || lacks || (!dry && !still?.valid)) return;
    sending.current = true;
    work(dry ? "Testing …" : "Saving …");
    tell(null);
    note(false);
    try {
      const { body } = await send(dry, reason);
      if (dry) judge({ text, name, answer: body });
      else { judge(null); note(true); poll(0); await done(); }
    } catch (p) {
      judge(null);
      tell(p.code === "offline" && !dry ? { message: "No answer came. It is not known whether it was saved: look before you save again" } : p);
    }
    sending.current = false;
    work("");
  };
  return html`<label class="field whole">Configuration <textarea name="text" rows="18" maxlength="60000" spellcheck="false" autocapitalize="off" value=${text} onInput=${(e) => { note(false); write(e.target.value); }}></textarea></label>
    <p class="buttons"><button type="button" data-action="test" aria-disabled=${lacks || busy ? "true" : undefined} aria-describedby="lacks" onClick=${() => go(true)}>${busy === "Testing …" ? busy : "Check and test"}</button>
      <small id="lacks">${lacks || (still ? "" : "nothing is saved before it was tested")}</small></p>
    ${saved && html`<p role="status"><${Mark} as=${result("ok")}>saved, and in force<//></p>`}
    ${problem && html`<div class="problem" role="alert"><p>${problem.changed ? "Something may have been changed" : "Nothing was changed"}: ${problem.message}.</p>
      ${problem.code === "state-changed" && again && html`<p><button type="button" data-action="again" onClick=${again}>Read it again, and lose what is written here</button></p>`}
      ${problem.try && html`<p><code>${problem.try}</code></p>`}</div>`}
    ${still && html`<div role="status"><${Judgement} answer=${still} /></div>`}
    ${still?.valid && html`<label class="field">Reason, for the history <input type="text" name="reason" maxlength="500" value=${reason} onInput=${(e) => why(e.target.value)} /></label>
      <p class="buttons"><button type="button" class="primary" data-action="save" aria-disabled=${busy ? "true" : undefined} onClick=${() => go(false)}>${busy === "Saving …" ? busy : word}</button></p>`}`;
}

// Judgement is what a test came to.
function Judgement({ answer: a }) {
  const failed = a.trials.filter((t) => !t.ok).length;
  return html`<h3>${a.valid ? failed ? `It can be saved, but ${plural(failed, "thing")} did not answer` : "It can be saved" : plural(a.problems.length, "problem")}</h3>
    ${a.problems.length > 0 && html`<ul class="checks">${a.problems.map((p) => html`<li><${Mark} as=${result("critical")}>line ${p.line}${p.key && html` <code>${p.key}</code>`}<//> ${p.problem}${p.expect && html` <small>${p.expect}</small>`}</li>`)}</ul>`}
    ${a.trials.length > 0 && html`<ul class="checks">${a.trials.map((t) => html`<li><${Mark} as=${result(t.ok ? "ok" : "warning")}><b>${t.name}</b><//> ${t.detail}</li>`)}</ul>`}
    ${a.changed.length > 0 && html`<p>Changes: ${a.changed.map((key) => html`<code>${key}</code> `)}</p>`}
    ${a.notices.map((n) => html`<p><${Mark} as=${{ shape: "triangle", tone: "warn" }}>${n}<//></p>`)}`;
}
