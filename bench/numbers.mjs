// Figures out of many.

/** The middle one; of two, the lower. Undefined of none. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** The smallest of the numbers that at least this share (0 to 1) of them do not exceed. */
export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** The slope of the straight line through points [x, y] that fits best: y for each x. */
export function slopeOf(points) {
  const mean = (at) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const along = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  const square = points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  return square === 0 ? 0 : along / square;
}
