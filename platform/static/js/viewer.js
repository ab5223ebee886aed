// One of the grid in full size, over the page: an image that can be enlarged, or a text to read.

const ZOOMS = ["fit", "zoom-1", "zoom-2", "zoom-4"];

// An image that + and − make larger and smaller.
export class Zoom {
  #image;
  #step = 0;

  constructor(image) { this.#image = image; }

  get fits() { return this.#step === 0; }

  by(steps) { this.to(this.#step + steps); }

  to(step) {
    this.#step = Math.min(ZOOMS.length - 1, Math.max(0, step));
    this.#image.classList.remove(...ZOOMS);
    this.#image.classList.add(ZOOMS[this.#step]);
  }
}

// Put a cell's image, or its text, where it is large.
export function enlarge(cell, image, words) {
  const small = cell.querySelector("img");
  if (small) {
    image.src = cell.dataset.image;
    image.alt = small.alt;
    image.classList.toggle("pixels", small.classList.contains("pixels"));
  } else words.textContent = cell.querySelector(".excerpt").textContent;
}

export class Viewer {
  #box = document.getElementById("viewer");
  #image = document.getElementById("viewer-image");
  #words = document.getElementById("viewer-text");
  #zoom = new Zoom(this.#image);
  #grid;

  constructor(grid) {
    this.#grid = grid;
    const buttons = {
      "viewer-back": () => this.#step(-1),
      "viewer-on": () => this.#step(1),
      "viewer-out": () => this.#zoom.by(-1),
      "viewer-in": () => this.#zoom.by(1),
    };
    for (const [id, does] of Object.entries(buttons)) document.getElementById(id)?.addEventListener("click", does);
    this.#box.addEventListener("close", () => this.#grid.focus());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
  }

  open() {
    if (!this.#grid.current) return;
    this.#show();
    this.#box.showModal();
    this.#box.querySelector(".viewer-frame").focus();
  }

  #show() {
    const cell = this.#grid.current;
    const text = !cell.querySelector("img");
    this.#image.hidden = text;
    this.#words.hidden = !text;
    enlarge(cell, this.#image, this.#words);
    this.#zoom.to(0);
    this.#box.querySelector(".viewer-frame").scrollTo(0, 0);
  }

  #step(by) {
    const all = this.#grid.list();
    const cell = all[all.indexOf(this.#grid.current) + by];
    if (!cell) return;
    this.#grid.moveTo(cell, { focus: false });
    this.#show();
  }

  #key(event) {
    const keys = {
      ArrowRight: () => this.#step(1),
      ArrowLeft: () => this.#step(-1),
      "+": () => this.#zoom.by(1),
      "=": () => this.#zoom.by(1),
      "-": () => this.#zoom.by(-1),
      f: () => this.#box.close(),
    };
    const arrow = event.key.startsWith("Arrow");
    if (!keys[event.key] || event.ctrlKey || event.metaKey || (arrow && !this.#zoom.fits)) return;
    event.preventDefault();
    keys[event.key]();
  }
}
