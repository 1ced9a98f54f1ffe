// The orders: how each is asked about, what it does in one sentence, what is at risk, how it is given.
import { html } from "./vendor/htm-preact.js";
import { request, serverPath, operationPath } from "./api.js";
import { when, since, span, operationWord } from "./words.js";

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
  return server.copies.map((c) => c.snapshot_at === null ? `${c.catalog} has never been copied completely: ${standby} has no data of it.`
    : `${c.catalog} on ${standby} is as of ${when(c.snapshot_at)}, ${span((now - Date.parse(c.snapshot_at)) / 1000)} old: what was written since is not there.`);
}

export const orders = {
  suspend: {
    word: (name, _, until) => `Suspend ${name}${until === undefined ? "" : ` ${lengthWord(until)}`}`, reason: true, until: lengths,
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
  release: {
    word: (name) => `Release ${name}`, reason: true, preview: true,
    about: ({ server, standby, snapshot }) => ({
      question: `Stop serving ${server.name} from ${standby}?`, typed: true, from: standby, to: server.name,
      effect: `The stand-in is stopped and the address is given back. ${server.name} has to serve its users itself.`,
      risks: [
        ...(server.health === "ok" ? [] : [`${server.name} does not answer: then nobody serves its users.`]),
        `Nothing is copied back: what was written ${server.role_since ? `since ${when(server.role_since)} (${since(server.role_since, Date.parse(snapshot.generated_at))}) ` : ""}stays on ${standby} until you replicate to live.`,
      ],
    }),
    send: give("release", decision),
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
  cancel: {
    word: (_, operation) => `Stop the ${operationWord(operation.kind)}`, back: "Let it go on", reason: true,
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
  "test-alert": {
    word: () => "Send a test alert", reason: true,
    about: () => ({ question: "Send a test alert?", effect: "A real alert goes to everybody, by every way out. It may take as long as the slowest of them does.", risks: [] }),
    send: ({ given, patience }) => request("POST", "/test-alert", { body: remark(given), patience }),
    outcome: (body) => html`<ul class="mails">${body.mails.map((m) => html`<li><b>${m.recipient}</b>: ${m.ok ? "accepted." : `not sent: ${m.error}. ${m.likely_cause}`}
      <details class="fold" open=${!m.ok}><summary>What was said</summary><pre tabindex="0">${m.transcript.join("\n")}</pre></details></li>`)}</ul>`,
  },
};
