// The batches that this page holds: prolonged while somebody works here, given back when they leave.

import { request } from "./desk.js";

const RENEW_EVERY = 3 * 60 * 1000;

export class Leases {
  #address;
  #until = new Map(); // {lease: its end, exactly as the site wrote it}
  #lastSign = Date.now();
  #staying = false;

  // told: hears (lease, its new end, or null once it is over); busy: are answers still on their way?
  constructor(address, { told, busy }) {
    this.#address = address;
    for (const kind of ["keydown", "pointerdown", "scroll"]) {
      addEventListener(kind, () => { this.#lastSign = Date.now(); }, { passive: true });
    }
    setInterval(() => {
      if (Date.now() - this.#lastSign < RENEW_EVERY) for (const lease of this.ids) this.renew(lease, told);
    }, RENEW_EVERY);
    addEventListener("pagehide", () => { if (!this.#staying && !busy()) this.#giveBack(); });
    // Shown again from the browser's memory after it was left: what it shows is somebody else's now.
    addEventListener("pageshow", (event) => { if (event.persisted) this.reload(); });
  }

  get ids() { return [...this.#until.keys()]; }

  hold(lease, until) { this.#until.set(lease, until); }

  drop(lease) { this.#until.delete(lease); }

  async renew(lease, told) {
    const response = await request("PATCH", this.#address, { lease }).catch(() => null);
    if (!this.#until.has(lease)) return;
    if (response?.status === 410) {
      this.drop(lease);
      told(lease, null);
    } else if (response?.ok) {
      const { until } = await response.json();
      this.hold(lease, until);
      told(lease, new Date(until));
    }
  }

  // The page goes on with the same batches.
  reload(address = location.href) {
    this.#staying = true;
    if (address === location.href) location.reload();
    else location.assign(address);
  }

  // A reload shows a batch again and prolongs it before this arrives: `until` keeps that one.
  #giveBack() {
    for (const [lease, until] of this.#until) {
      request("DELETE", this.#address, { lease, until }, { keepalive: true }).catch(() => {});
    }
  }
}
