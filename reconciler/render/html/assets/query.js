// Which rows are shown, and in which order.

const SORT_KEYS = {
  action: null, // the given order: by action, then by time
  rings: (row) => cells.rings[row] ?? Infinity,
  changes: (row) => (cells.diff[row] ? 0 : cells.message[row] ? 1 : 2),
};
const query = {
  words: [],
  actions: new Set(),
  plan: "",
  agent: "",
  reason: "",
  by: "",
  slot: null,
  missing: [], // filters of a link that this page does not have
  sort: "action",
  down: false,
};
const everyRow = Uint32Array.from({ length: total }, (_, row) => row);
let order = everyRow;
let shown = everyRow;

/** Numbers in a text compare as numbers: inv-2 before inv-10. */
const natural = (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(15, "0"));

function sortBy(column, down = query.sort === column && !query.down) {
  query.down = down;
  query.sort = column;
  const key = column in SORT_KEYS ? SORT_KEYS[column] : columnText(column);
  order = everyRow;
  if (key) {
    const keys = Array.from(everyRow, key).map((item) => (typeof item === "string" ? natural(item) : item));
    order = everyRow.slice().sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b));
  }
  if (query.down) order = order.slice().reverse();
}

/** The conditions of the filters that are set; a row is shown if all of them hold. */
function conditions() {
  const number = (name) => Number(query[name]);
  const list = [];
  if (query.missing.length) list.push(() => false);
  if (query.actions.size) list.push((row) => query.actions.has(cells.action[row]));
  if (query.plan) list.push((row) => cells.plan[row] === number("plan"));
  if (query.agent) list.push((row) => cells.agent[row] === number("agent"));
  if (query.by) list.push((row) => cells.on_base[row] === number("by"));
  if (query.reason) list.push((row) => cells.reasons[row] && cells.reasons[row].includes(number("reason")));
  if (query.slot) list.push((row) => cells.load[row] && slotOf(row, query.slot.unit) === query.slot.number);
  if (query.words.length) list.push((row) => query.words.every((word) => searchText(row).includes(word)));
  return list;
}

const slotOf = (row, unit) => Math.floor(localOf(row) / SIZES[unit]);

function filterRows() {
  const list = conditions();
  shown = list.length ? order.filter((row) => list.every((holds) => holds(row))) : order;
}

/** The filters that are set, in words. */
function describeFilters() {
  const named = (name, label) => (query[name] ? [`${label} ${texts[query[name]]}`] : []);
  const words = [...query.actions].map((number) => actions[number].word);
  return [
    ...(query.words.length ? [`search “${query.words.join(" ")}”`] : []),
    ...(words.length ? [`${HEADS.action} ${words.join(" or ")}`] : []),
    ...named("plan", "plan"),
    ...named("agent", "agent"),
    ...named("reason", sheetData.heads.reason),
    ...(query.by ? [byNames[query.by]] : []),
    ...(query.slot ? [`rings ${slotName(query.slot)}`] : []),
    ...query.missing.map((text) => `${text}, which this page does not have`),
  ].join(", ");
}

const byNames = ["this branch", "the base already"];
const slotName = ({ unit, number }) => clock(number * SIZES[unit], unit);

function clearQuery() {
  Object.assign(query, { words: [], plan: "", agent: "", reason: "", by: "", slot: null, missing: [] });
  query.actions.clear();
}
