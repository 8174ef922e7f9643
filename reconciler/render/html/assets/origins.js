// Where values came from, for the rows that have it (plan --explain).

const WRITTEN = new Set(["row", "sheet"]); // as they stand in the row itself
const FIELDS_OF = {
  call: ["key", "revision"],
  rings: ["schedule.at", "schedule.timezone", "delay_minutes", "place_by"],
  person: ["full_name", "contact_id", "to_number"],
  to: ["contact_id", "to_number"],
  agent: ["agent"],
};
const MOST_INPUTS = 12;

/** The origins of a row by field; empty if they were not requested. */
function originsOf(row) {
  const result = new Map();
  const numbers = cells.origins[row] || [];
  for (let index = 0; index < numbers.length; index += 2)
    result.set(texts[numbers[index]], origins[numbers[index + 1]]);
  return result;
}

/** The fields that a column of the sheet shows of a row: [field, origin]. */
function originsIn(row, column) {
  const all = originsOf(row);
  const fields =
    column === "changes" ? differences(row).map(([field]) => field)
    : column === "value" ? [sheetData.show]
    : FIELDS_OF[column] || [column.slice(FIELD.length)];
  return fields.filter((field) => all.has(field)).map((field) => [field, all.get(field)]);
}

const isMade = (row, column) =>
  Boolean(cells.origins[row]) &&
  originsIn(row, column).some(([, origin]) => !WRITTEN.has(texts[origin.kind]));

/** `default calls/june.yaml:6:10`, and below it the formula and what that reads. */
function originParts(origin) {
  const parts = [element("b", {}, texts[origin.kind])];
  if (origin.place) parts.push(" ", element("code", {}, texts[origin.place]));
  if (origin.formula) parts.push(element("code", { className: "formula" }, texts[origin.formula]));
  const inputs = origin.inputs.slice(0, MOST_INPUTS).map(([name, number]) => element("li", {}, ...inputParts(name, number)));
  if (origin.inputs.length > MOST_INPUTS)
    inputs.push(element("li", {}, `… and ${formatCount(origin.inputs.length - MOST_INPUTS)} more`));
  if (origin.cut) inputs.push(element("li", {}, "see above for what it reads"));
  if (inputs.length) parts.push(element("ul", {}, ...inputs));
  return parts;
}

function inputParts(name, number) {
  if (number === null) return [element("code", {}, texts[name]), " is empty"];
  const value = texts[origins[number].value];
  return [element("code", {}, texts[name]), ` = ${value} · `, ...originParts(origins[number])];
}
