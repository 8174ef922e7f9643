// The sheet on the screen: of all rows that are shown, only those in view are there.

const HEADS = {
  action: sheetData.heads.kind,
  call: "call",
  rings: "rings",
  to: "to",
  agent: "agent",
  changes: sheetData.heads.changes,
  row: sheetData.heads.place,
};
const ROW_HEIGHT = 34;
const OVERSCAN = 8;
const MOST_PRINTED = 2000;
const TIMING = ["schedule.at", "schedule.timezone", "delay_minutes"];
const OWN_COLUMN = { agent: "agent", contact_id: "to", to_number: "to" };
const sheet = byId("sheet");
const COLUMNS = Object.keys(HEADS);
const view = { active: 0, column: -1, start: 0, end: 0, printing: false }; // column -1: the row as a whole

function drawHead() {
  const heads = Object.entries(HEADS).map(([column, name], index) => {
    const sorted = query.sort === column;
    const arrow = sorted ? (query.down ? "▼" : "▲") : "";
    const button = element(
      "button",
      {
        type: "button",
        onclick: () => {
          sortBy(column);
          update();
          drawHead();
          byId("head").children[index].firstChild.focus();
        },
      },
      name,
      " ",
      element("span", { "aria-hidden": "true" }, arrow),
    );
    const state = sorted ? (query.down ? "descending" : "ascending") : "none";
    return element(
      "th",
      { role: "columnheader", "aria-colindex": index + 1, "aria-sort": state, className: `c-${column}` },
      button,
    );
  });
  byId("head").replaceChildren(...heads);
}

/** Before and after, as two marked texts with an arrow between them. */
function sides(before, after) {
  const parts = [];
  parts.push(before === null ? element("span", { className: "none" }, "(none)") : element("del", {}, before));
  parts.push(" → ");
  parts.push(after === null ? element("span", { className: "none" }, "(none)") : element("ins", {}, after));
  if (before === after) parts.push(element("span", { className: "none" }, " (differs)"));
  return parts;
}

function diffParts(cells) {
  return cells.flatMap(([field, before, after], index) => [
    index ? "; " : "",
    element("code", {}, field),
    " ",
    ...sides(before, after),
  ]);
}

/** What each column says of a row; a cell that differs shows both sides. */
function content(row) {
  const action = actions[columns.action[row]];
  const cells = columns.diff[row] ? cellsOf(row) : [];
  const own = (column) => cells.filter((cell) => OWN_COLUMN[cell[0]] === column);
  const brief = (side) => side && side.replace(/:00$/, ""); // no seconds where there are none
  const timing = cells
    .filter((cell) => TIMING.includes(cell[0]))
    .map(([field, ...both]) => [field, ...both.map(brief)]);
  const rest = cells.filter((cell) => !OWN_COLUMN[cell[0]] && !TIMING.includes(cell[0]));
  const differing = (found, otherwise) =>
    found.length === 1 ? sides(found[0][1], found[0][2]) : found.length ? diffParts(found) : [otherwise];
  const said = message(row);
  return {
    action: [element("span", { className: "mark", "aria-hidden": "true" }, action.mark), " ", action.word],
    call: [address(row)],
    rings: differing(timing, when(row)),
    to: differing(own("to"), to(row)),
    agent: differing(own("agent"), agent(row)),
    changes: [...diffParts(rest), rest.length && said ? " · " : "", said],
    row: [place(row)],
  };
}

function drawRow(index) {
  const row = shown[index];
  const parts = content(row);
  const cells = COLUMNS.map((column, number) =>
    element(
      "td",
      {
        role: "gridcell",
        id: `r${index}c${number}`,
        "data-column": column,
        "aria-colindex": number + 1,
        className: `c-${column}`,
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
  return element("tr", { ...state, className: actions[columns.action[row]].name }, ...cells);
}

function drawRows(force = false) {
  if (view.printing) return;
  const start = Math.max(Math.floor(sheet.scrollTop / ROW_HEIGHT) - OVERSCAN, 0);
  const end = Math.min(start + Math.ceil(sheet.clientHeight / ROW_HEIGHT) + 2 * OVERSCAN, shown.length);
  if (!force && start === view.start && end === view.end) return;
  drawRange(start, end);
}

function drawRange(start, end) {
  Object.assign(view, { start, end });
  const rows = [];
  for (let index = start; index < end; index += 1) rows.push(drawRow(index));
  byId("body").replaceChildren(...rows);
  byId("rail").style.paddingTop = `${start * ROW_HEIGHT}px`;
  byId("rail").style.paddingBottom = `${(shown.length - end) * ROW_HEIGHT}px`;
  pointAtActive();
  followTip();
}

/** Tell which row, or which cell of it, is the active one. */
function pointAtActive() {
  for (const cell of byId("body").querySelectorAll(".active")) cell.classList.remove("active");
  const inView = view.active >= view.start && view.active < view.end;
  if (!inView) return sheet.removeAttribute("aria-activedescendant");
  const cell = view.column < 0 ? null : byId(`r${view.active}c${view.column}`);
  if (cell) cell.classList.add("active");
  return sheet.setAttribute("aria-activedescendant", cell ? cell.id : `r${view.active}`);
}

/** Make a cell of the active row the active one, or the whole row again, and tell what the cell has to add. */
function activateCell(column) {
  view.column = Math.max(-1, Math.min(COLUMNS.length - 1, column));
  activate(view.active);
  const cell = byId(`r${view.active}c${view.column}`);
  if (!cell) return hideTip();
  cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  return showTip(cell);
}

/** Make a row the active one, and bring it into view. */
function activate(index) {
  if (!shown.length) return;
  const before = byId(`r${view.active}`);
  if (before) before.setAttribute("aria-selected", "false");
  view.active = Math.max(0, Math.min(shown.length - 1, index));
  const head = byId("head").offsetHeight;
  const top = view.active * ROW_HEIGHT;
  if (top < sheet.scrollTop) sheet.scrollTop = top;
  const room = sheet.clientHeight - head - ROW_HEIGHT;
  if (top > sheet.scrollTop + room) sheet.scrollTop = top - room;
  drawRows();
  const now = byId(`r${view.active}`);
  if (now) now.setAttribute("aria-selected", "true");
  pointAtActive();
}

/** Choose the rows again, and show them from the top. */
function update() {
  hideTip();
  choose();
  view.active = 0;
  view.column = -1;
  sheet.scrollTop = 0;
  sheet.setAttribute("aria-rowcount", shown.length + 1);
  sheet.setAttribute("aria-colcount", COLUMNS.length);
  byId("found").textContent =
    shown.length === total
      ? `${counted(total)} calls`
      : `${counted(shown.length)} of ${counted(total)} calls`;
  byId("clear").hidden = shown.length === total;
  byId("slot").hidden = !query.slot;
  if (query.slot) byId("slot").textContent = `${query.slot.name} ✕`;
  drawRows(true);
}

function printRows() {
  view.printing = true;
  drawRange(0, Math.min(shown.length, MOST_PRINTED));
  byId("rail").style.paddingBottom = "0";
  if (shown.length > MOST_PRINTED)
    byId("found").textContent += `, of which the first ${counted(MOST_PRINTED)} are printed`;
}

function printed() {
  view.printing = false;
  update();
}
