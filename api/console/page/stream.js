// The stream of events: it is opened again where it broke, after the last number that was seen, so that nothing is lost
// and nothing comes twice.
import { open } from "./api.js";

const silence = 40_000; // a comment comes every 15 s; longer than this is a dead connection
const waits = [250, 500, 1_000, 2_000, 5_000];

// follow calls told.event with each event after last, told.gap with the oldest number that is left when some are gone,
// told.place with a place without an event, told.connected and, when nobody is signed in any more, told.refused. It
// returns how to stop it.
export function follow(last, told) {
  const stopped = new AbortController();
  let failures = 0;

  async function run() {
    while (!stopped.signal.aborted) {
      const broken = new AbortController();
      const stop = () => broken.abort();
      stopped.signal.addEventListener("abort", stop);
      try {
        const reader = await open(last, broken.signal);
        told.connected(true);
        await read(reader, broken);
      } catch (error) {
        if (error.status === 401) {
          told.refused();
          return;
        }
      } finally {
        stopped.signal.removeEventListener("abort", stop);
      }
      if (stopped.signal.aborted) return;
      told.connected(false);
      await new Promise((resolve) => setTimeout(resolve, waits[Math.min(failures++, waits.length - 1)]));
    }
  }

  async function read(reader, broken) {
    const take = parser(message);
    for (;;) {
      const watch = setTimeout(() => broken.abort(), silence);
      const { done, value } = await reader.read().finally(() => clearTimeout(watch));
      if (done || stopped.signal.aborted) return;
      failures = 0;
      take(value);
    }
  }

  function message({ id, type, data }) {
    const seq = Number(id);
    if (type === "reset") {
      last = seq;
      told.gap(JSON.parse(data).oldest_seq);
    } else if (type === "position") {
      last = Math.max(last, seq);
      told.place(last);
    } else if (seq > last) {
      last = seq;
      told.event(JSON.parse(data));
    }
  }

  run();
  return () => stopped.abort();
}

// parser takes text in any pieces and calls message with each whole message.
export function parser(message) {
  let rest = "";
  let now = { id: "", type: "", data: "" };
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const colon = line.indexOf(":");
      const value = line.slice(colon + 1).replace(/^ /, "");
      if (line === "") {
        if (now.data) message(now);
        now = { id: "", type: "", data: "" };
      } else if (line.startsWith("id:")) now.id = value;
      else if (line.startsWith("event:")) now.type = value;
      else if (line.startsWith("data:")) now.data += value;
    }
  };
}
