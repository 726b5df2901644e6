// The line of a track or of a lap, by the position on the track. Nothing here knows of the document.

/**
 * The places of a line {position, x, z}, whose positions of 0..1 rise along it, at `count` evenly spaced positions:
 * {x, z, known}; a position in a gap of more than `maxGap` of the lap is not known.
 */
export function placesByPosition({ position, x, z }, count, maxGap = 0.02) {
  const places = { x: new Float32Array(count), z: new Float32Array(count), known: new Uint8Array(count) };
  const length = position.length;
  for (let from = 0; from < length && length > 1; from += 1) {
    const to = (from + 1) % length;
    const span = (((position[to] - position[from]) % 1) + 1) % 1;
    if (span > maxGap) continue;
    const begin = Math.ceil(position[from] * count);
    for (let index = begin; index < (position[from] + span) * count; index += 1) {
      const share = span > 0 ? (index / count - position[from]) / span : 0;
      places.x[index % count] = x[from] + share * (x[to] - x[from]);
      places.z[index % count] = z[from] + share * (z[to] - z[from]);
      places.known[index % count] = 1;
    }
  }
  return places;
}
