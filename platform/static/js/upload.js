// Sends chosen or dropped files one by one, three at a time, with their folders as names. Each is
// hashed first and announced, so that what has arrived is not sent again: after a reload or a lost
// connection the same folder is chosen once more, and only the rest is sent.

import { keepManifest, manifestsFirst } from "./manifest.js";

const AT_ONCE = 3;
const PORTION = 100;
const TRIES = 3;
const SHOWN = 200;
const FULL = new Set([413, 507]);

const root = document.getElementById("upload");
const list = document.getElementById("list");
const summary = document.getElementById("summary");
const total = document.getElementById("total");
const again = document.getElementById("again");
const finish = document.getElementById("finish");
const text = (name) => root.dataset[`text${name[0].toUpperCase()}${name.slice(1)}`];
const csrf = () => document.cookie.match(/csrftoken=([^;]+)/)?.[1] ?? "";

const files = [];
// Chosen, not announced yet; then announced and missing.
const fresh = [];
const queue = [];
let paused = false;
// Kept as they change: adding up fifty thousand files on every progress event would freeze the page.
const count = { bytes: 0, sent: 0, before: 0, arrived: 0, lost: 0, open: 0, asked: 0 };
const began = { at: 0 };
let active = 0;
let told = 0;
let said = false;

// ---- what was chosen

function add(file, name) {
  if (keepManifest(file, name)) return;
  const item = { file, name, state: "waiting", sent: 0, tries: 0, row: null };
  files.push(item);
  fresh.push(item);
  began.at ||= Date.now();
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

// ---- hashing and asking: what has arrived already is not sent again

const hashing = new Map();
let hasher;
startHasher();

// Its script may fail to load on a bad connection: then it starts again, with all that it was asked.
function startHasher() {
  hasher = new Worker(root.dataset.hasher, { type: "module" });
  hasher.addEventListener("message", ({ data: { id, sha256 } }) => {
    hashing.get(id).done(sha256);
    hashing.delete(id);
  });
  hasher.addEventListener("error", () => { hasher.terminate(); setTimeout(startHasher, 2_000); }, { once: true });
  for (const [id, { file }] of hashing) hasher.postMessage({ id, file });
}

function hashOf(item) {
  const id = count.asked++;
  return new Promise((done) => {
    hashing.set(id, { done, file: item.file });
    hasher.postMessage({ id, file: item.file });
  });
}

let asking = false;

// In portions, while earlier ones are being sent: fifty thousand files need no waiting beforehand.
async function ask() {
  if (asking) return;
  asking = true;
  while (fresh.length) {
    const portion = fresh.splice(0, PORTION);
    for (const item of portion) {
      item.state = "hashing";
      show(item);
      item.sha256 = await hashOf(item);
      if (!item.sha256) lose(item, text("unreadable"));
    }
    await announce(portion.filter((item) => item.sha256));
  }
  asking = false;
  go();
}

async function announce(portion) {
  if (!portion.length) return;
  const body = {
    files: portion.map((item) => ({ name: item.name, sha256: item.sha256, size: item.file.size })),
    total_files: files.length,
    total_bytes: count.bytes,
    again: root.dataset.again === "yes",
  };
  for (let tries = 1; ; tries += 1) {
    let response;
    try {
      response = await fetch(root.dataset.missing, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf() },
        body: JSON.stringify(body),
      });
    } catch {
      await connection();
      tries -= 1;
      continue;
    }
    // A busy site is asked again; a refusal is not.
    const busySite = response.status === 429 || (response.status >= 500 && response.status !== 507);
    if (busySite && tries < TRIES) {
      await new Promise((again) => setTimeout(again, 1000 * 2 ** tries));
      continue;
    }
    if (response.ok) {
      const missing = new Set((await response.json()).missing);
      portion.forEach((item, place) => (missing.has(place) ? enqueue(item) : there(item)));
    } else {
      const why = (await response.json().catch(() => ({}))).detail ?? "";
      for (const item of portion) lose(item, why);
      // No room: nor is there any for the rest, so it need not be read.
      if (FULL.has(response.status)) for (const item of fresh.splice(0)) lose(item, why);
    }
    go();
    return;
  }
}

function enqueue(item) {
  item.state = "waiting";
  queue.push(item);
  show(item);
}

function there(item) {
  item.state = "there";
  sentSoFar(item, item.file.size);
  count.before += item.file.size;
  count.arrived += 1;
  count.open -= 1;
  show(item);
}

function lose(item, why) {
  item.state = "failed";
  item.why = why;
  sentSoFar(item, 0);
  count.lost += 1;
  count.open -= 1;
  show(item);
}

// ---- sending

let waitingForLine = false;

// Until the browser says that it is online again, or a few seconds have passed.
function connection() {
  waitingForLine = true;
  show();
  return new Promise((back) => {
    const done = () => { removeEventListener("online", done); clearTimeout(timer); waitingForLine = false; back(); };
    const timer = setTimeout(done, 3000);
    addEventListener("online", done);
  });
}

function go() {
  document.getElementById("sending").hidden = files.length === 0;
  const first = manifestsFirst(connection);
  if (first) { first.then(go); return; }
  if (fresh.length) ask();
  while (!paused && !waitingForLine && active < AT_ONCE && queue.length) {
    active += 1;
    send(queue.shift());
  }
  show();
}

// A large archive goes in pieces by tus, and goes on where it stopped, also after a reload.
const LARGE = 8 * 2 ** 20;
const inPieces = new Map();
const isArchive = (item) => /\.(zip|tar|tgz|gz)$/i.test(item.name);

function sendInPieces(item) {
  item.state = "sending";
  item.tries += 1;
  const upload = new tus.Upload(item.file, {
    endpoint: root.dataset.uploads,
    chunkSize: LARGE,
    metadata: { filename: item.name },
    fingerprint: async () => `potluck-${root.dataset.uploads}-${item.sha256}`,
    retryDelays: [0, 1000, 3000, 5000, 10000, 20000, 30000],
    removeFingerprintOnSuccess: true,
    onBeforeRequest: (request) => request.setHeader("X-CSRFToken", csrf()),
    onProgress: (sent) => { sentSoFar(item, sent); show(item); },
    onSuccess: () => { inPieces.delete(item); ended(item, { status: 201 }); },
    onError: (error) => inPieces.delete(item) && ended(item, error.originalResponse?.getUnderlyingObject() ?? { status: 0 }),
  });
  inPieces.set(item, upload);
  upload.findPreviousUploads().then((found) => {
    if (!inPieces.has(item)) return; // paused meanwhile
    if (found.length) upload.resumeFromPreviousUpload(found[0]);
    upload.start();
  });
  show(item);
}

// A pause waits for small files; a large one stops where it is.
function rest() {
  for (const [item, upload] of [...inPieces]) {
    inPieces.delete(item);
    upload.abort();
    active -= 1;
    item.tries -= 1;
    item.state = "waiting";
    queue.unshift(item);
    show(item);
  }
}

function send(item) {
  if (item.file.size > LARGE && isArchive(item) && globalThis.tus) { sendInPieces(item); return; }
  const request = new XMLHttpRequest();
  const query = new URLSearchParams({ name: item.name, sha256: item.sha256 });
  item.state = "sending";
  item.tries += 1;
  request.open("PUT", `${root.dataset.file}?${query}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.setRequestHeader("X-CSRFToken", csrf());
  request.setRequestHeader("Accept", "application/json");
  request.upload.onprogress = (event) => { sentSoFar(item, Math.min(event.loaded, item.file.size)); show(item); };
  request.onload = () => ended(item, request);
  request.onerror = () => ended(item, request);
  request.send(item.file);
  show(item);
}

function sentSoFar(item, bytes) {
  count.sent += bytes - item.sent;
  item.sent = bytes;
}

async function ended(item, request) {
  active -= 1;
  if (request.status === 201 || request.status === 200) {
    item.state = "arrived";
    sentSoFar(item, item.file.size);
    count.arrived += 1;
    count.open -= 1;
  } else if (request.status === 0) {
    // No connection is nobody's fault: it waits as long as it takes.
    item.state = "again";
    item.tries -= 1;
    sentSoFar(item, 0);
    queue.unshift(item);
    if (!waitingForLine) await connection();
  } else if (item.tries < TRIES && (request.status === 429 || request.status >= 500) && request.status !== 507) {
    item.state = "again";
    setTimeout(() => { enqueue(item); go(); }, 1000 * 2 ** item.tries);
  } else {
    lose(item, reason(request));
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
  document.getElementById("pause").hidden = !busy();
  finish.disabled = busy();
  // A screen reader hears this line: not each file, but ten times on the way and the end.
  const step = Math.max(1, Math.floor(files.length / 10));
  const now = paused || waitingForLine;
  if (count.arrived - told >= step || !busy() || now !== said) {
    said = now;
    told = count.arrived;
    const parts = [fill(text("summary"), { sent: count.arrived, all: files.length })];
    if (count.lost) parts.push(fill(text("lost"), { n: count.lost }));
    if (busy()) parts.push(pace());
    if (files.length > SHOWN) parts.push(fill(text("more"), { n: files.length - SHOWN }));
    summary.textContent = parts.filter(Boolean).join(" · ");
  }
}

const busy = () => count.open > 0;

// How fast, and how long it will take: by what was sent in this visit.
function pace() {
  if (waitingForLine) return text("offline");
  if (paused) return text("paused");
  const seconds = (Date.now() - began.at) / 1000;
  const rate = (count.sent - count.before) / seconds;
  if (seconds < 2 || rate <= 0) return "";
  const minutes = Math.ceil((count.bytes - count.sent) / rate / 60);
  return fill(text("pace"), { rate: rate < 1e5 ? `${(rate / 1e3).toFixed(0)} KB/s` : `${(rate / 1e6).toFixed(1)} MB/s`, minutes });
}

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
    fresh.push(item);
    count.lost -= 1;
    count.open += 1;
  }
  go();
});
const pause = document.getElementById("pause");
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = text(paused ? "resume" : "pause");
  if (paused) rest();
  go();
});
addEventListener("beforeunload", (event) => { if (busy()) event.preventDefault(); });
// What was chosen before this script could listen.
for (const input of root.querySelectorAll("#choose-files, #choose-folder")) {
  if (input.files.length) chosen(input);
}
