// Calls over time: a bar for each hour or day of the chosen zone, and below it that hour's fullest minute, where
// the policy limits calls in a minute.

const MOST_BARS = 800;
const EDGE = { left: 52, right: 8, top: 10, bottom: 26 };
const TALL = 112;
const LOWER = { gap: 28, tall: 44 }; // the chart of minutes
const HEIGHT = EDGE.top + TALL + EDGE.bottom + (limit === null ? 0 : LOWER.gap + LOWER.tall);
const chart = byId("chart");
const chartState = { unit: "day", first: 0, bars: [], fullest: [], later: 0, at: 0, step: 1 };

/** The bars from the first call on; calls beyond what can be drawn are counted. */
function measure() {
  const size = SIZES[chartState.unit];
  const [sums, fullest] = [slots(size), limit === null ? new Map() : fullestMinutes(size)];
  const [first, last] = extent(sums);
  const length = Math.min(last - first + 1, MOST_BARS);
  chartState.first = first;
  chartState.bars = Array.from({ length }, (_, index) => sums.get(first + index) || NONE);
  chartState.fullest = Array.from({ length }, (_, index) => fullest.get(first + index) || 0);
  chartState.later = 0;
  for (const [slot, slotCounts] of sums) if (slot >= first + length) chartState.later += slotCounts[0];
  chartState.at = Math.min(chartState.at, length - 1);
}

/** Hours where they fit on the chart, days otherwise. */
function bestUnit() {
  const [first, last] = extent(slots(SIZES.hour));
  return last - first < 24 * 4 ? "hour" : "day";
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
  const width = Math.max(chart.clientWidth, 300);
  const inner = width - EDGE.left - EDGE.right;
  const { bars } = chartState;
  const top = ceiling(Math.max(...bars.map(([many]) => many)));
  const step = Math.min(inner / bars.length, 96);
  const parts = weekends(step);
  parts.push(...gridLines([0, top / 2, top].filter(Number.isInteger), top, { y: EDGE.top, tall: TALL }, width));
  bars.forEach((slotCounts, index) => parts.push(...stack(slotCounts, index, step, top)));
  if (limit !== null) parts.push(...minuteBars(step, width));
  parts.push(...timeLabels(step, inner));
  const place = { x: EDGE.left + chartState.at * step, y: EDGE.top, width: Math.max(step, 2) };
  parts.push(shape("rect", { class: "cursor", ...place, height: HEIGHT - EDGE.top - EDGE.bottom }));
  const svg = chart.querySelector("svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.replaceChildren(...parts);
  chartState.step = step;
  describeBar();
}

/** A shade behind the bars of Saturdays and Sundays. */
function weekends(step) {
  const size = { y: EDGE.top, width: step, height: HEIGHT - EDGE.top - EDGE.bottom };
  return weekendBars().map((index) => shape("rect", { class: "weekend", x: EDGE.left + index * step, ...size }));
}

function weekendBars() {
  const { bars, first, unit } = chartState;
  return [...bars.keys()].filter((index) => isWeekend((first + index) * SIZES[unit]));
}

function bar(index, step, y, height, name) {
  const gap = step > 4 ? 1 : 0;
  const x = EDGE.left + index * step + gap / 2;
  return shape("rect", { class: name, x, y, width: Math.max(step - gap, 1), height });
}

/** The series of one slot, one upon the other. */
function stack(slotCounts, index, step, top) {
  const parts = [];
  let y = EDGE.top + TALL;
  for (let kind = 1; kind < series.length; kind += 1) {
    if (!slotCounts[kind]) continue;
    const height = Math.max((slotCounts[kind] / top) * TALL, 1);
    y -= height;
    parts.push(bar(index, step, y, height, series[kind].tone));
  }
  return parts;
}

/** The fullest minute of each slot, and the line over which none may be. */
function minuteBars(step, width) {
  const { fullest, unit } = chartState;
  const most = Math.max(limit, ...fullest);
  const area = { y: EDGE.top + TALL + LOWER.gap, tall: LOWER.tall };
  const base = area.y + area.tall;
  const height = (many) => Math.max((many / most) * area.tall, 1);
  const parts = gridLines([0, most], most, area, width);
  fullest.forEach((many, index) => {
    if (many) parts.push(bar(index, step, base - height(many), height(many), many > limit ? "over" : "within"));
  });
  const y = base - height(limit);
  const words = `limit: ${formatCount(limit)} in a minute`;
  parts.push(shape("line", { class: "limit", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }));
  parts.push(shape("text", { class: "limit", x: width - EDGE.right, y: area.y - 8, "text-anchor": "end" }, words));
  parts.push(shape("text", { x: EDGE.left, y: area.y - 8 }, `fullest minute of each ${unit}`));
  return parts;
}

function gridLines(values, top, area, width) {
  return values.flatMap((value) => {
    const y = area.y + area.tall * (1 - value / top);
    return [
      shape("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }),
      shape("text", { x: EDGE.left - 6, y: y + 4, "text-anchor": "end" }, formatCount(value)),
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
  const { bars, fullest, unit, first, later } = chartState;
  const named = series
    .map(({ name }, kind) => (kind && bars[index][kind] ? `${formatCount(bars[index][kind])} ${name}` : ""))
    .filter(Boolean);
  const full = limit === null || !fullest[index] ? "" : `; ${minuteText(fullest[index])}`;
  const rest = later ? ` (${formatCount(later)} calls ring later than the chart shows)` : "";
  return `${clock((first + index) * SIZES[unit], unit)}: ${named.join(", ") || "no calls"}${full}${rest}`;
}

function minuteText(many) {
  const verdict = many > limit ? `${formatCount(many - limit)} over the limit` : `of ${formatCount(limit)} allowed`;
  return `${formatCount(many)} in the fullest minute, ${verdict}`;
}

function describeBar() {
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
  describeBar();
}

function barAt(event) {
  const box = chart.getBoundingClientRect();
  return Math.floor((event.clientX - box.left - EDGE.left) / chartState.step);
}

function redrawChart() {
  if (byId("timeline").hidden) return;
  measure();
  showPeaks();
  drawChart();
  legend();
}

function legend() {
  const used = new Set(rings.map(([, , kind]) => kind));
  const items = series.filter((_, kind) => used.has(kind)).map(({ name, tone }) => [name, tone]);
  if (limit !== null && peak(minutes)[1] > limit)
    items.push(["over the limit", "over"]);
  if (weekendBars().length) items.push(["weekend", "weekend"]);
  byId("legend").replaceChildren(
    ...items.map(([name, tone]) =>
      element("li", {}, element("span", { className: `key ${tone}`, "aria-hidden": "true" }), name),
    ),
  );
}
