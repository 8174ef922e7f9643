// Which rows are shown, and in which order.

const SORTS = {
  action: null, // the order of the story
  call: address,
  rings: (row) => columns.rings[row] ?? Infinity,
  to,
  agent,
  changes: (row) => (columns.diff[row] ? 0 : columns.message[row] ? 1 : 2),
  row: place,
};
const query = {
  words: [],
  actions: new Set(),
  plan: "",
  agent: "",
  reason: "",
  by: "",
  slot: null,
  sort: "action",
  down: false,
};
const everyRow = Uint32Array.from({ length: total }, (_, row) => row);
let order = everyRow;
let shown = everyRow;
let haystacks = [];

/** Numbers in a text compare as numbers: inv-2 before inv-10. */
const natural = (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(15, "0"));

function sortBy(column) {
  query.down = query.sort === column && !query.down;
  query.sort = column;
  const key = SORTS[column];
  order = everyRow;
  if (key) {
    const keys = Array.from(everyRow, key).map((value) =>
      typeof value === "string" ? natural(value) : value,
    );
    order = everyRow.slice().sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b));
  }
  if (query.down) order = order.slice().reverse();
}

/** All that is said of a row, in lower case. */
function haystack(row) {
  let said = `${address(row)}\n${when(row)}\n${texts[columns.when[row]]}\n${to(row)}\n${agent(row)}`;
  said += `\n${place(row)}\n${message(row)}`;
  for (const reason of columns.reasons[row] || []) said += `\n${texts[reason]}`;
  for (const text of columns.fields[row] || []) said += `\n${texts[text]}`;
  for (const cell of columns.diff[row] || []) for (const text of cell) if (text) said += `\n${texts[text]}`;
  return said.toLowerCase();
}

/** Make haystacks of rows until `until` rows have one. */
function prepareSearch(until = total) {
  while (haystacks.length < until) haystacks.push(haystack(haystacks.length));
}

/** The same while the reader does nothing, in parts that nobody notices. */
function prepareIdly(deadline) {
  while (haystacks.length < total && deadline.timeRemaining() > 2)
    prepareSearch(Math.min(haystacks.length + 100, total));
  if (haystacks.length < total) requestIdleCallback(prepareIdly);
}

function search(text) {
  query.words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (query.words.length) prepareSearch();
}

function forgetTimes() {
  haystacks = [];
  toldTimes.clear();
  query.slot = null;
}

/** The tests that are asked for now; a row is shown where all of them hold. */
function tests() {
  const number = (name) => Number(query[name]);
  const asked = [];
  if (query.actions.size) asked.push((row) => query.actions.has(columns.action[row]));
  if (query.plan) asked.push((row) => columns.plan[row] === number("plan"));
  if (query.agent) asked.push((row) => columns.agent[row] === number("agent"));
  if (query.by) asked.push((row) => columns.theirs[row] === number("by"));
  if (query.reason)
    asked.push((row) => columns.reasons[row] && columns.reasons[row].includes(number("reason")));
  if (query.slot)
    asked.push((row) => columns.load[row] && Math.floor(localOf(row) / query.slot.size) === query.slot.number);
  if (query.words.length) asked.push((row) => query.words.every((word) => haystacks[row].includes(word)));
  return asked;
}

function choose() {
  const asked = tests();
  shown = asked.length ? order.filter((row) => asked.every((holds) => holds(row))) : order;
}

function resetQuery() {
  Object.assign(query, { words: [], plan: "", agent: "", reason: "", by: "", slot: null });
  query.actions.clear();
}
