import { Matrix, pseudoInverse } from "ml-matrix";

export interface SavitzkyGolayOptions {
  /** Samples per fit; even lengths are allowed and are centred between two samples. */
  readonly window: number;
  readonly order: number;
  /** Which derivative of the fitted polynomial is taken; 0 smooths. */
  readonly derivative?: number;
  /** Distance between samples. */
  readonly spacing?: number;
}

/** Weights by window, order, derivative and place: the same few in every call of a long series. */
const fits = new Map<string, Float64Array>();

/**
 * Weights that give a derivative at `at` of the least-squares polynomial through `window` equally spaced values,
 * [window]. A derivative above the order is 0 everywhere.
 */
function fitWeights(window: number, order: number, derivative: number, at: number): Float64Array {
  const key = `${window} ${order} ${derivative} ${at}`;
  const known = fits.get(key);
  if (known) return known;
  const weights = new Float64Array(window);
  fits.set(key, weights);
  if (derivative > order) return weights;
  const vandermonde = Matrix.zeros(window, order + 1);
  for (let j = 0; j < window; j++)
    for (let power = 0; power <= order; power++) vandermonde.set(j, power, (j - at) ** power);
  let factorial = 1;
  for (let k = 2; k <= derivative; k++) factorial *= k;
  const row = pseudoInverse(vandermonde).getRow(derivative);
  for (let j = 0; j < window; j++) weights[j] = factorial * row[j]!;
  return weights;
}

/**
 * Savitzky-Golay filter with polynomial ends, as SciPy's savgol_filter in mode "interp": every inner value is the fit of
 * the window around it, and the first and last halves of a window are the fits of the first and last window.
 *
 * @param values [N]; @returns [N]
 * @throws Error when the window is longer than the series or not longer than the order
 */
export function savitzkyGolay(
  values: ArrayLike<number>,
  { window, order, derivative = 0, spacing = 1 }: SavitzkyGolayOptions,
): Float64Array {
  const size = values.length;
  if (window > size) throw new Error(`The filter's window of ${window} is longer than the ${size} values.`);
  if (order >= window) throw new Error(`A polynomial of order ${order} needs a window above ${order}.`);
  const scale = spacing ** -derivative;
  const apply = (weights: Float64Array, start: number): number => {
    let sum = 0;
    for (let j = 0; j < window; j++) sum += weights[j]! * values[start + j]!;
    return sum * scale;
  };
  const half = Math.floor(window / 2);
  const out = new Float64Array(size);
  const inner = fitWeights(window, order, derivative, (window - 1) / 2);
  // An even window reaches one sample further ahead than back.
  const back = window % 2 === 0 ? half - 1 : half;
  for (let t = half; t < size - half; t++) out[t] = apply(inner, t - back);
  for (let t = 0; t < half; t++) {
    out[t] = apply(fitWeights(window, order, derivative, t), 0);
    const mirrored = size - 1 - t;
    out[mirrored] = apply(fitWeights(window, order, derivative, window - 1 - t), size - window);
  }
  return out;
}
