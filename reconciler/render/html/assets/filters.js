// The controls that filter: cards, choices, columns, and the time zone.

const ALL = "";
const CHOICES = ["plan", "agent", "reason", "by"];

function option(value, name) {
  return element("option", { value }, name);
}

/** Fill a choice with the texts of a column, most frequent first; hide it if there is nothing to choose. */
function fillChoice(name, numbers, all) {
  const counts = new Map();
  for (const number of numbers) if (number) counts.set(number, (counts.get(number) || 0) + 1);
  const list = [...counts].sort(([a, many], [b, few]) => few - many || (texts[a] < texts[b] ? -1 : 1));
  byId(name).replaceChildren(
    option(ALL, all),
    ...list.map(([number, count]) => option(number, `${texts[number]} (${formatCount(count)})`)),
  );
  byId(name).parentElement.hidden = list.length < (name === "reason" ? 1 : 2);
}

function fillChoices() {
  fillChoice("plan", cells.plan, "all");
  fillChoice("agent", cells.agent, "all");
  fillChoice("reason", cells.reasons.flatMap((reasons) => reasons || []), "any");
  byId("by").replaceChildren(option(ALL, "both"), ...byNames.map((name, number) => option(number, name)));
  byId("by").parentElement.hidden = !sheetData.branch;
  for (const name of CHOICES) {
    byId(name).onchange = () => {
      query[name] = byId(name).value;
      update();
      showControls();
    };
  }
}

/** Turn the counts into buttons that filter the sheet. */
function fillCards() {
  for (const card of byId("cards").children) {
    if (card.querySelector("a")) continue;
    const filter = filterOf(card);
    const toggle = () => {
      if (filter.reason) query.reason = query.reason === filter.reason ? ALL : filter.reason;
      else if (!query.actions.delete(filter.kind)) query.actions.add(filter.kind);
      update();
      showControls();
    };
    card.replaceChildren(
      element("button", { type: "button", "aria-pressed": "false", onclick: toggle }, ...card.childNodes),
    );
  }
}

/** The calls that a card or a group of problems is about: the number of their kind, and that of their reason. */
function filterOf(part) {
  const { kind, reason } = part.dataset;
  const number = reason ? texts.indexOf(reason) : -1;
  return { kind: kind === "" ? null : Number(kind), reason: number > 0 ? String(number) : ALL };
}

/** A button below each group that shows all of its calls in the sheet. */
function fillGroups() {
  for (const group of document.querySelectorAll("details[data-kind]")) {
    const filter = filterOf(group);
    if (filter.kind === null && !filter.reason) continue;
    const show = () => {
      clearQuery();
      if (filter.kind !== null) query.actions.add(filter.kind);
      query.reason = filter.reason;
      update();
      showControls();
      byId("calls").scrollIntoView();
      sheet.focus({ preventScroll: true });
    };
    group.append(element("button", { type: "button", className: "show", onclick: show }, "Show them in the sheet"));
  }
}

/** Make the controls say what the query says. */
function showControls() {
  for (const name of CHOICES) byId(name).value = query[name];
  for (const card of byId("cards").querySelectorAll("button")) {
    const { kind, reason } = filterOf(card.parentElement);
    const pressed = reason ? query.reason === reason : query.actions.has(kind);
    card.setAttribute("aria-pressed", pressed);
  }
  for (const box of byId("columns").querySelectorAll("input")) box.checked = shownColumns.includes(box.value);
}

function fillColumns() {
  const boxes = allColumns.map((column) => {
    const change = (event) => {
      const rest = shownColumns.filter((name) => name !== column);
      setColumns(event.target.checked ? [...rest, column] : rest);
    };
    const box = element("input", { type: "checkbox", value: column, onchange: change });
    return element("label", {}, box, " ", headOf(column));
  });
  byId("columns").replaceChildren(...boxes);
}

function setColumns(chosen) {
  showColumns(chosen);
  drawHead();
  update();
  showControls();
}

function fillZones() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const used = [...new Set(cells.zone)].map((number) => texts[number]).sort();
  const names = [...new Set(["UTC", own, ...used])].filter((name) => name && zoneOf(name));
  const options = names.map((name) => option(name, name === own ? `${name} (yours)` : name));
  byId("zone").replaceChildren(option(OWN, "local time of each call"), ...options);
  byId("zone").onchange = () => setZone(byId("zone").value);
}

function setZone(name) {
  chosenZone = name;
  byId("zone").value = name;
  forgetTimes();
  startPreparing();
  redrawChart();
  update();
}

function showAll() {
  clearQuery();
  byId("search").value = "";
  update();
  showControls();
}
