// Where the car is on its lap. The game says where it is on the track's spline, and the spline need not begin at the line.

/** The part of the lap since its timing line, 0..1; as long as no line was seen, since the beginning of the spline. */
export function lapFraction({ normalized_position: position, line_position: line }) {
  const fraction = position - (line ?? 0);
  return fraction - Math.floor(fraction);
}
