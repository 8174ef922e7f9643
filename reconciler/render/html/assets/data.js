// The sheet: columns of numbers, and each text once. Text reaches the page as text only, never as markup.

const byId = (id) => document.getElementById(id);
const sheetData = JSON.parse(byId("plan-data").textContent);
const { actions, columns, limit, origins, series, texts } = sheetData;
const total = columns.action ? columns.action.length : 0;
const counted = (number) => number.toLocaleString("en");

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
  const revision = columns.revision[row];
  const suffix = revision === 1 ? "" : `@${revision}`;
  return `${texts[columns.plan[row]]}/${texts[columns.key[row]]}${suffix}`;
}

const textOf = (name) => (row) => texts[columns[name][row]];
const to = textOf("to");
const agent = textOf("agent");
const place = textOf("place");
const message = textOf("message");

/** The cells that differ, as [field, before, after]; a side is null where the field is absent. */
function cellsOf(row) {
  const found = columns.diff[row] || [];
  return found.map((cell) => cell.map((text) => (text === null ? null : texts[text])));
}
