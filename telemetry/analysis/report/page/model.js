// What the page's data mean: numbers out of base64, the place under the cursor, the limits of an axis.

/** Little-endian float32 in base64 as numbers; null for what is no number, where a line is broken. */
export function decodeNumbers(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const numbers = new Array(bytes.length / 4);
  for (let index = 0; index < numbers.length; index += 1) {
    const value = view.getFloat32(4 * index, true);
    numbers[index] = Number.isFinite(value) ? value : null;
  }
  return numbers;
}

/** The corner whose window holds this place; null on a straight. */
export function cornerAt(corners, place) {
  return corners.find(({ begin, end }) => place >= begin && place <= end) ?? null;
}

/** The index of the place that is nearest to another; places rise. */
export function nearestIndex(places, place) {
  let low = 0;
  let high = places.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (places[middle] <= place) low = middle;
    else high = middle;
  }
  return place - places[low] <= places[high] - place ? low : high;
}

/** The limits of an axis that holds these columns: those that are given, else their extremes with a little room. */
export function rangeOf(columns, low, high) {
  let [least, most] = [Infinity, -Infinity];
  for (const column of columns) {
    for (const value of column) {
      if (value === null) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  if (!(most >= least)) [least, most] = [0, 1];
  const size = Math.max(Math.abs(least), Math.abs(most));
  const isFlat = most - least <= 1e-3 * size; // a value that stands still needs no scale of its noise
  const room = isFlat ? Math.max(0.05 * size, 0.01) : 0.06 * (most - least);
  return [low ?? least - room, high ?? most + room];
}

/** The gear as the dashboard of a car shows it, of the game's number. */
export function gearName(number) {
  if (number === null) return "\u2013";
  return ["R", "N"][Math.round(number)] ?? String(Math.round(number) - 1);
}
