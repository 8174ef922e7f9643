// All of a cell that has no room in the sheet, and where its values came from: for the pointer and the keyboard.

const tip = byId("tip");

/** Show the tip of a cell, unless it has nothing to add. */
function showTip(cell) {
  const row = shown[Number(cell.parentElement.id.slice(1))];
  const told = originsIn(row, cell.dataset.column);
  const hidden = cell.scrollWidth > cell.clientWidth;
  hideTip();
  if (!told.length && !hidden) return;
  const parts = hidden ? [element("p", {}, cell.textContent)] : [];
  parts.push(
    ...told.map(([field, origin]) => element("div", {}, element("code", {}, field), " from ", ...originParts(origin))),
  );
  tip.replaceChildren(...parts);
  tip.hidden = false;
  cell.setAttribute("aria-describedby", "tip");
  placeTip(cell.getBoundingClientRect());
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
  addEventListener("scroll", hideTip, { passive: true });
}
