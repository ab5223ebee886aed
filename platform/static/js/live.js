// <div data-live="/address/" data-every="2000">…</div>: asks again every two seconds with
// If-None-Match, swaps only what changed, stops when the answer is marked data-done and rests while
// the page is hidden. A failed request waits longer, never gives up.

const LONGEST = 30_000;

export function watch(box, { onSwap = () => {} } = {}) {
  const every = Number(box.dataset.every ?? 2000);
  let tag = "";
  let wait = every;
  let timer = 0;

  async function ask() {
    const response = await fetch(box.dataset.live, {
      headers: { "If-None-Match": tag, "X-Requested-With": "fetch" },
      cache: "no-store",
      credentials: "same-origin",
    });
    wait = every;
    if (response.status === 304) return false;
    if (!response.ok) throw new Error(String(response.status));
    tag = response.headers.get("ETag") ?? "";
    swap(await response.text());
    onSwap(box);
    return Boolean(box.querySelector("[data-done]"));
  }

  function swap(html) {
    const focused = box.contains(document.activeElement) ? document.activeElement.id : "";
    box.innerHTML = html;
    if (focused) document.getElementById(focused)?.focus();
  }

  async function turn() {
    if (document.hidden) return;
    try {
      if (await ask()) return;
    } catch {
      wait = Math.min(wait * 2, LONGEST);
    }
    timer = setTimeout(turn, wait);
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden && !box.querySelector("[data-done]")) turn();
  });
  if (!box.querySelector("[data-done]")) timer = setTimeout(turn, every);
}

for (const box of document.querySelectorAll("[data-live]")) {
  watch(box, {
    // What stands beside the box (buttons, other sections) may depend on the end: show it fresh.
    onSwap: () => { if ("reload" in box.dataset && box.querySelector("[data-done]")) location.reload(); },
  });
}
