// The buttons of the classes: by their keys, by a click, or by some letters of the name and Enter.

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[_-]+/g, " ").trim();

// How well a name fits what was typed, smaller is better; -1: not at all.
function rank(name, typed) {
  const at = name.indexOf(typed);
  if (at <= 0) return at;
  return name[at - 1] === " " ? 1 : 2;
}

export class ClassPicker {
  #buttons;
  #find = document.getElementById("find");
  #found = document.getElementById("found");
  #matches = [];
  #at = 0;
  #off = null;

  // choose: hears the button; leave: the search is over, the keys belong to the grid again.
  constructor({ text, choose, leave }) {
    this.text = text;
    this.choose = choose;
    this.leave = leave;
    const box = document.getElementById("classes");
    this.#buttons = [...box.querySelectorAll("button")];
    box.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      event.preventDefault();
      choose(button);
    });
    this.#find?.addEventListener("input", () => this.#filter());
    this.#find?.addEventListener("keydown", (event) => this.#key(event));
  }

  keyed(key) { return this.#usable().find((button) => button.dataset.key === key); }

  search() { this.#find?.focus(); }

  // One class that cannot be picked now, by its id.
  without(id) {
    this.#off = id;
    this.#filter();
  }

  #usable() { return this.#buttons.filter((button) => button.value !== this.#off); }

  #filter() {
    const typed = plain(this.#find?.value ?? "");
    const ranked = this.#usable().map((button) => [rank(plain(button.dataset.name), typed), button]);
    this.#matches = ranked.filter(([fit]) => fit >= 0).sort(([a], [b]) => a - b).map(([, button]) => button);
    for (const button of this.#buttons) button.hidden = !this.#matches.includes(button);
    this.#at = 0;
    this.#mark(typed);
  }

  #mark(typed) {
    const first = typed ? this.#matches[this.#at] : null;
    for (const button of this.#buttons) button.classList.toggle("first", button === first);
    first?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (!this.#found) return;
    if (!typed) this.#found.textContent = "";
    else if (!first) this.#found.textContent = this.text("FoundNone");
    else this.#found.textContent = this.text("Found", { n: this.#matches.length, name: first.dataset.name });
  }

  #key(event) {
    // Enter ends a composition, too; that one is not ours.
    if (event.isComposing || event.keyCode === 229) return;
    const typed = plain(this.#find.value);
    if (event.key === "Enter") {
      event.preventDefault();
      const first = typed ? this.#matches[this.#at] : null;
      if (!first) return;
      this.#end();
      this.choose(first);
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.#end();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const last = this.#matches.length - 1;
      this.#at = Math.min(last, Math.max(0, this.#at + (event.key === "ArrowDown" ? 1 : -1)));
      this.#mark(typed);
    }
  }

  #end() {
    this.#find.value = "";
    this.#filter();
    this.leave();
  }
}
