// What the sheet shows of a row: a cell for each shown column.

/** Before and after, as two marked texts with an arrow between them. */
function sides(before, after) {
  const parts = [];
  parts.push(before === null ? element("span", { className: "none" }, "(none)") : element("del", {}, before));
  parts.push(" → ");
  parts.push(after === null ? element("span", { className: "none" }, "(none)") : element("ins", {}, after));
  if (before === after) parts.push(element("span", { className: "none" }, " (differs)"));
  return parts;
}

function diffParts(changes) {
  return changes.flatMap(([field, before, after], index) => [
    index ? "; " : "",
    element("code", {}, field),
    " ",
    ...sides(before, after),
  ]);
}

/** The parts of each cell; a value that differs shows both sides. */
function content(row) {
  const action = actions[cells.action[row]];
  const changes = new Map();
  for (const [field, ...both] of differences(row)) {
    const column = columnOf(field);
    changes.set(column, [...(changes.get(column) || []), [field, ...(column === "rings" ? both.map(formatSide) : both)]]);
  }
  const parts = {};
  for (const column of shownColumns) {
    const own = column === "changes" ? [] : changes.get(column) || [];
    if (own.length) parts[column] = own.length === 1 ? sides(own[0][1], own[0][2]) : diffParts(own);
    else parts[column] = [columnText(column)(row)];
  }
  if (parts.action)
    parts.action = [element("span", { className: "mark", "aria-hidden": "true" }, action.mark), " ", action.word];
  if (parts.changes) parts.changes = changeParts(changes.get("changes") || [], message(row));
  return parts;
}

/** A wall time as the sheet shows times; any other text as it is. */
function formatSide(side) {
  const wall = side && /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?$/.test(side);
  const seconds = wall ? Date.parse(`${side.replace(" ", "T")}Z`) / 1000 : NaN;
  return Number.isNaN(seconds) ? side : clock(seconds);
}

function changeParts(changes, text) {
  return [...diffParts(changes), changes.length && text ? " · " : "", text];
}

/** A class for the styles of a column. */
const classOf = (column) => (column in HEADS ? `c-${column}` : "c-field");

function drawRow(index) {
  const row = shown[index];
  const parts = content(row);
  const list = shownColumns.map((column, number) =>
    element(
      "td",
      {
        role: "gridcell",
        id: `r${index}c${number}`,
        "data-column": column,
        "aria-colindex": number + 1,
        className: classOf(column),
      },
      ...(isMade(row, column) ? [element("span", { className: "made" }, ...parts[column])] : parts[column]),
    ),
  );
  const state = {
    role: "row",
    id: `r${index}`,
    "aria-rowindex": index + 2,
    "aria-selected": index === view.active,
  };
  const drawn = element("tr", { ...state, className: actions[cells.action[row]].name }, ...list);
  if (query.words.length) showMatches(drawn, row);
  return drawn;
}

/** Mark what the search matches; if that is in no shown column, add it to the last cell with texts. */
function showMatches(drawn, row) {
  const hidden = hiddenMatch(row, drawn.textContent);
  const index = shownColumns.includes("changes") ? shownColumns.indexOf("changes") : shownColumns.length - 1;
  const cell = drawn.children[index];
  if (hidden) cell.append(cell.textContent ? " · " : "", element("span", { className: "none" }, hidden));
  highlight(drawn);
}
