// What the review and the labelling pages share: their words, their requests, the lease, the zoom.

export const ZOOMS = ["fit", "zoom-1", "zoom-2", "zoom-4"];
const RENEW_EVERY = 3 * 60 * 1000;

// The sentences that the page brought in its language: text("Saved"), text("Undone", { n: 3 }).
export const wordsOf = (form) => (name, values = {}) =>
  form.dataset[`text${name}`].replace(/\{(\w+)\}/g, (_, key) => values[key]);

function request(method, address, body) {
  return fetch(address, {
    method,
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json",
      "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value,
    },
    body: JSON.stringify(body),
  });
}

// The answer; a refusal is an Error with the site's sentence, no connection a TypeError.
export async function post(address, body) {
  const response = await request("POST", address, body);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? String(response.status));
  return answer;
}

// Is this key meant for a field, a dialogue or an input method? (229: one that it composes with,
// where isComposing comes late.)
export function typing(event) {
  if (event.isComposing || event.keyCode === 229 || document.querySelector("dialog[open]")) return true;
  return event.target.matches("input, select, textarea, [contenteditable]");
}

// Renew a batch's lease while somebody works here; `told` hears its new end, or null once it is over.
export function keepLease(address, lease, told = () => {}) {
  let lastSign = Date.now();
  for (const kind of ["keydown", "pointerdown", "scroll"]) {
    addEventListener(kind, () => { lastSign = Date.now(); }, { passive: true });
  }
  setInterval(async () => {
    if (Date.now() - lastSign > RENEW_EVERY) return;
    const response = await request("PATCH", address, { lease }).catch(() => null);
    if (response?.status === 410) told(null);
    else if (response?.ok) told(new Date((await response.json()).until));
  }, RENEW_EVERY);
}
