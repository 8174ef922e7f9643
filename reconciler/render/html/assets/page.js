// What the reader does, and what happens then.

function showSlot() {
  query.slot = { unit: chartState.unit, number: chartState.first + chartState.at };
  update();
  byId("calls").scrollIntoView();
  sheet.focus({ preventScroll: true });
}

function startChart() {
  if (!rings.length) return;
  byId("timeline").hidden = false;
  byId("chart-tools").hidden = false;
  fillZones();
  chartState.unit = bestUnit();
  byId("unit").value = chartState.unit;
  byId("unit").onchange = () => {
    chartState.unit = byId("unit").value;
    chartState.at = 0;
    redrawChart();
  };
  chart.onpointermove = (event) => moveTo(barAt(event));
  chart.onclick = showSlot;
  chart.onkeydown = (event) => {
    const moves = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowDown: -1,
      ArrowUp: 1,
      PageUp: -10,
      PageDown: 10,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.key in moves) moveTo(chartState.at + moves[event.key]);
    else if (event.key === "Enter") showSlot();
    else return;
    event.preventDefault();
  };
  new ResizeObserver(drawChart).observe(chart);
  redrawChart();
}

function sheetKey(event) {
  if (event.target !== sheet) return;
  const page = Math.max(Math.floor(sheet.clientHeight / ROW_HEIGHT) - 2, 1);
  const moves = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
  const sideways = { ArrowLeft: -1, ArrowRight: 1 };
  if (event.key in moves) {
    activate(view.active + moves[event.key]);
    if (view.column >= 0) activateCell(view.column);
  } else if (event.key in sideways) activateCell(view.column + sideways[event.key]);
  else if (event.key === "Enter") openPanel();
  else if (event.key === "Escape") leave();
  else return;
  event.preventDefault();
}

/** One step back: from the tip, from the cell, from the filters. */
function leave() {
  if (!tip.hidden) hideTip();
  else if (view.column >= 0) activateCell(-1);
  else showAll();
}

function startSearch() {
  byId("search").oninput = () => {
    search(byId("search").value);
    update();
  };
  byId("search").onkeydown = (event) => {
    if (event.key === "Escape" && byId("search").value) return showAll();
    if (event.key === "Escape" || event.key === "ArrowDown" || event.key === "Enter") sheet.focus();
    return undefined;
  };
}

function startSheet() {
  byId("app").hidden = false;
  fillChoices();
  fillCards();
  fillGroups();
  fillColumns();
  startPreparing();
  startSearch();
  byId("clear").onclick = () => {
    showAll();
    sheet.focus();
  };
  byId("slot").onclick = () => {
    query.slot = null;
    update();
    sheet.focus();
  };
  sheet.onscroll = () => {
    drawRows();
    followTip();
  };
  sheet.onblur = hideTip;
  sheet.onkeydown = sheetKey;
  byId("body").onclick = (event) => {
    const row = event.target.closest("tr");
    if (!row || !getSelection().isCollapsed) return;
    activate(Number(row.id.slice(1)));
    openPanel();
  };
  new ResizeObserver(() => drawRows()).observe(sheet);
}

/** A click or Escape elsewhere closes the list of columns. */
function startMenu() {
  const menu = byId("columns-menu");
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.onkeydown = (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.firstElementChild.focus();
  };
}

function startPanel() {
  byId("panel-close").onclick = () => panel.close();
  panel.onclose = () => sheet.focus();
  panel.onclick = (event) => {
    if (event.target === panel) panel.close();
  };
  panel.onkeydown = (event) => {
    const moves = { ArrowUp: -1, ArrowDown: 1 };
    if (!(event.key in moves)) return;
    activate(view.active + moves[event.key]);
    fillPanel();
    event.preventDefault();
  };
}

document.addEventListener("keydown", (event) => {
  const typing =
    event.target instanceof HTMLInputElement || panel.open || event.ctrlKey || event.metaKey || event.altKey;
  if (event.key !== "/" || typing) return;
  event.preventDefault();
  byId("search").focus();
});

/** On paper nothing is folded. Afterwards the page is as it was. */
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details.group:not([open])")];
  for (const group of unfolded) group.open = true;
  if (total) printRows();
});
addEventListener("afterprint", () => {
  for (const group of unfolded) group.open = false;
  if (total) afterPrint();
});

if (total) {
  startPanel();
  startTip();
  startSheet();
  startMenu();
  startChart();
  startLinks();
  drawHead();
  update();
  showControls();
}
