// The door: a token is turned into a session. The token itself is kept nowhere.
import { html, useState, useRef, useEffect } from "./vendor/htm-preact.js";
import { signIn } from "./store.js";

export function SignIn() {
  const [problem, tell] = useState("");
  const [busy, work] = useState(false);
  const field = useRef(null);
  useEffect(() => field.current?.focus(), []);

  async function submit(event) {
    event.preventDefault();
    if (busy) return;
    const token = field.current.value.trim();
    if (!token) {
      tell("Enter a token. It begins with fvt_.");
      field.current.focus();
      return;
    }
    work(true);
    tell("");
    try {
      await signIn(token);
    } catch (p) {
      work(false);
      tell(p.code === "unauthenticated" ? `Not signed in: ${p.message}.` : `Not signed in. ${p.message}.`);
      field.current?.select();
    }
  }

  return html`<main class="alone">
    <form class="door" onSubmit=${submit}>
      <h1><img src="/console/icon.svg" alt="" width="32" height="32" /> failoverd</h1>
      <input class="unseen" type="text" name="username" value="failoverd" autocomplete="username" tabindex="-1" aria-hidden="true" readonly />
      <label for="token">Token</label>
      <input id="token" ref=${field} type="password" name="token" autocomplete="current-password" spellcheck="false" autocapitalize="off"
        aria-describedby="token-help token-problem" aria-invalid=${problem ? "true" : "false"} />
      <p id="token-problem" class="problem" role="alert">${problem}</p>
      <button class="primary" type="submit" disabled=${busy}>${busy ? "Signing in …" : "Sign in"}</button>
      <p id="token-help" class="help">A token is made on the standby: <code>sudo failoverd token create NAME --role operator</code>.
        You stay signed in for 12 hours, with what the token may do.</p>
    </form>
  </main>`;
}
