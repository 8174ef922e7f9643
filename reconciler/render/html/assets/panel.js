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

function diffTable(cells) {
  const head = element(
    "tr",
    {},
    ...["field", "before", "after"].map((name) => element("th", { scope: "col" }, name)),
  );
  const rows = cells.map(([field, before, after]) => {
    const [first, , ...second] = sides(before, after);
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, element("code", {}, field)),
      element("td", {}, first),
      element("td", {}, ...second),
    );
  });
  return element("table", { className: "cells" }, element("thead", {}, head), element("tbody", {}, ...rows));
}

/** Names and values, which stand in turn. */
function pairs(numbers) {
  const found = [];
  for (let index = 0; index < (numbers || []).length; index += 2)
    found.push([texts[numbers[index]], texts[numbers[index + 1]]]);
  return found;
}

function fieldTable(fields) {
  const rows = pairs(fields).map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row" }, element("code", {}, name)), element("td", {}, value)),
  );
  return element("table", { className: "cells" }, element("tbody", {}, ...rows));
}

function fillPanel() {
  const row = shown[view.active];
  const action = actions[columns.action[row]];
  const [cells, fields, reasons] = [cellsOf(row), columns.fields[row], columns.reasons[row] || []];
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
  if (cells.length) parts.push(element("h3", {}, "What changes"), diffTable(cells));
  if (fields) parts.push(element("h3", {}, "The call"), fieldTable(fields));
  byId("panel-body").replaceChildren(...parts);
}

function openPanel() {
  if (!shown.length) return;
  fillPanel();
  panel.showModal();
  byId("panel-title").focus();
}
