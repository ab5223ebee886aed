// Labelling: a class is picked, Enter saves it for what is selected or the one in question, and goes on.
// One by one, with the batch small beside it, or the whole batch as a grid: the same cells, the same keys.

import { ClassPicker } from "./class_picker.js";
import { Pace, meant, onControl, plainKey, recall, remember, shortcuts, tellSaved, toDesk, wordsOf } from "./desk.js";
import { Grid } from "./grid.js";
import { Leases } from "./leases.js";
import { NextBatch } from "./next_batch.js";
import { Outbox, name } from "./outbox.js";
import { Viewer, Zoom, enlarge } from "./viewer.js";

const form = document.getElementById("label");
const picture = document.getElementById("picture");
const words = document.getElementById("words");
const savedLine = document.getElementById("saved");
const statusLine = document.getElementById("status");
const where = document.getElementById("where");
const viewButton = document.getElementById("view");

const text = wordsOf(form);
const all = Number(form.dataset.left);
const pace = new Pace();
const lettersOn = shortcuts();
const zoom = picture && new Zoom(picture);

let done = 0;
let picked = null;
let shown = null;
const said = []; // the names of what this page has sent, the newest last

const inGrid = () => form.classList.contains("as-grid");
const say = (message) => { statusLine.textContent = message; };

const outbox = new Outbox(`${form.dataset.member}:${form.dataset.labels}`, (state) => tellSaved(savedLine, form, state));
const leases = new Leases(form.dataset.batches, {
  told: (lease, until) => { if (!until && lease === grid.box.dataset.lease) say(text("Ended")); },
  busy: () => outbox.size > 0,
});
const next = new NextBatch(form.dataset.next, leases);
const grid = new Grid({ told: tell, plain: (cell) => { if (inGrid()) grid.toggle(cell); }, focus: bring });
const viewer = new Viewer(grid);
const classes = new ClassPicker({ text, choose: pick, leave: () => grid.focus() });

// ---- showing

function tell() {
  for (const cell of grid.list()) cell.classList.toggle("here", cell === grid.current);
  if (grid.current !== shown) stage(grid.current);
  const parts = [text("Progress", { done, all })];
  const minutes = pace.minutes(Math.max(0, all - done));
  if (minutes) parts.push(text("Pace", { n: minutes }));
  const some = grid.selected().length;
  if (some) parts.unshift(text("Selected", { n: some }));
  where.textContent = parts.join(" · ");
}

// The one in question, large; the one after it is fetched meanwhile.
function stage(cell) {
  shown = cell;
  enlarge(cell, picture, words);
  zoom?.to(0);
  document.getElementById("stage").scrollTo(0, 0);
  const after = cell.nextElementSibling;
  if (picture && after && !inGrid()) new Image().src = after.dataset.image;
}

function adopt(box) {
  grid.show(box);
  leases.hold(box.dataset.lease, box.dataset.until);
  grid.moveTo(grid.open()[0], { focus: document.activeElement?.id !== "find" });
}

// One by one the small ones beside it must not pull the page away from the large one.
function bring(cell) {
  cell.focus({ preventScroll: !inGrid() });
  if (!inGrid()) cell.parentElement.scrollTo({ left: cell.offsetLeft - cell.parentElement.clientWidth / 2 });
}

function look(view) {
  form.classList.toggle("as-grid", view === "grid");
  viewButton.querySelector("span").textContent = view === "grid" ? viewButton.dataset.one : viewButton.dataset.grid;
  remember("label-view", view);
}

function turnView() {
  look(inGrid() ? "one" : "grid");
  grid.focus();
}

// ---- saying

function pick(button) {
  picked = button;
  for (const each of document.querySelectorAll("#classes button")) each.setAttribute("aria-pressed", String(each === button));
  say(button ? text("Picked", { name: button.dataset.name }) : "");
  if (button) grid.focus();
}

async function answer(what, word) {
  const cells = grid.targets();
  if (!cells.length) return;
  grid.leave(cells);
  for (const cell of cells) mark(cell, word);
  count(cells.length);
  const batch = name();
  said.push(batch);
  const labels = cells.map((cell) => ({ sample: Number(cell.dataset.sample), ...what }));
  const sent = outbox.send(form.dataset.labels, { batch, labels });
  goOn();
  try {
    const { labelled, refused } = await sent;
    for (const each of refused) note(cells.find((cell) => cell.dataset.sample === String(each.sample)), each.detail);
    if (refused.length) say(refused[0].detail);
    if (!labelled.length) forget(batch);
  } catch (error) {
    if (!grid.box.contains(cells[0])) { reload(); return; }
    comeBack(cells);
    forget(batch);
    say(error.message);
  }
}

// Nothing was done under this name, so U is not about it.
function forget(batch) {
  if (said.includes(batch)) said.splice(said.indexOf(batch), 1);
}

function comeBack(cells) {
  for (const cell of cells) {
    cell.classList.remove("done");
    note(cell, "");
  }
  count(-cells.length);
  grid.moveTo(cells[0]);
}

// Once everything is saved; what is on the screen then stays this member's.
async function reload() {
  await outbox.empty();
  leases.reload();
}

function mark(cell, word) {
  cell.classList.add("done");
  cell.setAttribute("aria-selected", "false");
  note(cell, word);
}

function note(cell, word) { cell.querySelector("[data-said]").textContent = word; }

function count(n) {
  done += n;
  pace.count(n);
  pick(null);
  tell();
}

function save() {
  if (picked) answer({ label: Number(picked.value) }, picked.dataset.name);
  else say(text("PickFirst"));
}

const wordOn = (id) => document.querySelector(`#${id} span`).textContent;
const unsure = () => answer({ say: "unsure" }, wordOn("unsure"));
const skip = () => answer({ say: "skip" }, wordOn("skip"));

async function undo() {
  const batch = said.pop();
  try {
    const { samples } = await outbox.send(form.dataset.undo, batch ? { batch } : {});
    const cells = samples.map((sample) => grid.box.querySelector(`[data-sample="${sample}"]`));
    if (cells.includes(null)) { reload(); return; }
    if (cells.length) comeBack(cells);
    say(text("Undone", { n: samples.length }));
  } catch (error) {
    say(error.message || text("Unreachable"));
  }
}

// ---- the next batch

async function goOn() {
  const left = grid.open().length;
  if (left > grid.list().length / 2) return;
  const asked = next.get().catch(() => null);
  if (left) return;
  say(text("Fetching"));
  const box = await asked;
  if (grid.open().length) return; // something came back
  if (!box) { reload(); return; }
  next.taken();
  leases.drop(grid.box.dataset.lease);
  grid.box.replaceWith(box);
  adopt(box);
  say("");
}

// ---- mouse

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.id === "unsure") unsure();
  if (event.submitter?.id === "skip") skip();
});
document.getElementById("save").addEventListener("click", save);
document.getElementById("undo").addEventListener("click", undo);
document.getElementById("whole").addEventListener("click", () => viewer.open());
viewButton.addEventListener("click", turnView);
form.addEventListener("dblclick", (event) => { if (inGrid() && event.target.closest(".pick")) viewer.open(); });
document.getElementById("stage").addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoom?.by(event.deltaY < 0 ? 1 : -1);
}, { passive: false });

// ---- keys

const commands = {
  n: unsure,
  s: skip,
  u: undo,
  v: turnView,
  f: () => viewer.open(),
  g: () => document.getElementById("guidelines")?.showModal(),
  "/": () => classes.search(),
  "?": () => document.getElementById("keys").showModal(),
  "+": () => zoom?.by(1),
  "-": () => zoom?.by(-1),
};

document.addEventListener("keydown", (event) => {
  if (!meant(event)) return;
  const control = onControl(event);
  if (event.key === "Escape") pick(null);
  if (!(control && event.key === " ") && grid.key(event)) return;
  if (event.repeat || !plainKey(event)) return;
  if (event.key === "Enter") {
    if (!control) { event.preventDefault(); save(); }
    return;
  }
  if (!lettersOn()) return;
  const key = event.key.toLowerCase();
  const button = classes.keyed(key);
  if (button) pick(button);
  else if (commands[key]) commands[key]();
  else return;
  event.preventDefault();
});

toDesk(form);
addEventListener("beforeunload", (event) => { if (outbox.size) event.preventDefault(); });

look(recall("label-view") === "grid" ? "grid" : "one");
adopt(document.getElementById("strip"));
const { sent, refused } = await outbox.sendLeftovers();
if (refused.length) say(text("Leftovers", { why: refused.join(" ") }));
else if (sent) leases.reload();
