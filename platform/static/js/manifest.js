// The manifest's form answers in place. A manifest that lies in a chosen folder takes the same way,
// before the files of that folder: they find their rows when they are read.

const form = document.getElementById("manifest-form");
const result = document.getElementById("manifest-result");
const NAME = /^(?:[^/]+\/)?(?:manifest|metadata)\.(?:csv|jsonl)$/i;

async function ask(body) {
  const response = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
  result.innerHTML = await response.text();
  return result.querySelector(".note");
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new FormData(form);
  body.set("do", event.submitter?.value ?? "check");
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    const note = await ask(body);
    note?.setAttribute("tabindex", "-1");
    note?.focus();
  } catch {
    result.textContent = form.dataset.textFailed;
  }
  for (const button of buttons) button.disabled = false;
});

// ---- those of folders

const found = [];
let sending = null;

// Keeps the file if it is a manifest by its name and place; then it is no image to be sent.
export function keepManifest(file, name) {
  if (!form || !NAME.test(name)) return false;
  found.push({ file, folder: name.includes("/") ? name.split("/")[0] : "" });
  return true;
}

// What to wait for before files are sent; null: nothing. `connection` waits for a lost one.
export function manifestsFirst(connection) {
  if (found.length) sending ??= sendAll(connection).finally(() => { sending = null; });
  return sending;
}

async function sendAll(connection) {
  while (found.length) {
    const { file, folder } = found[0];
    const body = new FormData(form);
    body.set("manifest", file);
    body.set("do", "add");
    body.set("folder", folder);
    try {
      await ask(body);
    } catch {
      await connection();
      continue;
    }
    found.shift();
  }
}
