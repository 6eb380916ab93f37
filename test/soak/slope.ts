export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Slope {
  readonly slope: number;
  /** The standard error of the slope: how far noise alone may have carried it. */
  readonly error: number;
}

/** Least squares. @throws Error for fewer than three points, through which any line may be drawn. */
export function slopeOf(points: readonly Point[]): Slope {
  if (points.length < 3) throw new Error('a slope wants three points at least');
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x0, y0] = [mean(points.map(({ x }) => x)), mean(points.map(({ y }) => y))];
  const sum = (value: (point: Point) => number) => points.reduce((total, point) => total + value(point), 0);
  const width = sum(({ x }) => (x - x0) ** 2);
  const slope = sum(({ x, y }) => (x - x0) * (y - y0)) / width;
  const rest = sum(({ x, y }) => (y - y0 - slope * (x - x0)) ** 2);
  return { slope, error: Math.sqrt(rest / (points.length - 2) / width) };
}
