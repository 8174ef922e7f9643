// Instants in zones. `rings` is in seconds since 1970; a local time is the same count, read as if it were UTC.

const OWN = ""; // each row in its own zone
const QUARTER = 900; // offsets of zones change at full quarters of an hour
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const FIELDS = {
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
};
const zones = new Map();
const toldTimes = new Map();
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
const zoneFor = (row) => zoneNamed(columns.zone[row]);

/** When a row rings, by the clock of the chosen zone; null where that depends on the apply. */
function localOf(row) {
  const rings = columns.rings[row];
  return rings === null ? null : localSeconds(rings, zoneFor(row));
}

const stamp = (local) => new Date(local * 1000).toISOString();
const dayName = (local) => DAYS[new Date(local * 1000).getUTCDay()];

function clock(local, unit) {
  const iso = stamp(local);
  if (unit === "day") return `${dayName(local)} ${iso.slice(0, 10)}`;
  return `${dayName(local)} ${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

/** When a row rings, for a person. */
function when(row) {
  const local = localOf(row);
  if (local === null) return texts[columns.when[row]];
  return `${told(local)} ${city(zoneFor(row))}`;
}

/** A local time with its seconds, where it has some. Many rows ring at one time, and each is searched. */
function told(local) {
  if (!toldTimes.has(local)) {
    const seconds = local % 60 ? `:${stamp(local).slice(17, 19)}` : "";
    toldTimes.set(local, `${clock(local)}${seconds}`);
  }
  return toldTimes.get(local);
}

/** `America/Mexico_City` as `Mexico City`; the panel has the whole name. */
function city(zone) {
  return zone.slice(zone.indexOf("/") + 1).replaceAll("_", " ");
}
