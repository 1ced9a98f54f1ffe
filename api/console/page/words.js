// How things are called and drawn: one place for words, shapes and tones, so that no two parts of the page disagree.

// look is the state of a server as shape, word and tone.
export function look(s) {
  if (s.role === "standing in") return { word: "Standing in", shape: "swap", tone: "serving" };
  if (s.role === "taking over") return { word: "Taking over", shape: "turning", tone: "working" };
  if (s.role === "releasing") return { word: "Releasing", shape: "turning", tone: "working" };
  switch (s.state) {
    case "Failure": return { word: "Failure", shape: "cross", tone: "bad" };
    case "Suspect": return { word: "Suspect", shape: "triangle", tone: "warn" };
    case "Suspended": return { word: "Suspended", shape: "pause", tone: "quiet" };
    case "Stopped": return { word: "Stopped", shape: "square", tone: "quiet" };
    case "Replicating": return { word: "Replicating", shape: "turning", tone: "working" };
  }
  return { word: s.state, shape: "check", tone: "good" };
}

// readiness is the same for the question whether a takeover would succeed now.
export function readiness(verdict) {
  switch (verdict) {
    case "ready": return { word: "ready", shape: "shield", tone: "good" };
    case "degraded": return { word: "degraded", shape: "shieldwarn", tone: "warn" };
    case "not ready": return { word: "not ready", shape: "shieldbroken", tone: "bad" };
  }
  return { word: verdict, shape: "question", tone: "quiet" };
}

export function result(word) {
  switch (word) {
    case "ok": case "succeeded": case "answered": return { word, shape: "check", tone: "good" };
    case "warning": case "partial": case "undone": case "cancelled": return { word, shape: "triangle", tone: "warn" };
    case "critical": case "failed": case "missed": return { word, shape: "cross", tone: "bad" };
    case "running": case "cancelling": return { word, shape: "turning", tone: "working" };
    case "queued": case "skipped": return { word, shape: "circle", tone: "quiet" };
  }
  return { word, shape: "question", tone: "quiet" };
}

export function severity(word) {
  if (word === "critical") return { word, shape: "cross", tone: "bad" };
  if (word === "warning") return { word, shape: "triangle", tone: "warn" };
  return { word, shape: "circle", tone: "quiet" };
}

// copyLook is how a copy of a database stands: what is new and does not come is another thing than nothing new.
export function copyLook(c) {
  if (c.age_s === null) return { word: "never copied completely", shape: "cross", tone: "bad" };
  if (c.max_age_s !== null && c.age_s > c.max_age_s) return { word: "too old for a takeover", shape: "cross", tone: "bad" };
  if (c.attempt && !c.attempt.ok) return { word: "nothing arrives", shape: "triangle", tone: "warn" };
  if (c.late) return { word: "late", shape: "triangle", tone: "warn" };
  return { word: c.source === "unchanged" ? "nothing new at the source" : "up to date", shape: "check", tone: "good" };
}

// treeLook is the same for a tree of files.
export function treeLook(t) {
  if (t.diverged) return { word: "diverged", shape: "triangle", tone: "warn" };
  if (t.ailment) return { word: { root: "another source", full: "disk full", held: "deletions held back", late: "late" }[t.ailment] ?? t.ailment, shape: "triangle", tone: "warn" };
  if (t.state === "failing") return { word: "nothing arrives", shape: "triangle", tone: "warn" };
  if (t.synced_at === null) return { word: "never complete", shape: "cross", tone: "bad" };
  if (t.state === "resting") return { word: "not followed now", shape: "pause", tone: "quiet" };
  if (t.state === "current") return { word: "as its source", shape: "check", tone: "good" };
  return { word: t.state, shape: "turning", tone: "working" };
}

export const standingIn = (snapshot) => snapshot.servers.filter((s) => s.role !== "standing by");

// serves says who serves a server's users now.
export function serves(s, standby) {
  if (s.role === "standing in") return standby;
  if (s.role === "taking over") return `${standby} is taking over`;
  if (s.role === "releasing") return `${standby} is releasing`;
  if (s.state === "Failure") return "nobody";
  if (s.mode !== "active") return `${s.name}, not watched`;
  return s.name;
}

// unprotected says why a failure of a server could not be covered now, in the terms of the alerts; empty if it could.
export function unprotected(s) {
  if (s.role !== "standing by") return "";
  if (s.mode !== "active") return s.mode;
  if (s.state === "Failure") return s.hold?.reason ?? "it has failed, and nobody serves";
  const check = s.readiness.checks.find((c) => c.result === "critical" || (c.name === "capacity" && c.result !== "ok"));
  return check ? `${check.name}: ${check.value}` : "";
}

export function title({ snapshot, staleSince }) {
  const host = `failoverd ${snapshot.standby.name}`;
  if (staleSince) return `(?) no connection - ${host}`;
  const first = snapshot.attention[0];
  return first ? `(!${snapshot.attention.length}) ${first.server ? `${first.server}: ` : ""}${first.text} - ${host}` : `All ready - ${host}`;
}

const two = (n) => String(n).padStart(2, "0");

// zone is this computer's offset, which every time of the page is in.
export function zone(at = new Date()) {
  const minutes = -at.getTimezoneOffset();
  return `${minutes < 0 ? "−" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

export function clock(at) {
  const t = new Date(at);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

export function date(at) {
  const t = new Date(at);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

// when is a time, with its day unless that is today's.
export function when(at, now = Date.now()) {
  return date(at) === date(now) ? clock(at) : `${date(at)} ${clock(at)}`;
}

// span is a length of time in seconds, in the two largest units.
export function span(seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 1) return seconds < 0.0995 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  const pair = (large, a, small, b) => (small ? `${large} ${a} ${small} ${b}` : `${large} ${a}`);
  if (s < 3600) return pair(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86400) return pair(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return pair(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
}

export const since = (at, now) => span((now - Date.parse(at)) / 1000);

export function bytes(n) {
  if (n < 0) return "unknown size";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

export const number = (n) => n.toLocaleString("en").replaceAll(",", "\u202f");

// operationWord is what an operation is called.
export function operationWord(kind) {
  return { takeover: "takeover", release: "release", "replicate-from-live": "replication from live", "replicate-to-live": "replication to live", rollback: "rollback", failback: "failback", handover: "hand-over", drill: "drill" }[kind] ?? kind;
}

export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
