// What the reader does, and what happens then.

const ALL = "";

function option(value, name) {
  return element("option", { value }, name);
}

/** Fill a choice with the texts that a column holds, most frequent first; hide it where there is none to make. */
function fillChoice(name, numbers, all) {
  const counts = new Map();
  for (const number of numbers) if (number) counts.set(number, (counts.get(number) || 0) + 1);
  const found = [...counts].sort(([a, many], [b, few]) => few - many || (texts[a] < texts[b] ? -1 : 1));
  byId(name).replaceChildren(
    option(ALL, all),
    ...found.map(([number, count]) => option(number, `${texts[number]} (${counted(count)})`)),
  );
  byId(name).parentElement.hidden = found.length < (name === "reason" ? 1 : 2);
}

function fillChoices() {
  fillChoice("plan", columns.plan || [], "all");
  fillChoice("agent", columns.agent || [], "all");
  fillChoice(
    "reason",
    (columns.reasons || []).flatMap((reasons) => reasons || []),
    "any",
  );
  byId("by").replaceChildren(option(ALL, "all"), option("0", "this branch"), option("1", "the base already"));
  byId("by-label").hidden = !sheetData.branch;
  for (const name of ["plan", "agent", "reason", "by"]) {
    byId(name).onchange = () => {
      query[name] = byId(name).value;
      update();
    };
  }
}

function fillActions() {
  const counts = actions.map(() => 0);
  for (const action of columns.action || []) counts[action] += 1;
  const buttons = actions.map(({ name, word, mark }, number) => {
    if (!counts[number]) return "";
    const toggle = (event) => {
      if (!query.actions.delete(number)) query.actions.add(number);
      event.currentTarget.setAttribute("aria-pressed", query.actions.has(number));
      update();
    };
    return element(
      "button",
      { type: "button", className: `chip ${name}`, "aria-pressed": "false", onclick: toggle },
      element("span", { className: "mark", "aria-hidden": "true" }, mark),
      ` ${word} ${counted(counts[number])}`,
    );
  });
  byId("actions").replaceChildren(...buttons);
}

function fillZones() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const used = [...new Set(columns.zone)]
    .map((number) => texts[number])
    .filter(Boolean)
    .sort();
  const known = [...new Set(["UTC", own, ...used])].filter((name) => name && zoneOf(name));
  const named = known.map((name) => option(name, name === own ? `${name} (yours)` : name));
  byId("zone").replaceChildren(option(OWN, "each row's own zone"), ...named);
  byId("zone").onchange = () => {
    chosenZone = byId("zone").value;
    forgetTimes();
    startIndex();
    search(byId("search").value);
    redrawChart();
    update();
  };
}

function showAll() {
  resetQuery();
  byId("search").value = "";
  for (const name of ["plan", "agent", "reason", "by"]) byId(name).value = ALL;
  for (const chip of byId("actions").children) chip.setAttribute("aria-pressed", "false");
  update();
}

function showSlot() {
  const size = SIZES[chartState.unit];
  const number = chartState.first + chartState.at;
  query.slot = { size, number, name: clock(number * size, chartState.unit) };
  update();
  byId("calls").scrollIntoView();
  sheet.focus({ preventScroll: true });
}

function startChart() {
  if (!rings.length) return;
  byId("timeline").hidden = false;
  fillZones();
  legend();
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

function startIndex() {
  if (window.requestIdleCallback) requestIdleCallback(prepareIdly);
}

function startSheet() {
  byId("app").hidden = false;
  fillChoices();
  fillActions();
  startIndex();
  byId("search").oninput = () => {
    search(byId("search").value);
    update();
  };
  byId("search").onkeydown = (event) => {
    if (event.key === "Escape" && byId("search").value) return showAll();
    if (event.key === "Escape" || event.key === "ArrowDown" || event.key === "Enter") sheet.focus();
    return undefined;
  };
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
  drawHead();
  update();
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

addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  if (total) printRows();
});
addEventListener("afterprint", () => {
  if (total) printed();
});

if (total) {
  startPanel();
  startTip();
  startSheet();
  startChart();
}
