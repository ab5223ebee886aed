// Sends chosen or dropped files one by one, three at a time, with their folders as names. A file
// that fails is tried again by itself, then left to a button. Sending one twice is harmless: the
// server recognises it.

const AT_ONCE = 3;
const TRIES = 3;
const SHOWN = 200;

const root = document.getElementById("upload");
const list = document.getElementById("list");
const summary = document.getElementById("summary");
const total = document.getElementById("total");
const again = document.getElementById("again");
const finish = document.getElementById("finish");
const text = (name) => root.dataset[`text${name[0].toUpperCase()}${name.slice(1)}`];
const csrf = () => document.cookie.match(/csrftoken=([^;]+)/)?.[1] ?? "";

const files = [];
const queue = [];
// Kept as they change: adding up fifty thousand files on every progress event would freeze the page.
const count = { bytes: 0, sent: 0, arrived: 0, lost: 0, open: 0 };
let active = 0;
let told = 0;

// ---- what was chosen

function add(file, name) {
  const item = { file, name, state: "waiting", sent: 0, tries: 0, row: null };
  files.push(item);
  queue.push(item);
  count.bytes += file.size;
  count.open += 1;
  if (files.length <= SHOWN) item.row = makeRow(item);
}

function makeRow(item) {
  const row = document.createElement("li");
  const name = document.createElement("bdi");
  const bar = document.createElement("progress");
  const state = document.createElement("span");
  name.textContent = item.name;
  name.className = "break";
  bar.max = Math.max(item.file.size, 1);
  bar.value = 0;
  bar.setAttribute("aria-label", item.name);
  row.append(name, bar, state);
  list.append(row);
  return { row, bar, state };
}

async function walk(entry, path) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    if (!file.name.startsWith(".")) add(file, path + file.name);
    return;
  }
  const reader = entry.createReader();
  // A directory is read in portions; an empty portion is its end.
  for (;;) {
    const part = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!part.length) return;
    for (const child of part) await walk(child, `${path}${entry.name}/`);
  }
}

async function dropped(transfer) {
  // Entries must be taken before the first await: the list is emptied after the event.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...transfer.files];
  if (entries.length) for (const entry of entries) await walk(entry, "");
  else for (const file of plain) add(file, file.name);
  go();
}

function chosen(input) {
  for (const file of input.files) {
    if (!file.name.startsWith(".")) add(file, file.webkitRelativePath || file.name);
  }
  input.value = "";
  go();
}

// ---- sending

function go() {
  document.getElementById("sending").hidden = files.length === 0;
  while (active < AT_ONCE && queue.length) {
    active += 1;
    send(queue.shift());
  }
  show();
}

function send(item) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("name", item.name);
  form.append("file", item.file, item.file.name);
  item.state = "sending";
  item.tries += 1;
  request.open("POST", root.dataset.files);
  request.setRequestHeader("X-CSRFToken", csrf());
  request.setRequestHeader("Accept", "application/json");
  request.upload.onprogress = (event) => { sentSoFar(item, Math.min(event.loaded, item.file.size)); show(item); };
  request.onload = () => ended(item, request);
  request.onerror = () => ended(item, request);
  request.send(form);
  show(item);
}

function sentSoFar(item, bytes) {
  count.sent += bytes - item.sent;
  item.sent = bytes;
}

function ended(item, request) {
  active -= 1;
  if (request.status === 201 || request.status === 200) {
    item.state = "arrived";
    sentSoFar(item, item.file.size);
    count.arrived += 1;
    count.open -= 1;
  } else if (item.tries < TRIES && (request.status === 0 || request.status === 429 || request.status >= 500)) {
    item.state = "again";
    setTimeout(() => { item.state = "waiting"; queue.push(item); go(); }, 1000 * 2 ** item.tries);
  } else {
    item.state = "failed";
    sentSoFar(item, 0);
    count.lost += 1;
    count.open -= 1;
    item.why = reason(request);
  }
  show(item);
  go();
}

function reason(request) {
  try { return JSON.parse(request.responseText).detail ?? ""; } catch { return ""; }
}

// ---- showing

const fill = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function show(item) {
  if (item?.row) {
    item.row.bar.value = item.sent;
    item.row.state.textContent = item.why || text(item.state);
    item.row.state.classList.toggle("wrong", item.state === "failed");
    if (item.state === "sending") item.row.row.scrollIntoView({ block: "nearest" });
  }
  total.max = Math.max(count.bytes, 1);
  total.value = count.sent;
  again.hidden = count.lost === 0;
  finish.disabled = busy();
  // A screen reader hears this line: not each file, but ten times on the way and the end.
  const step = Math.max(1, Math.floor(files.length / 10));
  if (count.arrived - told >= step || !busy()) {
    told = count.arrived;
    const parts = [fill(text("summary"), { sent: count.arrived, all: files.length })];
    if (count.lost) parts.push(fill(text("lost"), { n: count.lost }));
    if (files.length > SHOWN) parts.push(fill(text("more"), { n: files.length - SHOWN }));
    summary.textContent = parts.join(" · ");
  }
}

const busy = () => count.open > 0;

// ---- events

const drop = document.getElementById("drop");
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) {
  drop.addEventListener(kind, () => drop.classList.remove("over"));
}
drop.addEventListener("drop", (event) => { event.preventDefault(); dropped(event.dataTransfer); });
for (const button of root.querySelectorAll("[data-choose]")) {
  const input = document.getElementById(button.dataset.choose);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => chosen(input));
}
again.addEventListener("click", () => {
  for (const item of files) {
    if (item.state !== "failed") continue;
    Object.assign(item, { state: "waiting", tries: 0, why: "" });
    queue.push(item);
    count.lost -= 1;
    count.open += 1;
  }
  go();
});
addEventListener("beforeunload", (event) => { if (busy()) event.preventDefault(); });
