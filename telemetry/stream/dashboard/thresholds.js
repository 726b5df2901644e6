// Where values change their colour: the same limits as the terminal's view has.

/** Share of the highest engine speed from which on it is time to shift. */
export const SHIFT_ZONE = 0.92;

/** Share of the highest engine speed at which the first shift light comes on. */
export const FIRST_LIGHT = 0.7;

/** Upper ends in °C of a tyre's cold, cool, good and hot; a rule of thumb, for compounds differ. */
const TEMPERATURE_BANDS = [
  [50, "cold"],
  [70, "cool"],
  [100, "good"],
  [115, "hot"],
];

/** The band of a tyre's temperature. */
export function temperatureBand(celsius) {
  if (!Number.isFinite(celsius)) return "none";
  for (const [end, band] of TEMPERATURE_BANDS) if (celsius < end) return band;
  return "over";
}

/** The level of a tyre's wear, 0 new .. 1 worn out, changing where `tyre_damaged` and `tyre_critical` do. */
export function wearLevel(worn) {
  if (worn == null) return "none";
  return worn > 0.95 ? "bad" : worn > 0.8 ? "warn" : "good";
}

/** The level of a zone's damage, 0..1, changing where `bodywork_damaged` and `bodywork_critical` do. */
export function damageLevel(level) {
  if (level == null) return "none";
  return level > 0.5 ? "bad" : level > 0.05 ? "warn" : "good";
}

/** Slip of which the bar is full; the peak of the grip curve, 1.0, is its middle. */
export const FULL_SLIP = 2;

/** Seconds ahead or behind that fill the bar of the delta. */
export const FULL_DELTA = 2;
