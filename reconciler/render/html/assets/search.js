// Search in all that the page shows of a call. Case and accents do not matter.

const ASCII = /^[\x00-\x7f]*$/;
const foldedTexts = [];
let searchTexts = [];
let prepared = 0;

function fold(text) {
  if (ASCII.test(text)) return text.toLowerCase();
  return text.normalize("NFD").replace(/\p{M}+/gu, "").toLowerCase();
}

/** A stored text, folded; many rows share one. */
function folded(number) {
  foldedTexts[number] ??= fold(texts[number]);
  return foldedTexts[number];
}

/** Everything that the sheet and the panel show of a row. */
function makeSearchText(row) {
  const parts = [fold(address(row)), fold(when(row)), fold(actions[cells.action[row]].word)];
  for (const name of ["when", "person", "to", "value", "agent", "place", "message"]) parts.push(folded(cells[name][row]));
  for (const name of ["reasons", "facts", "fields"]) for (const text of cells[name][row] || []) parts.push(folded(text));
  for (const cell of cells.diff[row] || []) for (const text of cell) if (text) parts.push(folded(text));
  return parts.join("\n");
}

function searchText(row) {
  searchTexts[row] ??= makeSearchText(row);
  return searchTexts[row];
}

/** Prepare the texts while the reader does nothing, in parts that nobody notices. */
function prepareIdly(deadline) {
  while (prepared < total && deadline.timeRemaining() > 2)
    for (const end = Math.min(prepared + 100, total); prepared < end; prepared += 1) searchText(prepared);
  if (prepared < total) requestIdleCallback(prepareIdly);
}

function startPreparing() {
  if (window.requestIdleCallback) requestIdleCallback(prepareIdly);
}

function search(text) {
  query.words = fold(text).split(/\s+/).filter(Boolean);
}

/** The times in all texts are those of another zone now. */
function forgetTimes() {
  searchTexts = [];
  prepared = 0;
  formattedTimes.clear();
  query.slot = null;
}

/** Where the words of the search are in a text, as [start, end] in order, without overlaps. */
function findMatches(text) {
  const positions = [];
  let plain = "";
  for (let at = 0; at < text.length; at += 1) {
    const unit = fold(text[at]);
    for (let many = unit.length; many; many -= 1) positions.push(at);
    plain += unit;
  }
  const matches = [];
  for (const word of query.words)
    for (let at = plain.indexOf(word); at >= 0; at = plain.indexOf(word, at + word.length))
      matches.push([positions[at], positions[at + word.length - 1] + 1]);
  matches.sort(([a], [b]) => a - b);
  return matches.filter(([start], index) => !index || start >= matches[index - 1][1]);
}

/** Mark the words of the search in the texts of an element. */
function highlight(parent) {
  const walker = document.createTreeWalker(parent, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  for (const node of nodes) {
    const text = node.data;
    let end = 0;
    const parts = findMatches(text).flatMap(([from, until]) => {
      const before = text.slice(end, from);
      end = until;
      return [before, element("mark", {}, text.slice(from, until))];
    });
    if (parts.length) node.replaceWith(...parts, text.slice(end));
  }
}

/** The first field of a row with a word of the search that no shown column has: `amount: 14,000`. */
function hiddenMatch(row, visible) {
  const missing = query.words.filter((word) => !fold(visible).includes(word));
  if (!missing.length) return "";
  const details = [...pairs(cells.fields[row]), ...pairs(cells.facts[row])].map((pair) => pair.join(": "));
  return details.find((text) => missing.some((word) => fold(text).includes(word))) || "";
}
