// Answers on their way to the site: one request after the other, again after a lost connection, and kept
// in this browser until the site has them, so that neither a reload nor a closed tab loses one. Each has
// a name of its own, under which the site takes it once, however often it is sent.

import { LoggedOut, Unreachable, forget, kept, post, remember } from "./desk.js";

const SHORTEST = 1_000;
const LONGEST = 30_000;
const BROKEN = 3; // so often the site may break on the same answer before that is given up

// A random UUID; crypto.randomUUID exists only on secure origins.
export function name() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((each) => each.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function pause(ms) {
  return new Promise((over) => {
    const heard = new AbortController();
    const end = () => { heard.abort(); clearTimeout(timer); over(); };
    const timer = setTimeout(end, ms);
    addEventListener("online", end, { signal: heard.signal });
    addEventListener("focus", end, { signal: heard.signal }); // back from logging in
  });
}

export class Outbox {
  #line = [];
  #busy = null;
  #kept;
  #told;

  // desk: whose answers about what, as a key of this browser's storage; told: hears "saving", "saved",
  // "offline" and "loggedOut".
  constructor(desk, told) {
    this.#kept = `outbox:${desk}:`;
    this.#told = told;
  }

  get size() { return this.#line.length; }

  // body.batch is its name. What has none (an undo of something that this page does not know) is not
  // sent twice: the answer is an Unreachable then.
  send(address, body) {
    return new Promise((resolve, reject) => {
      this.#line.push({ address, body, resolve, reject });
      if (body.batch) remember(this.#kept + body.batch, JSON.stringify({ at: Date.now(), address, body }));
      this.#busy ??= this.#drain();
    });
  }

  // Everything sent so far has been answered.
  async empty() { await this.#busy; }

  // What an earlier page could not send any more: how much that was, and why the site refused some.
  async sendLeftovers() {
    const left = kept(this.#kept).map((each) => JSON.parse(each)).sort((a, b) => a.at - b.at);
    const answers = await Promise.allSettled(left.map(({ address, body }) => this.send(address, body)));
    const refused = answers.flatMap(({ value, reason }) =>
      reason ? [reason.message] : (value.refused ?? []).map((each) => each.detail));
    return { sent: left.length, refused: [...new Set(refused)] };
  }

  async #drain() {
    let wait = SHORTEST;
    let broken = 0;
    while (this.#line.length) {
      const { address, body, resolve, reject } = this.#line[0];
      if (wait === SHORTEST) this.#told("saving");
      try {
        resolve(await post(address, body));
      } catch (error) {
        broken += error.message === "500";
        const out = error instanceof LoggedOut;
        if ((out || error instanceof Unreachable) && body.batch && broken < BROKEN) {
          this.#told(out ? "loggedOut" : "offline");
          await pause(wait);
          wait = Math.min(wait * 2, LONGEST);
          continue;
        }
        reject(error);
      }
      wait = SHORTEST;
      broken = 0;
      this.#line.shift();
      forget(this.#kept + body.batch);
    }
    this.#busy = null;
    this.#told("saved");
  }
}
