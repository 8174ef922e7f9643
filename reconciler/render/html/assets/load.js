// How many calls ring when: those of the sheet, and those placed before that have no row in it.

const SIZES = { minute: 60, hour: 3600, day: 86400 };
const NONE = series.map(() => 0);

/** Calls with a time, summed: [instant, number of its zone, series, how many]. */
const rings = countRings();

function countRings() {
  const sums = new Map();
  const add = (instant, zone, kind, many) => {
    const key = `${instant} ${zone} ${kind}`;
    if (sums.has(key)) sums.get(key)[3] += many;
    else sums.set(key, [instant, zone, kind, many]);
  };
  for (let row = 0; row < total; row += 1)
    if (cells.load[row]) add(cells.rings[row], cells.zone[row], cells.load[row], 1);
  for (const [second, zone, many] of sheetData.unlisted) add(second, zone, series.length - 1, many);
  return [...sums.values()];
}

/** In each slot of a unit, by the chosen clock, how many calls of each series ring; all of them come first. */
function slots(size) {
  return sumBy(([instant, zone]) => Math.floor(localSeconds(instant, zoneNamed(zone)) / size));
}

/** The same by minute. A minute is one everywhere: whatever clocks show, calls in it ring together. */
const minutes = sumBy(([instant]) => Math.floor(instant / SIZES.minute));

function sumBy(slotOfRing) {
  const sums = new Map();
  for (const ring of rings) {
    const slot = slotOfRing(ring);
    if (!sums.has(slot)) sums.set(slot, [...NONE]);
    const slotSums = sums.get(slot);
    slotSums[ring[2]] += ring[3];
    slotSums[0] += ring[3];
  }
  return sums;
}

/** The calls in the fullest minute of each slot. */
function fullestMinutes(size) {
  const fullest = new Map();
  for (const [instant, zone] of rings) {
    const slot = Math.floor(localSeconds(instant, zoneNamed(zone)) / size);
    const many = minutes.get(Math.floor(instant / SIZES.minute))[0];
    if (many > (fullest.get(slot) || 0)) fullest.set(slot, many);
  }
  return fullest;
}

/** The first of the slots in which most calls ring, and how many do. */
function peak(sums) {
  let [best, most] = [0, 0];
  for (const [slot, [many]] of sums)
    if (many > most || (many === most && slot < best)) [best, most] = [slot, many];
  return [best, most];
}

function extent(sums) {
  let [first, last] = [Infinity, -Infinity];
  for (const slot of sums.keys()) {
    first = Math.min(first, slot);
    last = Math.max(last, slot);
  }
  return [first, last];
}

function showPeaks() {
  const places = byId("peaks").querySelectorAll(".peak");
  Object.entries(SIZES).forEach(([unit, size], index) => {
    const [slot, most] = peak(slots(size));
    showPeak(places[index], most, `${clock(slot * size, unit)} ${chosenZone || "local time"}`);
  });
  if (limit !== null) showFullestMinute(places[0]);
}

/** The limit counts calls that ring together, wherever. */
function showFullestMinute(parent) {
  const [slot, most] = peak(minutes);
  const zone = chosenZone || "UTC";
  showPeak(parent, most, `${clock(localSeconds(slot * SIZES.minute, zone))} ${zone}`);
}

function showPeak(parent, many, time) {
  parent.replaceChildren(element("b", {}, formatCount(many)), " ", time);
}
