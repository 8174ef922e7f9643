// One call with all that is known of it, in a panel at the side of the page.

const panel = byId("panel");

function fact(name, ...content) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, ...content));
}

/** The same instant by each clock that matters. */
function clocks(row) {
  const rings = cells.rings[row];
  if (rings === null) return [texts[cells.when[row]]];
  const names = [...new Set([texts[cells.zone[row]], chosenZone, "UTC"].filter(Boolean))];
  return names.map((name) => element("div", {}, `${clock(localSeconds(rings, name))} ${name}`));
}

function table(heads, rows) {
  const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
  return element("table", { className: "cells" }, element("thead", {}, head), element("tbody", {}, ...rows));
}

/** A row of a table: a field, its texts, and last where its value came from, if that was requested. */
function fieldRow(field, content, rowOrigins) {
  const data = content.map((parts) => element("td", {}, ...parts));
  const origin = rowOrigins.get(field);
  if (rowOrigins.size) data.push(element("td", { className: "origin" }, ...(origin ? originParts(origin) : [])));
  return element("tr", {}, element("th", { scope: "row" }, element("code", {}, field)), ...data);
}

const heads = (rowOrigins, ...names) => (rowOrigins.size ? [...names, "came from"] : names);

function diffTable(changes, rowOrigins) {
  const rows = changes.map(([field, before, after]) => {
    const [first, , ...second] = sides(before, after);
    return fieldRow(field, [[first], second], rowOrigins);
  });
  return table(heads(rowOrigins, "field", "before", "after"), rows);
}

/** The fields of the call, and the row's other fields with an origin. */
function fieldTable(fields, rowOrigins) {
  const values = new Map(pairs(fields));
  for (const [field, origin] of rowOrigins) if (!values.has(field)) values.set(field, texts[origin.value]);
  const rows = [...values].map(([field, text]) => fieldRow(field, [[text]], rowOrigins));
  return table(heads(rowOrigins, "field", "value"), rows);
}

/** What is known of a row besides its fields. */
function facts(row) {
  const action = actions[cells.action[row]];
  const mark = element("span", { className: `mark ${action.name}`, "aria-hidden": "true" }, action.mark);
  const reasons = cells.reasons[row] || [];
  const list = [fact(HEADS.action, mark, " ", action.word)];
  if (person(row)) list.push(fact("whom", person(row)));
  if (message(row)) list.push(fact("why", message(row)));
  if (reasons.length)
    list.push(fact(sheetData.heads.reason, ...reasons.flatMap((reason) => [element("code", {}, texts[reason]), " "])));
  if (cells.rings[row] !== null || cells.when[row]) list.push(fact("rings", ...clocks(row)));
  if (place(row)) list.push(fact(HEADS.row, element("code", {}, place(row))));
  return [...list, ...pairs(cells.facts[row]).map(([name, text]) => fact(name, text))];
}

function fillPanel() {
  const row = shown[view.active];
  const [changes, fields, rowOrigins] = [differences(row), cells.fields[row], originsOf(row)];
  byId("panel-title").textContent = address(row);
  const parts = [element("dl", {}, ...facts(row))];
  if (changes.length) parts.push(element("h3", {}, "What changes"), diffTable(changes, rowOrigins));
  if (fields || rowOrigins.size) parts.push(element("h3", {}, "The call"), fieldTable(fields, rowOrigins));
  byId("panel-body").replaceChildren(...parts);
}

function openPanel() {
  if (!shown.length) return;
  fillPanel();
  panel.showModal();
  byId("panel-title").focus();
}
