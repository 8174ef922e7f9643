// The columns of the sheet: a fixed set, and each field of the calls that the reader adds.

const FIELD = "field:";
const HEADS = {
  action: sheetData.heads.kind,
  rings: "rings",
  person: "whom",
  value: sheetData.heads.value,
  changes: sheetData.heads.changes,
  call: "call",
  to: "number or id",
  agent: "agent",
  row: sheetData.heads.place,
};
const SAMPLE = 400; // rows that decide how wide a column is
const WIDTHS = { action: [6, 26], rings: [14, 34], person: [8, 26], call: [10, 36], row: [8, 34] }; // characters
const TWO_TIMES = 33;
const LEAST_CHANGES = 14; // rem
const CHARACTER = 0.48; // rem, on average
const PADDING = 1.4; // rem, of a cell
const OWNERS = { agent: "agent", contact_id: "person", to_number: "person", full_name: "person" };
const TIMING = ["schedule.at", "schedule.timezone", "delay_minutes"];

const allColumns = [
  ...Object.keys(HEADS).filter((column) => HEADS[column]),
  ...fieldNames().map((name) => FIELD + name),
];
const severalAgents = new Set((cells.agent || []).filter(Boolean)).size > 1;
const standardColumns = allColumns.filter(
  (column) => column in HEADS && column !== "to" && (column !== "agent" || severalAgents),
);
let shownColumns = standardColumns;

function fieldNames() {
  const numbers = new Set();
  for (const fields of cells.fields || [])
    for (let index = 0; index < fields.length; index += 2) numbers.add(fields[index]);
  const listed = ["agent", sheetData.show];
  return [...numbers].map((number) => texts[number]).filter((name) => !listed.includes(name)).sort();
}

const headOf = (column) => HEADS[column] || column.slice(FIELD.length);

/** What a column says of a row, as text. */
const TEXTS = {
  action: (row) => actions[cells.action[row]].word,
  rings: when,
  person,
  value,
  changes: message,
  call: address,
  to,
  agent,
  row: place,
};
const columnText = (column) => TEXTS[column] || ((row) => fieldOf(row, column.slice(FIELD.length)));

/** The column that is shown and has the values of a field; otherwise the one for changes. */
function columnOf(field) {
  const own = TIMING.includes(field) ? "rings" : field === sheetData.show ? "value" : OWNERS[field];
  return [FIELD + field, own].find((column) => shownColumns.includes(column)) || "changes";
}

const widthFor = (characters) => characters * CHARACTER + PADDING;

/** A width in rem that holds most of the texts; null for the column that takes what is left. */
function widthOf(column) {
  if (column === "changes") return null;
  const [least, most] = WIDTHS[column] || [7, 20];
  const step = Math.max(Math.floor(total / SAMPLE), 1);
  const text = columnText(column);
  let longest = headOf(column).length + 2;
  for (let row = 0; row < total; row += step) {
    if (column === "rings" && differences(row).some(([field]) => columnOf(field) === column)) return widthFor(TWO_TIMES);
    longest = Math.max(longest, text(row).length);
  }
  const mark = column === "action" ? 4 : 0;
  return widthFor(Math.max(least, Math.min(longest, most)) + mark);
}

/** Show columns, in their fixed order; the standard ones if none is given. */
function showColumns(chosen) {
  shownColumns = allColumns.filter((column) => chosen.includes(column));
  if (!shownColumns.length) shownColumns = standardColumns;
}
