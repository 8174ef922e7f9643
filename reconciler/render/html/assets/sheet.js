// The sheet on the screen: of all rows that are shown, only those in view are elements.

const ROW_HEIGHT = 32;
const OVERSCAN = 8;
const MOST_PRINTED = 2000;
const MOST_UNFILTERED = 100;
const sheet = byId("sheet");
const view = { active: 0, column: -1, start: 0, end: 0, printing: false }; // column -1: the row as a whole

function drawHead() {
  const widths = shownColumns.map(widthOf);
  const list = shownColumns.map((column, index) => {
    const sorted = query.sort === column;
    const arrow = element("span", { "aria-hidden": "true" }, sorted ? (query.down ? "▼" : "▲") : "");
    const sort = () => {
      sortBy(column);
      update();
      drawHead();
      byId("head").children[index].firstChild.focus();
    };
    const state = sorted ? (query.down ? "descending" : "ascending") : "none";
    const head = element(
      "th",
      { role: "columnheader", "aria-colindex": index + 1, "aria-sort": state, className: classOf(column) },
      element("button", { type: "button", onclick: sort }, headOf(column), " ", arrow),
    );
    head.style.width = widths[index] ? `${widths[index]}rem` : "";
    return head;
  });
  byId("head").replaceChildren(...list);
  const room = widths.reduce((sum, width) => sum + (width || LEAST_CHANGES), 0);
  byId("rail").firstElementChild.style.minWidth = `${room}rem`;
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
  markActive();
  followTip();
}

/** Mark the active row, or the active cell of it, for the eye and for screen readers. */
function markActive() {
  for (const cell of byId("body").querySelectorAll(".active")) cell.classList.remove("active");
  const inView = view.active >= view.start && view.active < view.end;
  if (!inView) return sheet.removeAttribute("aria-activedescendant");
  const cell = view.column < 0 ? null : byId(`r${view.active}c${view.column}`);
  if (cell) cell.classList.add("active");
  return sheet.setAttribute("aria-activedescendant", cell ? cell.id : `r${view.active}`);
}

/** Make a cell of the active row the active one, or the whole row again, and show what the cell has to add. */
function activateCell(column) {
  view.column = Math.max(-1, Math.min(shownColumns.length - 1, column));
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
  markActive();
}

/** Filter the rows again, and show them from the top. */
function update() {
  hideTip();
  filterRows();
  view.active = 0;
  view.column = -1;
  sheet.scrollTop = 0;
  sheet.setAttribute("aria-rowcount", shown.length + 1);
  sheet.setAttribute("aria-colcount", shownColumns.length);
  byId("count").textContent = countText();
  byId("clear").hidden = shown.length === total;
  byId("slot").hidden = !query.slot;
  if (query.slot) byId("slot").textContent = `${slotName(query.slot)} ✕`;
  byId("empty").hidden = shown.length > 0;
  byId("empty").textContent = `No call matches: ${describeFilters()}.`;
  drawRows(true);
  writeLink();
}

const countText = () =>
  shown.length === total ? formatCalls(total) : `${formatCount(shown.length)} of ${formatCalls(total)}`;

/** On paper: the rows that are filtered; without a filter, only the first ones. */
function printRows() {
  view.printing = true;
  const most = shown.length === total ? MOST_UNFILTERED : MOST_PRINTED;
  drawRange(0, Math.min(shown.length, most));
  byId("rail").style.paddingBottom = "0";
  const filters = shown.length === total ? "" : ` (${describeFilters()})`;
  const rest = shown.length > most ? `. The first ${formatCount(most)} are printed; filter the sheet to print others` : "";
  byId("count").textContent = countText() + filters + rest;
}

function afterPrint() {
  view.printing = false;
  update();
}
