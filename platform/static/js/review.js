// The review grid. A decision takes its cells off the grid at once and goes to the site by itself; what
// was refused comes back and says why. Everything has a button as well as a key.

import { ClassPicker } from "./class_picker.js";
import { meant, onControl, plainKey, shortcuts, tellSaved, toDesk, wordsOf } from "./desk.js";
import { Grid } from "./grid.js";
import { Leases } from "./leases.js";
import { NextBatch } from "./next_batch.js";
import { Outbox, name } from "./outbox.js";
import { Seen } from "./seen.js";
import { Viewer } from "./viewer.js";

const form = document.getElementById("review");
const bar = form.querySelector(".review-bar");
const statusLine = document.getElementById("status");
const savedLine = document.getElementById("saved");
const where = document.getElementById("where");
const acceptButton = document.getElementById("accept");
const reasons = document.getElementById("reasons");
const reasonsForm = document.getElementById("reasons-form");

// A refused decision that another decision can mend; the other refusals end the matter for this reviewer.
const MENDABLE = ["needs_class", "unknown_class", "needs_reason", "needs_note"];

const text = wordsOf(form);
const lettersOn = shortcuts();
const say = (message) => { statusLine.textContent = message; };

let batch = null; // the element of the batch on the screen
let done = 0;
let all = 0;
const said = []; // the names of what this page has sent, the newest last

const outbox = new Outbox(`${form.dataset.member}:${form.dataset.reviews}`, (state) => tellSaved(savedLine, form, state));
const leases = new Leases(form.dataset.batches, { told: tellLease, busy: () => outbox.size > 0 });
const next = new NextBatch(form.dataset.next, leases);
const seen = new Seen(tell);
const grid = new Grid({ told: tell, plain: toggle });
const viewer = new Viewer(grid);
const classes = new ClassPicker({ text, choose: fix, leave: () => grid.focus() });

// ---- the batch on the screen

function adopt(found) {
  const before = batch;
  batch = found;
  const box = batch.querySelector(".review-grid");
  const { lease, until, group, number } = batch.dataset;
  if (before?.dataset.group !== group) { done = 0; all = Number(number); }
  else if (!group) all += Number(number); // more of a queue, whose whole length nobody counted
  makeListbox(box);
  grid.show(box);
  leases.hold(lease, until);
  document.getElementById("returned").value = lease;
  seen.watch(grid.list(), bar.offsetHeight);
  classes.without(group);
  acceptButton.hidden = !("acceptable" in batch.dataset);
  showGroup(group);
  grid.moveTo(grid.list()[0], { focus: Boolean(before) && document.activeElement?.id !== "find" });
}

// A label may not be an option: what holds the tick without scripts becomes a plain element.
function makeListbox(box) {
  box.setAttribute("role", "listbox");
  box.setAttribute("aria-multiselectable", "true");
  for (const label of box.querySelectorAll("label.pick")) {
    const cell = document.createElement("div");
    cell.className = label.className;
    Object.assign(cell.dataset, label.dataset);
    label.querySelector("input").remove();
    cell.append(...label.children);
    cell.setAttribute("role", "option");
    cell.setAttribute("aria-selected", "false");
    cell.tabIndex = -1;
    label.replaceWith(cell);
  }
}

function toggle(cell) {
  grid.toggle(cell);
  seen.add(cell);
}

function tell() {
  if (!batch) return;
  const some = grid.selected();
  const cells = grid.list();
  const ready = acceptable();
  const words = some.length ? "AcceptSome" : ready.length && ready.length < cells.length ? "AcceptSeen" : "AcceptAll";
  acceptButton.querySelector("span").textContent = text(words, { n: ready.length || cells.length });
  acceptButton.disabled = !ready.length;
  const parts = [text("Progress", { done, all })];
  if (some.length) parts.unshift(text("Selected", { n: some.length }));
  where.textContent = parts.join(" · ");
  const looked = cells.filter((cell) => seen.has(cell)).length;
  const handled = batch.querySelectorAll(".pick.gone").length;
  if (looked + handled >= (cells.length + handled) / 2) next.get().catch(() => {});
}

function tellLease(lease, until) {
  if (lease !== batch.dataset.lease) return;
  const line = document.getElementById("lease");
  const time = until?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (until) line.textContent = text("Yours", { time });
  else if (grid.list().length) line.textContent = text("Ended");
}

async function goOn() {
  if (grid.list().length) return;
  say(text("Fetching"));
  const found = await next.get().catch(() => null);
  if (grid.list().length) return; // something came back
  if (!found) { reload(); return; }
  next.taken();
  leases.drop(batch.dataset.lease);
  batch.replaceWith(found);
  adopt(found);
  say("");
}

// Once everything is saved; what is on the screen then stays this member's.
async function reload(address) {
  await outbox.empty();
  leases.reload(address);
}

// The address and the list of classes say which class is on the screen, so that a reload shows it again.
function showGroup(key) {
  if (!key) return;
  const query = new URLSearchParams(location.search);
  query.delete("sample");
  query.set("label", key);
  history.replaceState(null, "", `?${query}`);
  document.getElementById("filtered-label").value = key;
  for (const link of document.querySelectorAll("#groups a")) {
    if (link.dataset.group !== key) { link.removeAttribute("aria-current"); continue; }
    link.setAttribute("aria-current", "true");
    const box = link.closest("ul");
    box.scrollTo({ left: link.parentElement.offsetLeft, top: link.parentElement.offsetTop });
  }
}

// ---- deciding

function count(n) {
  done += n;
  const number = document.querySelector(`#groups [data-group="${batch.dataset.group}"] .count`);
  if (!number) return;
  number.dataset.count = Math.max(0, Number(number.dataset.count) - n);
  number.textContent = Number(number.dataset.count).toLocaleString(document.documentElement.lang);
}

async function decide(cells, decision, words, extra = {}) {
  if (!cells.length) { say(text("SelectFirst")); return; }
  const decisions = cells.map((cell) => ({ sample: Number(cell.dataset.sample), decision, ...extra }));
  const named = name();
  said.push(named);
  for (const cell of cells) cell.setAttribute("aria-selected", "false");
  grid.leave(cells);
  for (const cell of cells) cell.classList.add("gone");
  count(cells.length);
  tell();
  const sent = outbox.send(form.dataset.reviews, { batch: named, decisions });
  goOn();
  try {
    const { decided, refused } = await sent;
    const back = refused.filter((each) => MENDABLE.includes(each.code)).map((each) => String(each.sample));
    comeBack(cells.filter((cell) => back.includes(cell.dataset.sample)));
    if (!decided.length) forget(named);
    say([words(decided.length), ...new Set(refused.map((each) => each.detail))].join(" "));
  } catch (error) {
    comeBack(cells);
    forget(named);
    say(error.message);
  }
}

// Nothing was done under this name, so U is not about it.
function forget(named) {
  if (said.includes(named)) said.splice(said.indexOf(named), 1);
}

function comeBack(cells) {
  if (!cells.length) return;
  // Their batch has left the screen: the page shows them again.
  if (!batch.contains(cells[0])) { reload(`${form.dataset.page}?sample=${cells[0].dataset.sample}`); return; }
  for (const cell of cells) cell.classList.remove("gone");
  count(-cells.length);
  grid.moveTo(cells[0]);
}

// What accepting is about: what is selected, or all there is; of it only what has been on the screen.
function acceptable() {
  const some = grid.selected();
  return (some.length ? some : grid.list()).filter((cell) => seen.has(cell));
}

function accept() {
  if (acceptButton.hidden) return;
  const cells = acceptable();
  if (cells.length) decide(cells, "accept", (n) => text("Accepted", { n }));
  else say(text("LookFirst"));
}

function fix(button) {
  const { name: called, fix: label } = button.dataset;
  decide(grid.targets(), "fix", (n) => text("Fixed", { n, name: called }), { label: Number(label) });
}

function skip() {
  decide(grid.targets(), "skip", (n) => text("Skipped", { n }));
}

function askWhy() {
  if (!grid.targets().length) { say(text("SelectFirst")); return; }
  reasonsForm.elements.note.value = "";
  reasons.returnValue = "";
  reasons.showModal();
  reasonsForm.querySelector("[name=reason]:checked").focus();
}

function reject() {
  const reason = reasonsForm.elements.reason.value;
  const note = reasonsForm.elements.note.value;
  decide(grid.targets(), "reject", (n) => text("Rejected", { n }), { reason, note });
}

async function undo() {
  const named = said.pop();
  try {
    const { samples } = await outbox.send(form.dataset.undo, named ? { batch: named } : {});
    const cells = samples.map((sample) => batch.querySelector(`[data-sample="${sample}"]`));
    if (cells.includes(null)) reload(`${form.dataset.page}?sample=${samples[0]}`);
    else comeBack(cells);
    say(text("Undone", { n: samples.length }));
  } catch (error) {
    say(error.message || text("Unreachable"));
  }
}

// ---- mouse

form.addEventListener("submit", (event) => { event.preventDefault(); accept(); });
document.getElementById("reject").addEventListener("click", askWhy);
document.getElementById("undo").addEventListener("click", undo);
document.getElementById("skip").addEventListener("click", skip);
document.getElementById("whole").addEventListener("click", () => viewer.open());
form.addEventListener("dblclick", (event) => { if (event.target.closest(".pick")) viewer.open(); });
reasonsForm.addEventListener("submit", (event) => {
  const note = reasonsForm.elements.note;
  note.setCustomValidity("");
  note.required = reasonsForm.elements.reason.value === "other";
  if (!reasonsForm.reportValidity()) event.preventDefault();
});
reasons.addEventListener("close", () => {
  if (reasons.returnValue === "reject") reject();
  else grid.focus();
});
reasons.addEventListener("keydown", (event) => {
  if (event.target.id === "note" || !/^[1-9]$/.test(event.key)) return;
  const radio = reasonsForm.querySelectorAll("[name=reason]")[Number(event.key) - 1];
  if (radio) { radio.checked = true; radio.focus(); }
});

// ---- keys

const commands = {
  a: accept,
  r: askWhy,
  s: skip,
  u: undo,
  f: () => viewer.open(),
  g: () => document.getElementById("guidelines")?.showModal(),
  "/": () => classes.search(),
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (!meant(event)) return;
  const control = onControl(event);
  if (!(control && event.key === " ") && grid.key(event)) {
    if (event.key === " ") seen.add(grid.current);
    return;
  }
  if (event.repeat || !plainKey(event)) return;
  // Enter ends a batch: with nothing selected it accepts all that was seen, and the next one comes.
  if (event.key === "Enter") {
    if (!control && !grid.selected().length) { event.preventDefault(); accept(); }
    return;
  }
  if (!lettersOn()) return;
  const key = event.key.toLowerCase();
  const button = classes.keyed(key);
  if (commands[key]) commands[key]();
  else if (button) fix(button);
  else return;
  event.preventDefault();
});

toDesk(form);
addEventListener("beforeunload", (event) => { if (outbox.size) event.preventDefault(); });

adopt(document.getElementById("batch"));
const { sent, refused } = await outbox.sendLeftovers();
if (refused.length) say(text("Leftovers", { why: refused.join(" ") }));
else if (sent) leases.reload();
