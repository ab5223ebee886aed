// What the review and the labelling pages share: their words, their requests, when keys are meant for
// them, and how long the rest will take.

// The sentences that the page brought in its language: text("Saved"), text("Undone", { n: 3 }).
export const wordsOf = (form) => (name, values = {}) =>
  form.dataset[`text${name}`].replace(/\{(\w+)\}/g, (_, key) => values[key]);

// ---- requests

// No connection, or a site that is busy or restarting: the same request is worth another try.
export class Unreachable extends Error {}

// The session is over: the same request is worth another try once its member has logged in again.
export class LoggedOut extends Error {}

const csrf = () => document.cookie.match(/csrftoken=([^;]+)/)?.[1] ?? "";

export async function request(method, address, body, options = {}) {
  const form = body instanceof URLSearchParams;
  const response = await fetch(address, {
    method,
    headers: {
      "Content-Type": form ? "application/x-www-form-urlencoded" : "application/json",
      Accept: form ? "text/html" : "application/json",
      "X-CSRFToken": csrf(),
    },
    body: form ? body : JSON.stringify(body),
    ...options,
  }).catch(() => { throw new Unreachable(); });
  if (response.status >= 500 || response.status === 429) throw new Unreachable(String(response.status));
  return response;
}

// The answer; a refusal is an Error with the site's sentence.
export async function post(address, body) {
  const response = await request("POST", address, body);
  // Something between here and the site may answer with a page of its own.
  const answer = await response.json().catch(() => { throw new Unreachable(); });
  const anonymous = response.status === 401 || (response.status === 403 && answer.code !== "role_required");
  if (anonymous) throw new LoggedOut(answer.detail);
  if (!response.ok) throw new Error(answer.detail ?? String(response.status));
  return answer;
}

// How far the answers are (see Outbox), in words; to someone who was logged out also the way back, in
// another tab, so that this page goes on with what it has.
export function tellSaved(line, form, state) {
  const text = wordsOf(form);
  line.textContent = text(state[0].toUpperCase() + state.slice(1));
  if (state !== "loggedOut") return;
  const link = document.createElement("a");
  Object.assign(link, { href: form.dataset.login, target: "_blank", textContent: text("LogIn") });
  line.append(" ", link);
}

// ---- keys

// Is a dialogue open, or is this key meant for a field or an input method? (229: one that it composes
// with, where isComposing comes late.)
export function typing(event) {
  if (event.isComposing || event.keyCode === 229 || document.querySelector("dialog[open]")) return true;
  // A field of a dialogue that was closed a moment ago may still have the focus.
  return event.target.matches("input, select, textarea, [contenteditable]") && !event.target.closest("dialog:not([open])");
}

// Is this a key for the desk at all, and not one of the browser's or of a dialogue that it has closed?
export const meant = (event) => !typing(event) && !event.altKey && !event.defaultPrevented;
export const plainKey = (event) => meant(event) && !event.metaKey && !event.ctrlKey;

// Buttons and links have Enter and Space for themselves.
export const onControl = (event) => event.target.matches("button, a, summary");

// The switch for letters and digits, remembered in this browser; the answer says whether they are on.
export function shortcuts() {
  const box = document.getElementById("shortcuts");
  box.checked = recall("shortcuts") !== "off";
  box.addEventListener("change", () => remember("shortcuts", box.checked ? "on" : "off"));
  return () => box.checked;
}

// ---- what this browser remembers; a private window forgets, and that is fine

export function remember(name, value) {
  try { localStorage.setItem(name, value); } catch { /* forgotten */ }
}

export function recall(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

export function forget(name) {
  try { localStorage.removeItem(name); } catch { /* it was */ }
}

// Everything that is remembered under names that begin like this.
export function kept(prefix) {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(prefix)).map((name) => localStorage.getItem(name));
  } catch { return []; }
}

// ---- place

// On a phone the head of the page is half of the screen: begin with the desk.
export function toDesk(form) {
  if (matchMedia("(max-width: 44rem)").matches) form.scrollIntoView();
}

// ---- pace

const BREAK = 60_000;

// Minutes that the rest will take, at the pace so far; time away from the desk does not count.
export class Pace {
  #done = 0;
  #spent = 0;
  #last = performance.now();

  count(n) {
    const now = performance.now();
    this.#spent += Math.min(now - this.#last, BREAK);
    this.#last = now;
    this.#done += n;
  }

  minutes(left) {
    if (this.#done < 3) return null;
    return Math.max(1, Math.round((this.#spent / this.#done) * left / 60_000));
  }
}
