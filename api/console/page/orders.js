// The orders: how each is asked about, what it does in one sentence, what is at risk, how it is given.
import { html } from "./vendor/htm-preact.js";
import { request, query, serverPath, operationPath } from "./api.js";
import { Mark } from "./shape.js";
import { when, since, span, bytes, plural, result, operationWord } from "./words.js";

const lengths = [["1800", "for 30 min"], ["7200", "for 2 h"], ["28800", "for 8 h"], ["", "until it is resumed"]];
const lengthWord = (value) => lengths.find(([v]) => v === value)?.[1] ?? "";

// give sends an order about a server in the state that was looked at.
const give = (action, body) => ({ name, given, etag, patience }) =>
  request("POST", `${serverPath(name)}/${action}`, { body: body(given), headers: { "If-Match": etag }, patience });
const remark = (given) => ({ reason: given.reason });
const wish = (given) => ({ reason: given.reason, until: given.until ? new Date(Date.now() + given.until * 1000).toISOString() : null });
const decision = (given) => ({ reason: given.reason, accept: given.accept });

// others are the servers that nobody would stand in for meanwhile.
function others(snapshot, server) {
  const names = snapshot.servers.filter((s) => s.name !== server.name && s.role === "standing by").map((s) => s.name);
  const left = snapshot.standby.capacity - snapshot.standby.standing_in.length;
  return left <= 1 ? names : [];
}

// lags says of each copy how old it is: what a takeover would lose.
function lags(server, standby, now) {
  const files = server.files.map((t) => t.synced_at === null ? `The files ${t.name} were never copied completely: ${standby} has ${plural(t.files, "file")} of them.`
    : `The files ${t.name} on ${standby} are ${span(t.lag_s)} behind${t.missing > 0 ? `: ${plural(t.missing, "path")} are missing` : ""}.`);
  return [...files, ...server.copies.map((c) => c.snapshot_at === null ? `${c.catalog} has never been copied completely: ${standby} has no data of it.`
    : `${c.catalog} on ${standby} is as of ${when(c.snapshot_at)}, ${span((now - Date.parse(c.snapshot_at)) / 1000)} old: what was written since is not there.`)];
}

// written are the names of what the stand-in may have written in.
const written = (server) => [...server.copies.map((c) => c.catalog), ...server.files.filter((t) => t.diverged).map((t) => `files ${t.name}`)];

// giveTree sends a decision about one tree of files, in the state of its server that was looked at.
const giveTree = (action) => ({ name, tree, given, etag, patience }) =>
  request("POST", `${serverPath(name)}/files/${encodeURIComponent(tree)}/${action}`, { body: remark(given), headers: { "If-Match": etag }, patience });
const treeOf = (server, name) => server.files.find((t) => t.name === name) ?? { name, files: 0, held_deletions: 0, directory: "", source: "" };

export const orders = {
  suspend: {
    word: (name, { until }) => `Suspend ${name}${until === undefined ? "" : ` ${lengthWord(until)}`}`, reason: true, until: lengths,
    about: ({ server, standby, until }) => ({
      question: `Suspend ${server.name} ${lengthWord(until)}?`, effect: `While it is suspended, ${server.name} is not pinged, and ${standby} does not take it over.`,
      risks: server.role === "standing by" ? [] : [`${standby} goes on serving: it is ${server.role}.`],
    }),
    send: give("suspend", wish),
  },
  resume: {
    word: (name) => `Resume ${name}`, reason: true,
    about: ({ server, standby }) => ({
      question: `Resume ${server.name}?`, effect: `${server.name} is watched again, and its last takeover counts as acknowledged.`,
      risks: server.takeover === "automatic" && server.role === "standing by" ? [`If ${server.name} does not answer, ${standby} takes it over within seconds.`] : [],
    }),
    send: give("resume", remark),
  },
  stop: {
    word: (name) => `Stop watching ${name}`, reason: true,
    about: ({ server, standby }) => ({
      question: `Stop watching ${server.name}?`, effect: `${server.name} is not asked and not replicated any more, and ${standby} does not take it over, until you resume it.`,
      risks: ["The standby's copies become out of date."],
    }),
    send: give("stop", wish),
  },
  failover: {
    word: (name) => `Take over ${name}`, reason: true, preview: true,
    about: ({ server, preview, standby, snapshot }) => {
      const alive = preview.checks.find((c) => c.name === "primary-alive");
      const bare = others(snapshot, server);
      return {
        question: alive ? `${server.name} is alive. Take it over anyway?` : `Take over ${server.name} now?`, typed: true,
        from: server.name, to: standby,
        effect: server.assume_address ? html`${standby} takes ${server.service_addresses.map((a) => html`<code>${a}</code> `)} and serves the users of ${server.name}. They may have to sign in again.`
          : `${standby} starts the stand-in for ${server.name}. Its address does not move.`,
        risks: [
          ...(alive ? [`Two hosts would use the address unless ${server.name} is shut down first.`] : []),
          ...lags(server, standby, Date.parse(snapshot.generated_at)),
          ...(bare.length ? [`Until it is released, nobody stands in for ${bare.join(", ")}.`] : []),
        ],
      };
    },
    send: give("failover", decision),
  },
  handover: {
    word: (name) => `Hand ${name} over`, reason: true, preview: true,
    about: ({ server, preview, standby, snapshot }) => {
      const agent = preview.steps.some((d) => d.name === "leave" && !d.will.startsWith("nothing"));
      const bare = others(snapshot, server);
      return {
        question: `Hand ${server.name} over to ${standby}?`, typed: true, from: server.name, to: standby,
        effect: html`${preview.crossings.length + server.files.length > 0 ? `The data of ${server.name} and its role go` : `The role of ${server.name} goes`} to ${standby}, and nothing is lost. ${
          agent ? `Its agent stops the application on ${server.name}.` : `You stop the application on ${server.name}, and take its service address off, when the operation waits for that.`} ${
          server.assume_address ? html`${standby} then serves its users at ${server.service_addresses.map((a) => html`<code>${a}</code> `)}` : ""}`,
        risks: [
          `Nobody serves the users of ${server.name} during the final stop.`,
          `The start of the stand-in on ${standby} is the point of no return. Until then a step that fails takes everything back, and you can cancel.`,
          ...(bare.length ? [`Until ${server.name} is failed back or released, nobody stands in for ${bare.join(", ")}.`] : []),
        ],
      };
    },
    send: give("handover", decision),
  },
  release: {
    word: (name) => `Release ${name}`, reason: true, preview: true, instead: ["failback", "Fail back instead"],
    about: ({ server, standby, snapshot }) => ({
      question: `Stop serving ${server.name} from ${standby}?`, typed: true, from: standby, to: server.name,
      effect: `The stand-in is stopped and the address is given back. ${server.name} has to serve its users itself.`,
      risks: [
        ...(server.health === "ok" ? [] : [`${server.name} does not answer: then nobody serves its users.`]),
        `Nothing is copied back: what was written ${server.role_since ? `since ${when(server.role_since)} (${since(server.role_since, Date.parse(snapshot.generated_at))}) ` : ""}${
          written(server).length ? `in ${written(server).join(", ")} ` : ""}stays on ${standby} until you replicate to live.`,
      ],
    }),
    send: give("release", decision),
  },
  failback: {
    word: (name) => `Fail ${name} back`, reason: true, preview: true,
    about: ({ server, preview, standby }) => {
      const started = preview.steps.some((d) => d.name === "application");
      return {
        question: `Fail ${server.name} back?`, typed: true, from: standby, to: server.name,
        effect: [
          `${server.name} gets ${preview.crossings.length + preview.trees.length > 0 ? `the data of ${standby} and its role` : "its role; no data is moved"}.`,
          preview.crossings.length > 0 && `The databases on ${server.name} are replaced by the copies of ${standby}, and kept as the previous ones.`,
          preview.trees.length > 0 && `The files on ${server.name} become as the copies of ${standby} are. What only ${server.name} has of them is set aside there.`,
        ].filter(Boolean).join(" "),
        risks: [
          ...(preview.crossings.some((c) => c.newer?.length) ? [`${server.name} holds data that is newer than the last copy: it is set aside.`] : []),
          `Nobody serves the users of ${server.name} during the final stop.`,
          started ? `The start of the application on ${server.name} is the point of no return. Until then a step that fails takes everything back, and you can cancel.`
            : `Start the application on ${server.name} yourself at the end: from then on there is no way back.`,
        ],
      };
    },
    send: give("failback", decision),
  },
  "replicate-from-live": {
    word: (name) => `Replicate from ${name}`, reason: true, preview: true,
    about: ({ server, preview, standby }) => ({
      question: `Replicate ${server.name} to ${standby}?`, from: server.name, to: standby,
      typed: preview.checks.some((c) => c.result === "critical") || preview.crossings.some((c) => c.newer?.length),
      effect: `The copies on ${standby} are replaced by what ${server.name} holds now. ${server.name} is only read.`,
      risks: server.diverged ? [`${standby} has written since the takeover: that is given up.`] : [],
    }),
    send: give("replicate-from-live", decision),
  },
  "replicate-to-live": {
    word: (name) => `Overwrite ${name}`, reason: true, preview: true,
    about: ({ server, preview, standby }) => ({
      question: `Overwrite ${server.name} with ${standby}'s data?`, typed: true, from: standby, to: server.name,
      effect: [
        (preview.crossings.length > 0 || !preview.trees.length) && `The databases on ${server.name}, the live server, are replaced by the copies of ${standby}. What was there is kept as the previous database.`,
        preview.trees.length > 0 && `The files on ${server.name} become as the copies of ${standby} are. What only ${server.name} has of them is set aside there.`,
      ].filter(Boolean).join(" "),
      risks: preview.crossings.some((c) => c.newer?.length) ? [`${server.name} holds data that is newer than the last copy: it is set aside.`] : [],
    }),
    send: give("replicate-to-live", decision),
  },
  rollback: {
    word: (name) => `Roll back the copies of ${name}`, reason: true, preview: true,
    about: ({ server, standby }) => ({
      question: `Roll back the copies of ${server.name} on ${standby}?`, typed: true,
      effect: `On ${standby}, the copies before come back into service. ${server.name} is not touched.`,
      risks: server.copies.map((c) => (c.previous_at ? `${c.catalog} goes back from ${when(c.snapshot_at)} to ${when(c.previous_at)}.` : `${c.catalog} has no copy before.`)),
    }),
    send: give("rollback", decision),
  },
  drill: {
    word: (name) => `Rehearse ${name}`, reason: true, preview: true,
    about: ({ server, standby }) => ({
      question: `Rehearse a takeover of ${server.name}?`,
      effect: `${standby} copies its copies of ${server.name} once more, tries them, and drops them. What is in service is not changed, and ${server.name} is not asked anything.`,
      risks: [],
    }),
    send: give("drill", remark),
  },
  "confirm-deletions": {
    word: (name, { tree }) => `Delete from the copy of ${tree}`, reason: true,
    about: ({ server, standby, tree }) => {
      const t = treeOf(server, tree);
      return {
        question: `Let ${plural(t.held_deletions, "deletion")} happen in the copy of ${tree}?`, typed: true, from: server.name, to: standby,
        effect: html`What was deleted from <code>${t.source}</code> on ${server.name} is deleted from <code>${t.directory}</code> on ${standby} as well.`,
        risks: [`${plural(t.held_deletions, "path")} of ${plural(t.files, "file")} go to the copy's trash. Look first whether ${server.name} has lost them by accident: this copy may be the last one.`],
      };
    },
    send: giveTree("confirm-deletions"),
  },
  "accept-source": {
    word: (name, { tree }) => `Take the source of ${tree} as it is`, reason: true,
    about: ({ server, standby, tree }) => {
      const t = treeOf(server, tree);
      return {
        question: `Take the source of ${tree} as it is now?`, typed: true, from: server.name, to: standby,
        effect: html`<code>${t.source}</code> is another directory than it was: a new disk, a restored one, a share that was moved. The copy on ${standby} becomes what it is now.`,
        risks: [`The copy has ${plural(t.files, "file")} now. Look first whether the source is mounted; the brake holds deletions back as ever.`],
      };
    },
    send: giveTree("accept-source"),
  },
  "discard-diverged": {
    word: (name, { tree }) => `Give up what is new in ${tree}`, reason: true,
    about: ({ server, standby, tree }) => {
      const t = treeOf(server, tree);
      return {
        question: `Give up what the stand-in wrote in ${tree}?`, typed: true, from: server.name, to: standby,
        effect: html`<code>${t.directory}</code> on ${standby} becomes what <code>${t.source}</code> on ${server.name} is now, and follows it again.`,
        risks: [`What the stand-in wrote in its ${plural(t.files, "file")} since the takeover goes to the copy's trash. If ${server.name} needs it, replicate to live first.`],
      };
    },
    send: giveTree("discard-diverged"),
  },
  restore: {
    word: () => "Put it back", reason: true,
    about: ({ server, standby, tree, aside }) => ({
      question: `Put ${aside.path} into its place again?`,
      effect: html`On ${server.name}, <code>${aside.path}</code> of ${tree} (${bytes(aside.bytes)}, of ${when(aside.modified_at)}) comes back. It was set aside because ${standby} never had it: ${aside.reason}.`,
      risks: [`What is in its place on ${server.name} now goes to the trash there.`],
    }),
    send: ({ name, tree, aside, given, etag, patience }) => request("POST", `${serverPath(name)}/files/${encodeURIComponent(tree)}/restore`, {
      body: { set: aside.set, path: aside.path, reason: given.reason }, headers: { "If-Match": etag }, patience,
    }),
  },
  cancel: {
    word: (_, { operation }) => `Stop the ${operationWord(operation.kind)}`, back: "Let it go on", reason: true,
    about: ({ operation, snapshot }) => {
      const server = snapshot.servers.find((s) => s.name === operation.server);
      return {
        question: `Stop the ${operationWord(operation.kind)} of ${operation.server}?`, effect: "What it has done is undone, the last step first.",
        risks: operation.kind === "takeover" && server?.health === "failure" ? [`${operation.server} does not answer: then nobody serves its users.`] : [],
      };
    },
    send: ({ operation, given, patience }) => request("POST", `${operationPath(operation.id)}/cancel`, { body: remark(given), patience }),
  },
  acknowledge: {
    word: () => "Take care of it", reason: true,
    about: ({ incident }) => ({
      question: `Take care of "${incident.title}"?`,
      effect: "Nobody is reminded of it any more, and it is not escalated, unless it gets worse. Whoever was told of it is told that you take care.", risks: [],
    }),
    send: ({ incident, given, patience }) => request("POST", `/incidents/${encodeURIComponent(incident.id)}/acknowledge`, { body: remark(given), patience }),
  },
  test: {
    word: (name) => `Test ${name}`, reason: true,
    about: ({ server }) => ({ question: `Test every connection of ${server.name}?`, effect: "Its addresses, probes and agent, both ends of its databases, and the directories of its files are asked once. Nothing is changed.", risks: [] }),
    send: ({ name, given, patience }) => request("POST", `${serverPath(name)}/test`, { body: remark(given), patience }),
    outcome: (body) => html`<ul class="checks">${body.trials.map((t) => html`<li><${Mark} as=${result(t.ok ? "ok" : "warning")}><b>${t.name}</b><//> ${t.detail}</li>`)}</ul>`,
  },
  "test-alert": {
    word: () => "Send a test alert", reason: true,
    about: () => ({ question: "Send a test alert?", effect: "A real alert goes to everybody, by every way out. It may take as long as the slowest of them does.", risks: [] }),
    send: ({ given, patience }) => request("POST", "/test-alert", { body: remark(given), patience }),
    outcome: (body) => html`<ul class="mails">${body.mails.map((m) => html`<li><b>${m.recipient}</b>: ${m.ok ? "accepted." : `not sent: ${m.error}. ${m.likely_cause}`}
      <details class="fold" open=${!m.ok}><summary>What was said</summary><pre tabindex="0">${m.transcript.join("\n")}</pre></details></li>`)}</ul>`,
  },
  "create-token": {
    word: () => "Make the token", role: "admin", reason: true,
    fields: [
      { key: "owner", word: "Who or what will use it", type: "text", needed: "say who will use it" },
      { key: "role", word: "What it may do", options: [["viewer", "look (viewer)"], ["operator", "look and order (operator)"], ["admin", "everything (admin)"]] },
      { key: "days", word: "For how long", options: [["90", "90 days"], ["7", "7 days"], ["365", "a year"]] },
    ],
    about: () => ({ question: "Make a token?", effect: "Whoever has it signs in with it. It is shown once, in the answer, and kept nowhere.", risks: [] }),
    send: ({ given, patience }) => request("POST", "/tokens", { body: { name: given.owner.trim(), role: given.role, days: Number(given.days), reason: given.reason }, patience }),
    outcome: (made) => html`<p><b>${made.name}</b> (${made.role}), until ${when(made.expires_at)}. Copy it now; it is not shown again:</p><p><code class="secret">${made.secret}</code></p>`,
  },
  "revoke-token": {
    word: () => "Revoke it", role: "admin", reason: true,
    about: ({ token }) => ({ question: `Revoke the token ${token.name}?`, effect: "It is good for nothing from now on. Whoever is signed in with it is signed out.", risks: [] }),
    send: ({ token, given, patience }) => request("POST", `/tokens/${encodeURIComponent(token.id)}/revoke`, { body: remark(given), patience }),
  },
  pair: {
    word: () => "Pair with the agent", role: "admin", reason: true,
    fields: [
      { key: "address", word: "Address and port of the agent", type: "text", needed: "give the address, such as 192.168.11.21:7443" },
      { key: "code", word: "Code that failoverd agent pair shows there", type: "text", needed: "give the code" },
    ],
    about: ({ standby }) => ({ question: `Pair ${standby} with an agent?`, effect: "Both sides prove that they know the code, and remember each other's key. The standby that the agent served before is not served any more.", risks: [] }),
    send: ({ given, patience }) => request("POST", "/agents/pair", { body: { address: given.address.trim(), code: given.code.trim(), reason: given.reason }, patience }),
  },
  reload: {
    word: () => "Read the configuration again", role: "admin", reason: true,
    about: ({ snapshot }) => ({ question: "Read the configuration again?", effect: html`All of <code>${snapshot.standby.config.file}</code>, of <code>options.d</code> and of <code>servers.d</code>, or nothing: after an error the old one stays in force. Nothing that runs is interrupted.`, risks: [] }),
    send: ({ given, patience }) => request("POST", "/reload", { body: remark(given), patience }),
    outcome: (done) => html`<p>${done.changed.length ? "Changed:" : "Nothing has changed."}</p><ul>${done.changed.map((key) => html`<li><code>${key}</code>${done.needs_restart.includes(key) ? " after a restart" : ""}</li>`)}</ul>
      ${done.notices.map((n) => html`<p>${n}</p>`)}
      ${done.uncopied.map((u) => html`<p>${u.server}: there is no copy of ${u.catalogs.join(", ")} yet. Replicate from live.</p>`)}`,
  },
  remove: {
    word: (name) => `Remove ${name}`, role: "admin", reason: true,
    about: ({ server, standby, file }) => ({
      question: `Remove ${server.name} from failoverd?`, typed: true,
      effect: html`${standby} takes <code>${file}</code> away: ${server.name} is not watched, not replicated and not taken over any more. ${server.name} itself is not touched.`,
      risks: [
        `If ${server.name} fails, nobody serves its users.`,
        ...(written(server).length ? [`The copies on ${standby} (${written(server).join(", ")}) stay there, and become out of date.`] : []),
      ],
    }),
    send: ({ name, given, tag, patience }) => request("DELETE", query(serverPath(name), { reason: given.reason }), { headers: { "If-Match": tag }, patience }),
    after: "#/",
  },
};
