// Which of a batch has been on the screen, loaded and long enough to be looked at. Only that is accepted
// all at once: never what is further down, still loading, or appeared under a second press of the key.

const DWELL = 300;
const STEPS = [0, 0.25, 0.5, 0.75, 1];

export class Seen {
  #seen = new WeakSet();
  #here = new Map(); // {element on the screen: timer}
  #observer = null;
  #told;

  constructor(told) { this.#told = told; }

  has(cell) { return this.#seen.has(cell); }

  add(cell) { this.#seen.add(cell); }

  // covered: pixels at the lower edge of the window under which nothing can be seen.
  watch(cells, covered) {
    this.#observer?.disconnect();
    for (const timer of this.#here.values()) clearTimeout(timer);
    this.#here.clear();
    this.#observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const most = Math.min(entry.boundingClientRect.height, entry.rootBounds.height);
        if (entry.intersectionRect.height >= most / 2) this.#arrive(entry.target);
        else this.#leave(entry.target);
      }
    }, { rootMargin: `0px 0px -${covered}px 0px`, threshold: STEPS });
    for (const cell of cells) this.#observer.observe(cell);
  }

  #arrive(cell) {
    if (this.#here.has(cell)) return;
    this.#here.set(cell, 0);
    const picture = cell.querySelector("img");
    if (!picture || (picture.complete && picture.naturalWidth)) this.#look(cell);
    else picture.addEventListener("load", () => this.#look(cell), { once: true });
  }

  #look(cell) {
    if (!this.#here.has(cell)) return;
    this.#here.set(cell, setTimeout(() => {
      this.#seen.add(cell);
      this.#told();
    }, DWELL));
  }

  #leave(cell) {
    clearTimeout(this.#here.get(cell));
    this.#here.delete(cell);
  }
}
