// One image of a list: J or → leads to the next, K or ← to the one before, unless switched off.

import { typing } from "./desk.js";

const shortcuts = document.getElementById("shortcuts");
shortcuts.checked = localStorage.getItem("shortcuts") !== "off";
shortcuts.addEventListener("change", () => localStorage.setItem("shortcuts", shortcuts.checked ? "on" : "off"));

const leads = { j: "next", arrowright: "next", k: "previous", arrowleft: "previous" };

document.addEventListener("keydown", (event) => {
  if (!shortcuts.checked || typing(event) || event.altKey || event.metaKey || event.ctrlKey || event.shiftKey) return;
  // Arrows scroll what is wider than the window.
  if (event.key.startsWith("Arrow") && event.target.closest(".scroll, nav, .timeline")) return;
  document.getElementById(leads[event.key.toLowerCase()])?.click();
});
