// Calls over time: a bar for each hour or day of the chosen zone, and where most of them ring.

const SIZES = { minute: 60, hour: 3600, day: 86400 };
const MOST_BARS = 800;
const HEIGHT = 190;
const EDGE = { left: 52, right: 8, top: 10, bottom: 26 };
const chart = byId("chart");
const chartState = { unit: "day", first: 0, bars: [], later: 0, at: 0 };

/** How many calls of each series ring in each slot of a unit: a map of slot numbers. */
function slots(size) {
  const found = new Map();
  for (let row = 0; row < total; row += 1) {
    const kind = columns.load[row];
    if (!kind) continue;
    const slot = slotOf(row, size);
    if (!found.has(slot))
      found.set(
        slot,
        series.map(() => 0),
      );
    const counts = found.get(slot);
    counts[kind] += 1;
    counts[0] += 1;
  }
  return found;
}

function extent(found) {
  let [first, last] = [Infinity, -Infinity];
  for (const slot of found.keys()) {
    first = Math.min(first, slot);
    last = Math.max(last, slot);
  }
  return [first, last];
}

/** The bars from the first call on; calls beyond what can be drawn are counted. */
function measure() {
  const found = slots(SIZES[chartState.unit]);
  const [first, last] = extent(found);
  const length = Math.min(last - first + 1, MOST_BARS);
  chartState.first = first;
  chartState.bars = Array.from({ length }, (_, index) => found.get(first + index) || series.map(() => 0));
  chartState.later = 0;
  for (const [slot, counts] of found) if (slot >= first + length) chartState.later += counts[0];
  chartState.at = Math.min(chartState.at, length - 1);
}

/** Hours where they fit on the chart, days otherwise. */
function bestUnit() {
  const [first, last] = extent(slots(SIZES.hour));
  return last - first < 24 * 4 ? "hour" : "day";
}

function tellPeaks() {
  const told = byId("peaks").querySelectorAll("dd");
  Object.entries(SIZES).forEach(([unit, size], index) => {
    let [best, most] = [0, 0];
    for (const [slot, counts] of slots(size)) {
      if (counts[0] > most || (counts[0] === most && slot < best)) [best, most] = [slot, counts[0]];
    }
    told[index].replaceChildren(
      element("b", {}, counted(most)),
      " ",
      element("span", {}, `${clock(best * size, unit)} ${chosenZone || "by each row's clock"}`),
    );
  });
}

/** A round number at or above the highest bar. */
function ceiling(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  const step = [1, 2, 4, 5, 10].find((factor) => factor * power >= most);
  return Math.max(step * power, 2);
}

function shape(name, attributes, text) {
  const svg = chart.querySelector("svg");
  const made = document.createElementNS(svg.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawChart() {
  const svg = chart.querySelector("svg");
  const width = Math.max(chart.clientWidth, 300);
  const [inner, tall] = [width - EDGE.left - EDGE.right, HEIGHT - EDGE.top - EDGE.bottom];
  const { bars } = chartState;
  const top = ceiling(bars.reduce((most, counts) => Math.max(most, counts[0]), 0));
  const step = Math.min(inner / bars.length, 60);
  const parts = gridLines(top, tall, width);
  bars.forEach((counts, index) => {
    const gap = step > 4 ? 1 : 0;
    let y = EDGE.top + tall;
    for (let kind = 1; kind < series.length; kind += 1) {
      if (!counts[kind]) continue;
      const height = Math.max((counts[kind] / top) * tall, 1);
      y -= height;
      parts.push(
        shape("rect", {
          class: `s${kind}`,
          x: EDGE.left + index * step + gap / 2,
          y,
          width: Math.max(step - gap, 1),
          height,
        }),
      );
    }
  });
  parts.push(...timeLabels(step, inner));
  parts.push(
    shape("rect", {
      class: "cursor",
      x: EDGE.left + chartState.at * step,
      y: EDGE.top,
      width: Math.max(step, 2),
      height: tall,
    }),
  );
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.replaceChildren(...parts);
  chartState.step = step;
  tellBar();
}

function gridLines(top, tall, width) {
  return [0, 0.5, 1].flatMap((part) => {
    const y = EDGE.top + tall * (1 - part);
    return [
      shape("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }),
      shape("text", { x: EDGE.left - 6, y: y + 4, "text-anchor": "end" }, counted(top * part)),
    ];
  });
}

/** A label wherever there is room for one: at midnights, where hours are many. */
function timeLabels(step, inner) {
  const { bars, unit, first } = chartState;
  let every = Math.max(Math.ceil(150 / step), 1);
  let start = 0;
  const nights = unit === "hour" && every > 12;
  if (nights) {
    every = Math.ceil(every / 24) * 24;
    start = (24 - (first % 24)) % 24;
  }
  const labels = [];
  for (let index = start; index < bars.length; index += every) {
    const x = EDGE.left + index * step;
    if (index && x + 120 > EDGE.left + inner) break;
    labels.push(
      shape("line", { class: "grid", x1: x, x2: x, y1: HEIGHT - EDGE.bottom, y2: HEIGHT - EDGE.bottom + 5 }),
    );
    labels.push(
      shape("text", { x, y: HEIGHT - 6 }, clock((first + index) * SIZES[unit], nights ? "day" : unit)),
    );
  }
  return labels;
}

function barText(index) {
  const { bars, unit, first, later } = chartState;
  const counts = bars[index];
  const named = series
    .map((name, kind) => (kind && counts[kind] ? `${counted(counts[kind])} ${name}` : ""))
    .filter(Boolean);
  const rest = later ? ` (${counted(later)} calls ring later than the chart shows)` : "";
  return `${clock((first + index) * SIZES[unit], unit)}: ${named.join(", ") || "no calls"}${rest}`;
}

function tellBar() {
  chart.setAttribute("aria-label", `Calls per ${chartState.unit}`);
  chart.setAttribute("aria-valuemax", chartState.bars.length - 1);
  chart.setAttribute("aria-valuenow", chartState.at);
  chart.setAttribute("aria-valuetext", barText(chartState.at));
  byId("readout").textContent = barText(chartState.at);
}

function moveTo(index) {
  chartState.at = Math.max(0, Math.min(chartState.bars.length - 1, index));
  const cursor = chart.querySelector(".cursor");
  cursor.setAttribute("x", EDGE.left + chartState.at * chartState.step);
  tellBar();
}

function barAt(event) {
  const box = chart.getBoundingClientRect();
  return Math.floor((event.clientX - box.left - EDGE.left) / chartState.step);
}

function redrawChart() {
  if (byId("timeline").hidden) return;
  measure();
  tellPeaks();
  drawChart();
}

function legend() {
  const used = new Set(columns.load);
  const items = series.map(
    (name, kind) =>
      kind &&
      used.has(kind) &&
      element("li", {}, element("span", { className: `key s${kind}`, "aria-hidden": "true" }), name),
  );
  byId("legend").replaceChildren(...items.filter(Boolean));
}
