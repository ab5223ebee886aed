// Runs before the page paints, so that a remembered theme never flashes. Without it the page
// follows the system by CSS alone.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const apply = () => { root.dataset.bsTheme = remembered() ?? (system.matches ? "dark" : "light"); };
  apply();
  root.classList.add("scripted");
  system.addEventListener("change", apply);
})();
