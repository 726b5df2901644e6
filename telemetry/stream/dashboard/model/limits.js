// Where values change their colour and fill their bars. The server's hello says it; until then nothing has a colour.
// Nothing here knows of the document.

export class Limits {
  constructor() {
    this.thresholds = null; // of the derived fields, as the server uses them
    this.display = null; // those that the terminal's view has too
  }

  /** Take the limits of a hello; a server that sends none leaves everything without a colour. */
  onHello(message) {
    this.thresholds = message.thresholds ?? null;
    this.display = message.display_limits ?? null;
  }

  /** The band of a tyre's temperature: cold, cool, good, hot, over; none for what is no number. */
  temperatureBand(celsius) {
    if (!this.display || !Number.isFinite(celsius)) return "none";
    for (const [end, band] of this.display.tyre_temperature_bands) if (celsius < end) return band;
    return "over";
  }

  /** The level of a tyre's wear, 0 new .. 1 worn out, changing where `tyre_damaged` and `tyre_critical` do. */
  wearLevel(worn) {
    if (!this.thresholds || worn == null) return "none";
    return levelOf(worn, this.thresholds.tyre_damaged, this.thresholds.tyre_critical);
  }

  /** The level of a zone's damage, 0..1, changing where `bodywork_damaged` and `bodywork_critical` do. */
  damageLevel(damage) {
    if (!this.thresholds || damage == null) return "none";
    return levelOf(damage, this.thresholds.damaged, this.thresholds.critical);
  }

  /** The level of a tyre's slip: bad beyond the peak of the grip curve. */
  slipLevel(slip) {
    if (!this.display) return "none";
    return slip > this.display.peak_slip ? "bad" : "good";
  }

  /** How far the bar of a tyre's slip is filled, not clamped. */
  slipFraction(slip) {
    return this.display ? slip / this.display.full_slip : 0;
  }

  /** How far the bar of a delta in seconds is filled, -1..1, not clamped. */
  deltaFraction(seconds) {
    return this.display ? seconds / this.display.full_delta_s : 0;
  }

  /** Whether it is time to shift at this fraction of the highest engine speed. */
  isTimeToShift(rpmFraction) {
    return this.display !== null && rpmFraction >= this.display.shift_rpm_fraction;
  }

  /** How many of so many shift lights are on at this fraction of the highest engine speed. */
  shiftLights(rpmFraction, count) {
    if (!this.display) return 0;
    const { first_light_rpm_fraction: first, shift_rpm_fraction: shift } = this.display;
    const lit = Math.ceil(((rpmFraction - first) / (shift - first)) * count);
    return Math.min(Math.max(lit, 0), count);
  }
}

function levelOf(value, warning, critical) {
  return value > critical ? "bad" : value > warning ? "warn" : "good";
}
