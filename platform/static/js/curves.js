// Curves of a run (uPlot): new points every two seconds, while the page is seen and the job goes on.
// The table below the charts says the same in numbers.

const EVERY = 2000;
const LONGEST = 30_000;
const HEIGHT = 220;
const boxes = [...document.querySelectorAll("[data-chart]")];
const source = document.querySelector("[data-curves]")?.dataset.curves;

const steps = new Map(); // step → running loss
const epochs = new Map(); // epoch → its row
let newest = 0; // attempt
let after = 0;
let wait = EVERY;
let timer = 0;
let done = false;
let charts = [];

function take(point) {
  if (point.attempt > newest) {
    // A resumed attempt goes on from its checkpoint: what the lost one had beyond it is repeated.
    newest = point.attempt;
    for (const step of steps.keys()) if (step >= point.step) steps.delete(step);
    for (const [epoch, row] of epochs) if (row.step >= point.step) epochs.delete(epoch);
  }
  if (point.kind === "step") steps.set(point.step, point.data.loss);
  if (point.kind === "epoch") epochs.set(point.epoch, { ...point.data, step: point.step });
}

function lossData() {
  const byStep = new Map();
  for (const [step, loss] of steps) byStep.set(step, [loss, null]);
  for (const row of epochs.values()) {
    byStep.set(row.step, [byStep.get(row.step)?.[0] ?? row.train_loss, row.validation_loss]);
  }
  const xs = [...byStep.keys()].sort((a, b) => a - b);
  return [xs, xs.map((x) => byStep.get(x)[0]), xs.map((x) => byStep.get(x)[1])];
}

function accuracyData() {
  const xs = [...epochs.keys()].sort((a, b) => a - b);
  return [xs, xs.map((x) => epochs.get(x).train_accuracy), xs.map((x) => epochs.get(x).validation_accuracy)];
}

const data = (kind) => (kind === "loss" ? lossData() : accuracyData());

function colour(box, value) {
  // Canvas needs the colour itself; only computed styles resolve light-dark() and variables.
  const probe = document.createElement("span");
  probe.className = value.startsWith("class-") ? value : "";
  probe.style.color = value.startsWith("class-") ? "var(--c)" : `var(${value})`;
  box.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function draw(box) {
  box.querySelector(".uplot")?.remove();
  const ink = colour(box, "--ink-quiet");
  const grid = { stroke: colour(box, "--line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: grid };
  const line = (label, name, dash) => ({
    label, stroke: colour(box, name), width: 2, dash, spanGaps: true, points: { fill: colour(box, "--ground") },
    value: (_, value) => (value == null ? "–" : value.toFixed(4)),
  });
  const chart = new window.uPlot({
    width: box.clientWidth,
    height: HEIGHT,
    scales: { x: { time: false } },
    axes: [{ ...axis, label: box.dataset.x, labelSize: 20 }, { ...axis, size: 56 }],
    series: [
      { label: box.dataset.x },
      line(box.dataset.train, "class-0"),
      line(box.dataset.validation, "class-1", [6, 4]),
    ],
  }, data(box.dataset.chart), box);
  return { box, chart };
}

const redraw = () => { charts = boxes.map(draw); };
const refresh = () => { for (const { box, chart } of charts) chart.setData(data(box.dataset.chart)); };

async function ask() {
  const response = await fetch(`${source}?after=${after}`, {
    headers: { Accept: "application/json" }, credentials: "same-origin",
  });
  if (!response.ok) throw new Error(String(response.status));
  const answer = await response.json();
  answer.points.forEach(take);
  after = answer.next;
  done = answer.done;
  wait = EVERY;
  if (answer.points.length) refresh();
}

async function turn() {
  if (document.hidden) return;
  try {
    await ask();
  } catch {
    wait = Math.min(wait * 2, LONGEST);
  }
  if (!done) timer = setTimeout(turn, wait);
}

if (source) {
  redraw();
  turn();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden && !done) turn();
  });
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  addEventListener("resize", () => {
    for (const { box, chart } of charts) chart.setSize({ width: box.clientWidth, height: HEIGHT });
  });
}
