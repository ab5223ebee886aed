// Labelling: a class is picked, Enter saves it and goes on. Each answer is sent at once; one that
// finds no connection is kept and sent again. The next picture is fetched while this one is looked at.

import { ZOOMS, keepLease, post, typing, wordsOf } from "./desk.js";

const form = document.getElementById("label");
const strip = document.getElementById("strip");
const picture = document.getElementById("picture");
const saved = document.getElementById("saved");
const where = document.getElementById("where");
const pickedLine = document.getElementById("picked");
const find = document.getElementById("find");
const buttons = [...document.querySelectorAll("#classes button")];
const cells = [...strip.querySelectorAll(".pick")];

const text = wordsOf(form);
const left = Number(form.dataset.left);
const open = () => cells.filter((cell) => !cell.classList.contains("done"));
const selected = () => open().filter((cell) => cell.getAttribute("aria-selected") === "true");

let at = 0;
let zoom = 0;
let picked = null;
let done = 0;
const began = Date.now();

// ---- showing

function show(index, { focus = true } = {}) {
  at = Math.min(cells.length - 1, Math.max(0, index));
  const cell = cells[at];
  for (const each of cells) { each.tabIndex = -1; each.classList.toggle("here", each === cell); }
  cell.tabIndex = 0;
  if (focus) cell.focus({ preventScroll: false });
  const small = cell.querySelector("img");
  if (small) {
    picture.src = cell.dataset.image;
    picture.alt = small.alt;
    picture.classList.toggle("pixels", small.classList.contains("pixels"));
  } else document.getElementById("words").textContent = cell.querySelector(".excerpt").textContent;
  zoomTo(0);
  const next = cells[at + 1];
  if (next && small) new Image().src = next.dataset.image;
}

function zoomTo(step) {
  zoom = Math.min(ZOOMS.length - 1, Math.max(0, step));
  picture.classList.remove(...ZOOMS);
  picture.classList.add(ZOOMS[zoom]);
}

function tell() {
  const parts = [text("Progress", { done, all: left })];
  const minutes = (Date.now() - began) / 60000;
  if (done >= 3) parts.push(text("Pace", { n: Math.max(1, Math.round((minutes / done) * (left - done))) }));
  where.textContent = parts.join(" · ");
}

function pick(button) {
  picked = button;
  for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
  pickedLine.textContent = button ? text("Picked", { name: button.dataset.name }) : "";
}

// ---- saving: one request after the other, again after a lost connection

const queue = [];
let sending = false;

async function drain() {
  if (sending) return;
  sending = true;
  while (queue.length) {
    saved.textContent = text("Saving");
    try {
      const { address, body, then } = queue[0];
      then(await post(address, body));
      queue.shift();
      saved.textContent = text("Saved");
    } catch (error) {
      if (!(error instanceof TypeError)) { saved.textContent = error.message; queue.shift(); continue; }
      saved.textContent = text("Offline");
      await new Promise((again) => { setTimeout(again, 2000); addEventListener("online", again, { once: true }); });
    }
  }
  sending = false;
  if (!open().length) location.reload();
}

function send(address, body, then) {
  queue.push({ address, body, then });
  drain();
}

function say(answer, word) {
  const targets = selected().length ? selected() : [cells[at]].filter((cell) => !cell.classList.contains("done"));
  if (!targets.length) return;
  for (const cell of targets) {
    cell.classList.add("done");
    cell.setAttribute("aria-selected", "false");
    cell.querySelector("[data-said]").textContent = word;
  }
  done += targets.length;
  const labels = targets.map((cell) => ({ sample: Number(cell.dataset.sample), ...answer }));
  send(form.dataset.labels, { labels }, (result) => {
    for (const refusal of result.refused) {
      const cell = cells.find((each) => each.dataset.sample === String(refusal.sample));
      cell.querySelector("[data-said]").textContent = refusal.detail;
    }
  });
  pick(null);
  tell();
  const next = cells.findIndex((cell, index) => index > at && !cell.classList.contains("done"));
  const rest = next === -1 ? cells.findIndex((cell) => !cell.classList.contains("done")) : next;
  if (rest !== -1) show(rest);
}

const save = () => { if (picked) say({ label: Number(picked.value) }, picked.dataset.name); };
const unsure = () => say({ say: "unsure" }, document.getElementById("unsure").firstChild.textContent.trim());
const skip = () => say({ say: "skip" }, document.getElementById("skip").firstChild.textContent.trim());
const undo = () => send(form.dataset.undo, {}, (result) => {
  saved.textContent = text("Undone", { n: result.reopened });
  location.reload();
});

// ---- mouse

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (button?.id === "unsure") unsure();
  else if (button?.id === "skip") skip();
  else if (button) pick(button);
});
document.getElementById("save").addEventListener("click", save);
document.getElementById("undo").addEventListener("click", undo);
strip.addEventListener("click", (event) => {
  const cell = event.target.closest(".pick");
  if (!cell) return;
  if (event.shiftKey) {
    const [from, to] = [at, cells.indexOf(cell)].sort((a, b) => a - b);
    cells.slice(from, to + 1).forEach((each) => mark(each, true));
  } else if (event.ctrlKey || event.metaKey) mark(cell, cell.getAttribute("aria-selected") !== "true");
  show(cells.indexOf(cell));
});
document.getElementById("stage").addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoomTo(zoom + (event.deltaY < 0 ? 1 : -1));
}, { passive: false });
find.addEventListener("change", () => {
  const button = buttons.find((each) => each.dataset.name === find.value);
  if (!button) return;
  pick(button);
  find.value = "";
  cells[at].focus();
});

function mark(cell, on) {
  if (!cell.classList.contains("done")) cell.setAttribute("aria-selected", String(on));
}

// ---- keys

const commands = {
  n: unsure,
  s: skip,
  u: undo,
  g: () => document.getElementById("guidelines")?.showModal(),
  "/": () => find.focus(),
  "?": () => document.getElementById("keys").showModal(),
  "+": () => zoomTo(zoom + 1),
  "-": () => zoomTo(zoom - 1),
};

document.addEventListener("keydown", (event) => {
  if (typing(event) || event.altKey || event.metaKey || event.ctrlKey) return;
  const onButton = event.target.matches("button, a, summary");
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    event.preventDefault();
    if (event.shiftKey) mark(cells[at], true);
    show(at + (event.key === "ArrowRight" ? 1 : -1));
    if (event.shiftKey) mark(cells[at], true);
  } else if (event.key === " " && !onButton) {
    event.preventDefault();
    mark(cells[at], cells[at].getAttribute("aria-selected") !== "true");
  } else if (event.key === "Enter" && !onButton) {
    event.preventDefault();
    save();
  } else if (event.key === "Escape") {
    pick(null);
    cells.forEach((cell) => mark(cell, false));
  } else if (!event.repeat) {
    const key = event.key.toLowerCase();
    const button = buttons.find((each) => each.dataset.key === key);
    if (button) { event.preventDefault(); pick(button); }
    else if (commands[key]) { event.preventDefault(); commands[key](); }
    else if (key === "0") zoomTo(0);
  }
});

addEventListener("beforeunload", (event) => { if (queue.length) event.preventDefault(); });

keepLease(form.dataset.renew, form.dataset.lease);
show(0);
tell();
