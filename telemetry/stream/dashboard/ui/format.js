// Numbers and times as text. What has a twin in Python is tested against it.

export const DASH = "\u2013";
const MINUS = "\u2212";
const NO_TIME = `${DASH}:${DASH}${DASH}.${DASH}${DASH}${DASH}`;

/** A number with so many decimals; a dash for what is no number. */
export function formatNumber(value, decimals = 0, sign = false) {
  if (value == null || !Number.isFinite(value)) return DASH;
  const text = Math.abs(value) >= 1e6 ? Math.abs(value).toExponential(0) : Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text; // a zero has a sign only by accident of rounding
  return value < 0 ? MINUS + text : sign ? `+${text}` : text;
}

/** A fraction of 1 in percent, without the sign. */
export function formatPercent(fraction) {
  return fraction == null ? DASH : formatNumber(100 * fraction);
}

function twoDigits(count) {
  return String(count).padStart(2, "0");
}

/** A lap time as m:ss.mmm, from 100 minutes on as h:mm:ss; 0 and less is no time. */
export function formatLapTime(ms) {
  if (!(ms > 0)) return NO_TIME;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 100) return `${Math.floor(minutes / 60)}:${twoDigits(minutes % 60)}:${twoDigits(seconds % 60)}`;
  return `${minutes}:${twoDigits(seconds % 60)}.${String(Math.floor(ms % 1000)).padStart(3, "0")}`;
}

/** The time of a sector as s.mmm, or like a lap time where it takes a minute. */
export function formatSectorTime(ms) {
  if (!(ms > 0)) return DASH;
  return ms < 60000 ? (ms / 1000).toFixed(3) : formatLapTime(ms);
}

/** A difference in seconds with its sign. */
export function formatDelta(seconds) {
  return formatNumber(seconds, Math.abs(seconds) >= 100 ? 1 : 3, true);
}

/** A positive number of seconds as h:mm:ss or m:ss; empty for any other value, like a session without an end. */
export function formatDuration(seconds) {
  if (!(seconds > 0 && seconds < 360000)) return "";
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60);
  const rest = twoDigits(whole % 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${twoDigits(minutes % 60)}:${rest}`;
}

/** A folder's name as a person would write it: ks_nordschleife is Nordschleife; the prefix only names the maker. */
export function displayName(folder) {
  const words = folder.replace(/^(ks|rt|acu?|vrc|urd|rss)_/i, "").split(/[_\s]+/).filter(Boolean);
  return words.map((word) => (/\d/.test(word) ? word.toUpperCase() : word[0].toUpperCase() + word.slice(1))).join(" ");
}
