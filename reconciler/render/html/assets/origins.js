// Where values came from: told for rows that were asked about (plan --explain).

const WRITTEN = new Set(["row", "sheet"]); // as they stand in the row itself
const FIELDS_OF = {
  call: ["key", "revision"],
  rings: ["schedule.at", "schedule.timezone", "delay_minutes", "place_by"],
  to: ["contact_id", "to_number"],
  agent: ["agent"],
};
const MOST_TOLD = 12;

/** Fields of a row and their origins, in turn; none where nobody asked. */
function originsOf(row) {
  const found = new Map();
  const numbers = columns.origins[row] || [];
  for (let index = 0; index < numbers.length; index += 2)
    found.set(texts[numbers[index]], origins[numbers[index + 1]]);
  return found;
}

/** The fields that a column of the sheet shows of a row: [field, origin]. */
function originsIn(row, column) {
  const found = originsOf(row);
  const asked = column === "changes" ? cellsOf(row).map(([field]) => field) : FIELDS_OF[column] || [];
  return asked.filter((field) => found.has(field)).map((field) => [field, found.get(field)]);
}

const isMade = (row, column) =>
  Boolean(columns.origins[row]) &&
  originsIn(row, column).some(([, origin]) => !WRITTEN.has(texts[origin.kind]));

/** `default calls/june.yaml:6:10`, and below it the formula and what that reads. */
function originParts(origin) {
  const parts = [element("b", {}, texts[origin.kind])];
  if (origin.place) parts.push(" ", element("code", {}, texts[origin.place]));
  if (origin.formula) parts.push(element("code", { className: "formula" }, texts[origin.formula]));
  const inputs = origin.inputs.slice(0, MOST_TOLD).map(([name, number]) => element("li", {}, ...inputParts(name, number)));
  if (origin.inputs.length > MOST_TOLD)
    inputs.push(element("li", {}, `… and ${counted(origin.inputs.length - MOST_TOLD)} more`));
  if (origin.cut) inputs.push(element("li", {}, "see above for what it reads"));
  if (inputs.length) parts.push(element("ul", {}, ...inputs));
  return parts;
}

function inputParts(name, number) {
  if (number === null) return [element("code", {}, texts[name]), " is empty"];
  const value = texts[origins[number].value];
  return [element("code", {}, texts[name]), ` = ${value} · `, ...originParts(origins[number])];
}
