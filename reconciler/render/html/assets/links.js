// The part of the page's address after `#`: it keeps the filter, so that a link shows the same calls.

let linkReady = false; // no link is written before the one that was opened is read

function linkText() {
  const link = new URLSearchParams();
  const words = byId("search").value.trim();
  if (query.words.length) link.set("search", words);
  for (const number of query.actions) link.append("action", actions[number].word);
  for (const name of ["plan", "agent", "reason"]) if (query[name]) link.set(name, texts[query[name]]);
  if (query.by) link.set("in", byNames[query.by]);
  if (chosenZone) link.set("zone", chosenZone);
  if (query.slot) link.set("slot", `${query.slot.unit} ${query.slot.number}`);
  if (query.sort !== "action" || query.down) link.set("sort", `${query.down ? "-" : ""}${query.sort}`);
  if (shownColumns.join() !== standardColumns.join())
    for (const column of shownColumns) link.append("column", column);
  return link.toString();
}

/** Keep the filter in the address. A viewer that shows the page in a frame may not allow that. */
function writeLink() {
  if (!linkReady || query.missing.length) return;
  const text = linkText();
  const target = text ? `#${text}` : location.pathname + location.search;
  try {
    history.replaceState(null, "", target);
  } catch (error) {
    if (error.name !== "SecurityError") throw error;
  }
}

/** Set a filter to the value of the link. */
function setChoice(name, label, value) {
  const textOfOption = (item) => (name === "by" ? item.text : texts[item.value]);
  const match = [...byId(name).options].find((item) => item.value && textOfOption(item) === value);
  if (match) query[name] = match.value;
  else query.missing.push(`${label} ${value}`);
}

function setAction(word) {
  const number = actions.findIndex((action) => action.word === word);
  if (number >= 0) query.actions.add(number);
  else query.missing.push(`${HEADS.action} ${word}`);
}

/** Apply the filter of the address. A filter that this page does not have shows no call, rather than all of them. */
function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  const zone = link.get("zone");
  clearQuery();
  if (byId("zone") && [...byId("zone").options].some((item) => item.value === zone)) setZone(zone);
  byId("search").value = link.get("search") || "";
  search(byId("search").value);
  for (const word of link.getAll("action")) setAction(word);
  for (const name of ["plan", "agent", "reason"]) if (link.has(name)) setChoice(name, name, link.get(name));
  if (link.has("in")) setChoice("by", "in", link.get("in"));
  const [unit, number] = (link.get("slot") || "").split(" ");
  if (unit in SIZES && Number.isInteger(Number(number))) query.slot = { unit, number: Number(number) };
  showColumns(link.getAll("column"));
  const sort = link.get("sort") || "action";
  const column = sort.replace(/^-/, "");
  if (allColumns.includes(column)) sortBy(column, sort.startsWith("-"));
}

const hasFilter = () => location.hash.includes("=");

function startLinks() {
  if (hasFilter()) readLink();
  linkReady = true;
  addEventListener("hashchange", () => {
    if (!hasFilter()) return;
    readLink();
    drawHead();
    update();
    showControls();
  });
}
