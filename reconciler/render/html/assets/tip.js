// All of a cell that does not fit in the sheet, and where its values came from: for the pointer and the keyboard.

const tip = byId("tip");
let tipped = ""; // the id of the cell that the tip is about

/** Show the tip of a cell, unless it has nothing to add. */
function showTip(cell) {
  const row = shown[Number(cell.parentElement.id.slice(1))];
  const origins = originsIn(row, cell.dataset.column);
  const hidden = cell.scrollWidth > cell.clientWidth;
  hideTip();
  if (!origins.length && !hidden) return;
  const parts = hidden ? [element("p", {}, cell.textContent)] : [];
  parts.push(
    ...origins.map(([field, origin]) => element("div", {}, element("code", {}, field), " from ", ...originParts(origin))),
  );
  tip.replaceChildren(...parts);
  tip.hidden = false;
  tipped = cell.id;
  cell.setAttribute("aria-describedby", "tip");
  placeTip(cell.getBoundingClientRect());
}

/** Keep the tip at its cell after something was scrolled or drawn again: a key that brings a cell into view is
 * followed by the event of that scrolling. Once the cell is out of view, the tip goes. */
function followTip() {
  if (tip.hidden) return undefined;
  const cell = byId(tipped);
  const box = cell && cell.getBoundingClientRect();
  if (!box || !isInView(box)) return hideTip();
  cell.setAttribute("aria-describedby", "tip");
  return placeTip(box);
}

/** Whether some of a cell can be seen, in the part of the sheet below its head and in the window. */
function isInView(box) {
  const frame = sheet.getBoundingClientRect();
  const top = Math.max(frame.top + byId("head").offsetHeight, 0);
  const sides = box.right > Math.max(frame.left, 0) && box.left < Math.min(frame.right, innerWidth);
  return sides && box.bottom > top && box.top < Math.min(frame.bottom, innerHeight);
}

/** Below the cell, or above it where there is no room below. The styles of the page are fixed by its policy, which
 * scripts may still set one by one. */
function placeTip(box) {
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const below = box.bottom + height + 4 <= innerHeight;
  tip.style.left = `${Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8))}px`;
  tip.style.top = `${Math.max(8, below ? box.bottom : box.top - height)}px`;
}

function hideTip() {
  tip.hidden = true;
  for (const cell of byId("body").querySelectorAll("[aria-describedby]")) cell.removeAttribute("aria-describedby");
}

function startTip() {
  byId("body").onpointerover = (event) => {
    const cell = event.target.closest("td");
    if (cell && event.pointerType !== "touch") showTip(cell);
  };
  const left = (event) => {
    const within = [tip, byId("body")].some((part) => part.contains(event.relatedTarget));
    if (!within) hideTip();
  };
  byId("body").onpointerout = left;
  tip.onpointerleave = left;
  addEventListener("scroll", followTip, { passive: true });
}
