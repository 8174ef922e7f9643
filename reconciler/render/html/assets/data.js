// The sheet: columns of numbers, and each text once. Text reaches the page as text only, never as markup.

const byId = (id) => document.getElementById(id);
const sheetData = JSON.parse(byId("plan-data").textContent);
const { actions, limit, origins, series, texts } = sheetData;
const cells = sheetData.columns;
const total = cells.action ? cells.action.length : 0;
/** `5,000`. The formatter of the language takes a tenth of a second to start. */
const formatCount = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const formatCalls = (number) => (number === 1 ? "1 call" : `${formatCount(number)} calls`);

/** An element with properties, attributes for names with a dash or "role", and children. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "role" || key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

function address(row) {
  const revision = cells.revision[row];
  const suffix = revision === 1 ? "" : `@${revision}`;
  return `${texts[cells.plan[row]]}/${texts[cells.key[row]]}${suffix}`;
}

const textOf = (name) => (row) => texts[cells[name][row]];
const person = textOf("person");
const to = textOf("to");
const value = textOf("value");
const agent = textOf("agent");
const place = textOf("place");
const message = textOf("message");

/** The cells that differ, as [field, before, after]; a side is null where the field is absent. */
function differences(row) {
  return (cells.diff[row] || []).map((cell) => cell.map((text) => (text === null ? null : texts[text])));
}

/** Names and values, which are stored in turn. */
function pairs(numbers) {
  const result = [];
  for (let index = 0; index < (numbers || []).length; index += 2)
    result.push([texts[numbers[index]], texts[numbers[index + 1]]]);
  return result;
}

/** The value of a field of the call; empty if the call has no such field. */
function fieldOf(row, name) {
  const pair = pairs(cells.fields[row]).find(([field]) => field === name);
  return pair ? pair[1] : "";
}
