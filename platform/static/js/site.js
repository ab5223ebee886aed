// What every page may use: theme switch, copy buttons, confirmation, menus that close.

function switchTheme(to) {
  document.documentElement.dataset.bsTheme = to;
  try { localStorage.setItem("theme", to); } catch { /* a private window forgets, and that is fine */ }
  document.querySelector(`[data-theme-set]:not([data-theme-set="${to}"])`)?.focus();
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = source.value ?? source.textContent;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text.trim());
    button.textContent = button.dataset.copied;
  } catch {
    // No clipboard without a secure context: select it, so that one key press copies.
    getSelection().selectAllChildren(source);
    source.select?.();
  }
  setTimeout(() => { button.textContent = label; }, 2000);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-theme-set], [data-copy], [data-open], [data-close]");
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  if (!target) return;
  if (target.dataset.themeSet) switchTheme(target.dataset.themeSet);
  if (target.dataset.copy) copy(target);
  if (target.dataset.open) document.getElementById(target.dataset.open).showModal();
  if ("close" in target.dataset) target.closest("dialog").close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("change", (event) => {
  if ("submitOnChange" in event.target.dataset) event.target.form.requestSubmit();
});

// On a phone the tabs scroll sideways: begin with the one that is open.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
