// What the form as it stands would take: asked again a moment after the last change.
const form = document.getElementById("job-form");
const box = document.getElementById("estimate");
const QUIET = 350;
let timer = 0;
let asked = 0;

async function estimate() {
  const mine = ++asked;
  const fields = new FormData(form);
  fields.delete("csrfmiddlewaretoken");
  fields.delete("title");
  try {
    const response = await fetch(`${form.dataset.plan}?${new URLSearchParams(fields)}`, { credentials: "same-origin" });
    // An older answer that comes late must not replace a newer one.
    if (response.ok && mine === asked) box.innerHTML = await response.text();
  } catch { /* without an estimate the form works as well */ }
}

if (form) {
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(estimate, QUIET);
  });
  estimate();
}
