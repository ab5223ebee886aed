// A grid of many choices (a listbox): arrows move, Space selects, Shift extends; a click or a tap selects,
// Shift and click or a held touch selects up to there. Cells with .gone are not there any more, those
// with .done stay to be looked at.

const HOLD = 450;
const SLOP = 10;

const moves = {
  ArrowRight: () => 1,
  ArrowLeft: () => -1,
  ArrowDown: (grid) => grid.perRow(),
  ArrowUp: (grid) => -grid.perRow(),
  Home: () => -Infinity,
  End: () => Infinity,
};

export class Grid {
  #told;
  #plain;
  #base = null; // what was selected before Shift began to extend from the anchor
  #anchor = null;
  #held = null; // a touch that may become long
  current = null;

  #focus;

  // told: hears of every change; plain: what a click without Shift or Ctrl does with its cell; focus:
  // how a cell gets the focus.
  constructor({ told, plain, focus = (cell) => cell.focus() }) {
    this.#told = told;
    this.#plain = plain;
    this.#focus = focus;
  }

  // The element that holds the cells; another batch is another element.
  show(box) {
    this.box = box;
    this.current = this.#anchor = this.#base = null;
    box.addEventListener("click", (event) => this.#click(event));
    box.addEventListener("pointerdown", (event) => this.#touch(event));
    for (const kind of ["pointermove", "pointerup", "pointercancel"]) {
      box.addEventListener(kind, (event) => this.#untouch(event));
    }
    box.addEventListener("contextmenu", (event) => { if (this.#held) event.preventDefault(); });
  }

  list() { return [...this.box.querySelectorAll(".pick:not(.gone)")]; }

  open() { return this.list().filter((cell) => !cell.classList.contains("done")); }

  isSelected(cell) { return cell.getAttribute("aria-selected") === "true"; }

  selected() { return this.open().filter((cell) => this.isSelected(cell)); }

  // What an answer is about: what is selected, or else the one they are on.
  targets() {
    const some = this.selected();
    return some.length ? some : this.open().filter((cell) => cell === this.current);
  }

  moveTo(cell, { focus = true } = {}) {
    if (!cell) return;
    if (this.current) this.current.tabIndex = -1;
    this.current = cell;
    cell.tabIndex = 0;
    if (focus) this.#focus(cell);
    this.#told();
  }

  // The keys belong to the grid again.
  focus() { if (this.current) this.#focus(this.current); }

  // Off to the next one that is open when these are answered; before them where nothing is left behind.
  leave(cells) {
    const left = this.open();
    const rest = left.slice(left.indexOf(cells.at(-1)) + 1).find((cell) => !cells.includes(cell));
    this.moveTo(rest ?? left.findLast((cell) => !cells.includes(cell)));
  }

  select(cell, on) {
    if (!cell.matches(".done, .gone")) cell.setAttribute("aria-selected", String(on));
  }

  toggle(cell) {
    this.select(cell, !this.isSelected(cell));
    this.#anchor = cell;
    this.#base = null;
  }

  selectAll(on) {
    for (const cell of this.open()) this.select(cell, on);
    this.#base = null;
    this.#told();
  }

  // From the anchor up to here, and nothing that an earlier extension had beyond it.
  extendTo(cell) {
    const all = this.list();
    this.#anchor ??= this.current;
    this.#base ??= new Set(this.selected());
    const [from, to] = [all.indexOf(this.#anchor), all.indexOf(cell)].sort((a, b) => a - b);
    all.forEach((each, index) => this.select(each, this.#base.has(each) || (index >= from && index <= to)));
  }

  perRow() {
    const all = this.list();
    const next = all.findIndex((cell) => cell.offsetTop !== all[0].offsetTop);
    return next === -1 ? all.length : next;
  }

  // Whether the key was one of the grid's own.
  key(event) {
    if (event.ctrlKey || event.metaKey) {
      if (event.key !== "a" || !this.box.contains(event.target)) return false;
      this.selectAll(true);
    } else if (event.key === "Escape") this.selectAll(false);
    else if (event.key === " ") { if (this.current) this.toggle(this.current); }
    else if (moves[event.key]) this.#step(event);
    else return false;
    event.preventDefault();
    this.#told();
    return true;
  }

  #step(event) {
    const all = this.list();
    const to = all.indexOf(this.current) + moves[event.key](this);
    const cell = all[Math.min(all.length - 1, Math.max(0, to))];
    if (event.shiftKey) this.extendTo(cell);
    else { this.#anchor = cell; this.#base = null; }
    this.moveTo(cell);
  }

  #click(event) {
    const cell = event.target.closest(".pick");
    if (!cell || cell.matches(".gone")) return;
    event.preventDefault();
    if (this.#held?.long) { this.#held = null; return; } // the end of a held touch
    if (event.shiftKey) this.extendTo(cell);
    else if (event.ctrlKey || event.metaKey) this.toggle(cell);
    else this.#plain(cell);
    this.moveTo(cell);
  }

  #touch(event) {
    const cell = event.target.closest(".pick");
    this.#held = null;
    if (event.pointerType !== "touch" || !cell) return;
    const held = { x: event.clientX, y: event.clientY, long: false };
    held.timer = setTimeout(() => {
      held.long = true;
      this.extendTo(cell);
      this.moveTo(cell, { focus: false });
    }, HOLD);
    this.#held = held;
  }

  #untouch(event) {
    const held = this.#held;
    if (!held || held.long) return;
    const moved = Math.hypot(event.clientX - held.x, event.clientY - held.y) > SLOP;
    if (event.type === "pointermove" && !moved) return;
    clearTimeout(held.timer);
    this.#held = null;
  }
}
