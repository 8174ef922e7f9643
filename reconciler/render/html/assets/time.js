// Instants in zones. `rings` is in seconds since 1970; a local time is the same count, read as if it were UTC.

const OWN = ""; // each row in its own zone
const QUARTER = 900; // offsets of zones change at full quarters of an hour
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FIELDS = {
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
};
const zones = new Map();
const formattedTimes = new Map();
let chosenZone = OWN;

/** The offsets of a zone by quarter hour, or null where the browser does not know the zone. */
function zoneOf(name) {
  if (!zones.has(name)) {
    try {
      const format = new Intl.DateTimeFormat("en-US", {
        ...FIELDS,
        timeZone: name,
        hourCycle: "h23",
        calendar: "gregory",
        numberingSystem: "latn",
      });
      zones.set(name, { format, offsets: new Map() });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      zones.set(name, null);
    }
  }
  return zones.get(name);
}

function localSeconds(instant, name) {
  const zone = name === "UTC" ? null : zoneOf(name);
  if (zone === null) return instant;
  const slot = Math.floor(instant / QUARTER);
  if (!zone.offsets.has(slot)) {
    const start = slot * QUARTER;
    const parts = {};
    for (const part of zone.format.formatToParts(new Date(start * 1000)))
      parts[part.type] = Number(part.value);
    const local =
      Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) / 1000;
    zone.offsets.set(slot, local - start);
  }
  return instant + zone.offsets.get(slot);
}

const zoneNamed = (number) => chosenZone || texts[number] || "UTC";
const zoneFor = (row) => zoneNamed(cells.zone[row]);

/** When a row rings, by the clock of the chosen zone; null where that depends on the apply. */
function localOf(row) {
  const rings = cells.rings[row];
  return rings === null ? null : localSeconds(rings, zoneFor(row));
}

const yearOf = (seconds) => new Date(seconds * 1000).getUTCFullYear();

/** `Mon 15 Jun`, with the year if it is not the page's. */
function formatDay(local) {
  const date = new Date(local * 1000);
  const text = `${DAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  return yearOf(local) === yearOf(sheetData.now) ? text : `${text} ${yearOf(local)}`;
}

/** `Mon 15 Jun 10:00`, with seconds if there are any; only the day for the unit `day`. */
function clock(local, unit) {
  if (unit === "day") return formatDay(local);
  const time = new Date(local * 1000).toISOString().slice(11, local % 60 ? 19 : 16);
  return `${formatDay(local)} ${time}`;
}

const isWeekend = (local) => [0, 6].includes(new Date(local * 1000).getUTCDay());

/** When a row rings, for a person. */
function when(row) {
  const local = localOf(row);
  return local === null ? texts[cells.when[row]] : `${formatTime(local)} ${zonePlace(zoneFor(row))}`;
}

/** Many rows ring at one time, and each of them is searched and sorted. */
function formatTime(local) {
  if (!formattedTimes.has(local)) formattedTimes.set(local, clock(local));
  return formattedTimes.get(local);
}

/** `Mexico City` for `America/Mexico_City`; the panel has the whole name. */
function zonePlace(zone) {
  const slash = zone.lastIndexOf("/");
  return slash < 0 || zone.startsWith("Etc/") ? zone : zone.slice(slash + 1).replaceAll("_", " ");
}
