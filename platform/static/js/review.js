// The review grid: a listbox with many choices. Decisions go to the API at once; what was decided
// leaves the grid, what was refused stays and says why. Everything has a button as well as a key.

import { ZOOMS, keepLease, post, typing, wordsOf } from "./desk.js";

const form = document.getElementById("review");
const grid = document.getElementById("grid");
const statusLine = document.getElementById("status");
const where = document.getElementById("where");
const acceptButton = document.getElementById("accept");
const reasons = document.getElementById("reasons");
const reasonsForm = document.getElementById("reasons-form");
const shortcuts = document.getElementById("shortcuts");

const text = wordsOf(form);
const picks = () => [...grid.querySelectorAll(".pick:not(.gone)")];
const isSelected = (pick) => pick.getAttribute("aria-selected") === "true";
const selected = () => picks().filter(isSelected);
const waitingAtStart = Number(form.dataset.all);

let current = null;
let anchor = null;
let decided = 0;
let sending = 0;

// ---- the grid becomes a listbox

grid.setAttribute("role", "listbox");
grid.setAttribute("aria-multiselectable", "true");
for (const label of picks()) {
  // A label may not be an option: what holds the tick without scripts becomes a plain element.
  const pick = document.createElement("div");
  pick.className = label.className;
  Object.assign(pick.dataset, label.dataset);
  label.querySelector("input").remove();
  pick.append(...label.children);
  pick.setAttribute("role", "option");
  pick.setAttribute("aria-selected", "false");
  pick.tabIndex = -1;
  label.replaceWith(pick);
}

function moveTo(pick, { focus = true } = {}) {
  if (!pick) return;
  if (current) current.tabIndex = -1;
  current = pick;
  current.tabIndex = 0;
  if (focus) current.focus();
}

function select(pick, on) {
  pick.setAttribute("aria-selected", String(on));
}

function selectUpTo(pick) {
  const all = picks();
  const [from, to] = [all.indexOf(anchor ?? current), all.indexOf(pick)].sort((a, b) => a - b);
  all.forEach((each, index) => { if (index >= from && index <= to) select(each, true); });
}

function perRow() {
  const all = picks();
  const top = all[0]?.offsetTop;
  const next = all.findIndex((pick) => pick.offsetTop !== top);
  return next === -1 ? all.length : next;
}

function show() {
  const chosen = selected().length;
  if (acceptButton) {
    const label = chosen ? text("AcceptSome", { n: chosen }) : text("AcceptAll", { n: picks().length });
    acceptButton.querySelector("span").textContent = label;
  }
  const parts = [text("Progress", { done: decided, all: waitingAtStart })];
  if (chosen) parts.unshift(text("Selected", { n: chosen }));
  where.textContent = parts.join(" · ");
}

const say = (message) => { statusLine.textContent = message; };

// ---- deciding

// One request after the other: an undo pressed right after a decision must reach the site after it.
let line = Promise.resolve();

function inOrder(send) {
  const answer = line.then(send);
  line = answer.catch(() => {});
  return answer;
}

async function decide(targets, decision, done, extra = {}) {
  if (!targets.length) { say(text("SelectFirst")); return; }
  const all = picks();
  const after = all.slice(all.indexOf(targets.at(-1)) + 1).find((pick) => !targets.includes(pick));
  const before = all.slice(0, all.indexOf(targets[0])).reverse().find((pick) => !targets.includes(pick));
  for (const pick of targets) { pick.classList.add("gone"); select(pick, false); }
  moveTo(after ?? before);
  sending += 1;
  try {
    const decisions = targets.map((pick) => ({ sample: Number(pick.dataset.sample), decision, ...extra }));
    settle(targets, await inOrder(() => post(form.dataset.reviews, { decisions })), done);
  } catch (error) {
    for (const pick of targets) pick.classList.remove("gone");
    moveTo(targets[0]);
    say(error instanceof TypeError ? text("Offline") : error.message);
  }
  sending -= 1;
  show();
  if (!picks().length && !sending) location.reload();
}

function settle(targets, answer, done) {
  const refused = new Map(answer.refused.map((each) => [String(each.sample), each.detail]));
  for (const pick of targets) {
    if (refused.has(pick.dataset.sample)) pick.classList.remove("gone");
    else pick.remove();
  }
  decided += answer.decided.length;
  say([done(answer.decided.length), ...new Set(refused.values())].join(" "));
}

const acted = () => { const some = selected(); return some.length ? some : current ? [current] : []; };

function accept() {
  if (!acceptButton) return;
  const some = selected();
  decide(some.length ? some : picks(), "accept", (n) => text("Accepted", { n }));
}

function fix(button) {
  const name = button.dataset.name;
  decide(acted(), "fix", (n) => text("Fixed", { n, name }), { label: Number(button.dataset.fix) });
}

function skip() {
  decide(acted(), "skip", (n) => text("Skipped", { n }));
}

// Enter ends a batch: with nothing selected it accepts all that is shown, and the next one comes.
function enter() {
  if (!selected().length) accept();
}

function askWhy() {
  if (!acted().length) { say(text("SelectFirst")); return; }
  reasonsForm.elements.note.value = "";
  reasons.returnValue = "";
  reasons.showModal();
  reasonsForm.querySelector("[name=reason]:checked").focus();
}

function reject() {
  const reason = reasonsForm.elements.reason.value;
  const note = reasonsForm.elements.note.value;
  decide(acted(), "reject", (n) => text("Rejected", { n }), { reason, note });
}

async function undo() {
  try {
    const answer = await inOrder(() => post(form.dataset.undo, {}));
    say(text("Undone", { n: answer.reopened }));
    location.reload();
  } catch (error) {
    say(error instanceof TypeError ? text("Offline") : error.message);
  }
}

// ---- mouse

grid.addEventListener("click", (event) => {
  const pick = event.target.closest(".pick");
  if (!pick || pick.classList.contains("gone")) return;
  event.preventDefault();
  if (event.shiftKey) selectUpTo(pick);
  else { select(pick, !isSelected(pick)); anchor = pick; }
  moveTo(pick);
  show();
});

form.addEventListener("submit", (event) => { event.preventDefault(); accept(); });
document.getElementById("reject").addEventListener("click", askWhy);
document.getElementById("undo").addEventListener("click", undo);
document.getElementById("skip").addEventListener("click", skip);
document.getElementById("whole").addEventListener("click", () => openViewer());
grid.addEventListener("dblclick", (event) => {
  const pick = event.target.closest(".pick");
  if (pick) { moveTo(pick); openViewer(); }
});
document.getElementById("fixes").addEventListener("click", (event) => {
  const button = event.target.closest("[data-fix]");
  if (button) fix(button);
});
reasonsForm.addEventListener("submit", (event) => {
  const note = reasonsForm.elements.note;
  note.setCustomValidity("");
  note.required = reasonsForm.elements.reason.value === "other";
  if (!reasonsForm.reportValidity()) event.preventDefault();
});
reasons.addEventListener("close", () => {
  if (reasons.returnValue === "reject") reject();
  else current?.focus();
});
reasons.addEventListener("keydown", (event) => {
  if (event.target.id === "note" || !/^[1-9]$/.test(event.key)) return;
  const radio = reasonsForm.querySelectorAll("[name=reason]")[Number(event.key) - 1];
  if (radio) { radio.checked = true; radio.focus(); }
});

// ---- keys

const moves = {
  ArrowRight: () => 1,
  ArrowLeft: () => -1,
  ArrowDown: () => perRow(),
  ArrowUp: () => -perRow(),
  Home: () => -Infinity,
  End: () => Infinity,
};

function step(event) {
  const all = picks();
  const at = all.indexOf(current);
  const to = Math.min(all.length - 1, Math.max(0, at + moves[event.key]()));
  if (event.shiftKey) { select(all[at], true); select(all[to], true); }
  else anchor = all[to];
  moveTo(all[to]);
}

const commands = {
  a: accept,
  r: askWhy,
  s: skip,
  u: undo,
  f: () => openViewer(),
  g: () => document.getElementById("guidelines")?.showModal(),
  "?": () => document.getElementById("keys").showModal(),
};

// ---- one image in full size

const viewer = document.getElementById("viewer");
const viewerImage = document.getElementById("viewer-image");
let zoom = 0;

function view(pick) {
  if (!pick) return;
  moveTo(pick, { focus: false });
  viewerImage.src = pick.dataset.image;
  viewerImage.alt = pick.querySelector("img").alt;
  zoomTo(0);
}

function zoomTo(step) {
  zoom = Math.min(ZOOMS.length - 1, Math.max(0, step));
  viewerImage.className = ZOOMS[zoom];
}

function openViewer() {
  if (!current) return;
  view(current);
  viewer.showModal();
}

viewer.addEventListener("close", () => current?.focus());
viewer.addEventListener("keydown", (event) => {
  const all = picks();
  const at = all.indexOf(current);
  const keys = {
    ArrowRight: () => view(all[at + 1]),
    ArrowLeft: () => view(all[at - 1]),
    "+": () => zoomTo(zoom + 1),
    "=": () => zoomTo(zoom + 1),
    "-": () => zoomTo(zoom - 1),
    0: () => zoomTo(0),
    f: () => viewer.close(),
  };
  if (keys[event.key] && (zoom === 0 || !event.key.startsWith("Arrow"))) { event.preventDefault(); keys[event.key](); }
});
document.getElementById("viewer-in").addEventListener("click", () => zoomTo(zoom + 1));
document.getElementById("viewer-out").addEventListener("click", () => zoomTo(zoom - 1));

// ---- the lease: renewed while somebody works here, given back when they leave

const lease = document.getElementById("lease");
keepLease(lease.dataset.renew, lease.dataset.lease, (until) => {
  if (until) {
    const time = until.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    lease.textContent = lease.dataset.textYours.replace("{time}", time);
  } else if (picks().length) lease.textContent = lease.dataset.textEnded;
});

document.addEventListener("keydown", (event) => {
  if (typing(event) || event.altKey || event.metaKey) return;
  const inGrid = grid.contains(event.target);
  if (event.ctrlKey) {
    if (inGrid && event.key === "a") { event.preventDefault(); picks().forEach((pick) => select(pick, true)); show(); }
    return;
  }
  if (inGrid && moves[event.key]) { event.preventDefault(); step(event); show(); return; }
  if (inGrid && event.key === " ") {
    event.preventDefault();
    select(current, !isSelected(current));
    anchor = current;
    show();
    return;
  }
  if (event.key === "Escape") { picks().forEach((pick) => select(pick, false)); show(); return; }
  if (inGrid && event.key === "Enter") { event.preventDefault(); enter(); return; }
  if (!shortcuts.checked || event.repeat) return;
  const key = event.key.toLowerCase();
  const button = [...document.querySelectorAll("[data-fix]")].find((each) => each.dataset.key === key);
  if (commands[key]) { event.preventDefault(); commands[key](); }
  else if (key && button) { event.preventDefault(); fix(button); }
});

try {
  shortcuts.checked = localStorage.getItem("shortcuts") !== "off";
  shortcuts.addEventListener("change", () => localStorage.setItem("shortcuts", shortcuts.checked ? "on" : "off"));
} catch { /* a private window forgets, and that is fine */ }

moveTo(picks()[0], { focus: false });
show();
