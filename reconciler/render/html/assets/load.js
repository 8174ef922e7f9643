// How many calls ring when: those of the sheet, and those placed before that have no row in it.

const SIZES = { minute: 60, hour: 3600, day: 86400 };
const NONE = series.map(() => 0);

/** Every call with a time: [instant, number of its zone, series, how many]. */
const rings = [
  ...Array.from({ length: total }, (_, row) => row)
    .filter((row) => columns.load[row])
    .map((row) => [columns.rings[row], columns.zone[row], columns.load[row], 1]),
  ...sheetData.beside.map(([second, zone, many]) => [second, zone, series.length - 1, many]),
];

/** In each slot of a unit, by the chosen clock, how many calls of each series ring; all of them stand first. */
function slots(size) {
  return counts(([instant, zone]) => Math.floor(localSeconds(instant, zoneNamed(zone)) / size));
}

function counts(slotOf) {
  const found = new Map();
  for (const ring of rings) {
    const slot = slotOf(ring);
    if (!found.has(slot)) found.set(slot, [...NONE]);
    const slotCounts = found.get(slot);
    slotCounts[ring[2]] += ring[3];
    slotCounts[0] += ring[3];
  }
  return found;
}

/** The fullest minute of each slot. A minute is one everywhere: whatever clocks say, calls in it ring together. */
function fullest(size) {
  const minutes = counts(([instant]) => Math.floor(instant / SIZES.minute));
  const found = new Map();
  for (const [instant, zone] of rings) {
    const slot = Math.floor(localSeconds(instant, zoneNamed(zone)) / size);
    const many = minutes.get(Math.floor(instant / SIZES.minute))[0];
    if (many > (found.get(slot) || 0)) found.set(slot, many);
  }
  return found;
}

/** The first of the slots in which most calls ring, and how many do. */
function peak(found) {
  let [best, most] = [0, 0];
  for (const [slot, [many]] of found)
    if (many > most || (many === most && slot < best)) [best, most] = [slot, many];
  return [best, most];
}

function extent(found) {
  let [first, last] = [Infinity, -Infinity];
  for (const slot of found.keys()) {
    first = Math.min(first, slot);
    last = Math.max(last, slot);
  }
  return [first, last];
}

function tellPeaks() {
  const told = byId("peaks").querySelectorAll(".peak");
  Object.entries(SIZES).forEach(([unit, size], index) => {
    const [slot, most] = peak(slots(size));
    const time = `${clock(slot * size, unit)} ${chosenZone || "by each row's clock"}`;
    told[index].replaceChildren(element("b", {}, counted(most)), " ", element("span", {}, time));
  });
  if (limit !== null) tellMinute(told[0]);
}

/** What the limit is of: calls that ring together, wherever. */
function tellMinute(told) {
  const [slot, most] = peak(counts(([instant]) => Math.floor(instant / SIZES.minute)));
  const zone = chosenZone || "UTC";
  const time = `${clock(localSeconds(slot * SIZES.minute, zone))} ${zone}`;
  told.replaceChildren(element("b", {}, counted(most)), " ", element("span", {}, time));
}
