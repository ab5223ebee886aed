// The batch after this one: asked for while this one is being finished, its pictures fetched meanwhile,
// so that it can take its place at once.

import { request } from "./desk.js";

export class NextBatch {
  #address;
  #leases;
  #asked = null;

  constructor(address, leases) {
    this.#address = address;
    this.#leases = leases;
  }

  // Its element, or null where there is none; asked for once until it is taken. Outside the document
  // already its images begin to load.
  get() {
    this.#asked ??= this.#fetch().catch((error) => { this.#asked = null; throw error; });
    return this.#asked;
  }

  taken() { this.#asked = null; }

  async #fetch() {
    const held = new URLSearchParams(this.#leases.ids.map((lease) => ["held", lease]));
    const response = await request("POST", this.#address + location.search, held);
    if (response.status === 204) return null;
    if (!response.ok) throw new Error(String(response.status));
    const holder = document.createElement("div");
    holder.innerHTML = await response.text();
    const batch = holder.firstElementChild;
    this.#leases.hold(batch.dataset.lease, batch.dataset.until);
    return batch;
  }
}
