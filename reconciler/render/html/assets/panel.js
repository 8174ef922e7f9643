// One call with all that is known of it, in a panel beside the sheet.

const panel = byId("panel");

function fact(name, ...said) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, ...said));
}

/** The same instant by each clock that matters. */
function clocks(row) {
  const rings = columns.rings[row];
  if (rings === null) return [texts[columns.when[row]]];
  const names = [...new Set([texts[columns.zone[row]], chosenZone, "UTC"].filter(Boolean))];
  return names.map((name) => element("div", {}, `${clock(localSeconds(rings, name))} ${name}`));
}

function table(heads, rows) {
  const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
  return element("table", { className: "cells" }, element("thead", {}, head), element("tbody", {}, ...rows));
}

/** A row of a table: a field, and what is said of it; last, where its value came from, where that was asked. */
function fieldRow(field, said, found) {
  const cells = said.map((parts) => element("td", {}, ...parts));
  const origin = found.get(field);
  if (found.size) cells.push(element("td", { className: "origin" }, ...(origin ? originParts(origin) : [])));
  return element("tr", {}, element("th", { scope: "row" }, element("code", {}, field)), ...cells);
}

const heads = (found, ...names) => (found.size ? [...names, "came from"] : names);

function diffTable(cells, found) {
  const rows = cells.map(([field, before, after]) => {
    const [first, , ...second] = sides(before, after);
    return fieldRow(field, [[first], second], found);
  });
  return table(heads(found, "field", "before", "after"), rows);
}

/** Names and values, which stand in turn. */
function pairs(numbers) {
  const found = [];
  for (let index = 0; index < (numbers || []).length; index += 2)
    found.push([texts[numbers[index]], texts[numbers[index + 1]]]);
  return found;
}

/** The fields of the call; where somebody asked, the row's other fields too. */
function fieldTable(fields, found) {
  const told = new Map(pairs(fields));
  for (const [field, origin] of found) if (!told.has(field)) told.set(field, texts[origin.value]);
  const rows = [...told].map(([field, value]) => fieldRow(field, [[value]], found));
  return table(heads(found, "field", "value"), rows);
}

function fillPanel() {
  const row = shown[view.active];
  const action = actions[columns.action[row]];
  const [cells, fields, reasons] = [cellsOf(row), columns.fields[row], columns.reasons[row] || []];
  const found = originsOf(row);
  byId("panel-title").textContent = address(row);
  const facts = [
    fact(
      HEADS.action,
      element("span", { className: `mark ${action.name}`, "aria-hidden": "true" }, action.mark),
      " ",
      action.word,
    ),
  ];
  if (message(row)) facts.push(fact("why", message(row)));
  if (reasons.length)
    facts.push(fact(sheetData.heads.reason, ...reasons.flatMap((reason) => [element("code", {}, texts[reason]), " "])));
  if (columns.rings[row] !== null || columns.when[row]) facts.push(fact("rings", ...clocks(row)));
  if (place(row)) facts.push(fact(HEADS.row, element("code", {}, place(row))));
  facts.push(...pairs(columns.facts[row]).map(([name, value]) => fact(name, value)));
  const parts = [element("dl", {}, ...facts)];
  if (cells.length) parts.push(element("h3", {}, "What changes"), diffTable(cells, found));
  if (fields || found.size) parts.push(element("h3", {}, "The call"), fieldTable(fields, found));
  byId("panel-body").replaceChildren(...parts);
}

function openPanel() {
  if (!shown.length) return;
  fillPanel();
  panel.showModal();
  byId("panel-title").focus();
}
