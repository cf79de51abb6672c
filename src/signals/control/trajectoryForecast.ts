/** A bivariate normal forecast of a position; spreads are the inverses of standard deviations. */
export interface PositionForecast {
  readonly x: number;
  readonly y: number;
  readonly inverseSpreadX: number;
  readonly inverseSpreadY: number;
  readonly correlation: number;
}

/** Metres in a foot; the highway data sets are in feet. */
export const metresPerFoot = 0.3048;

/** log(2 pi) as released. */
const logTwoPi = 1.8379;

/** Sums per step of the horizon over the agents whose mask is set, their number, and the mean over all of them. */
export interface HorizonError {
  /** [T] */
  readonly sums: Float64Array;
  /** [T] */
  readonly counts: Float64Array;
  readonly mean: number;
}

function overHorizon(values: readonly ArrayLike<number>[], mask: readonly ArrayLike<number>[]): HorizonError {
  const masked = (t: number, of: (b: number) => number): number =>
    Array.from(mask[t]!).reduce((sum, weight, b) => sum + weight * of(b), 0);
  const sums = Float64Array.from(values, (row, t) => masked(t, (b) => row[b]!));
  const counts = Float64Array.from(values, (_, t) => masked(t, () => 1));
  const total = (list: Float64Array): number => list.reduce((sum, value) => sum + value, 0);
  return { sums, counts, mean: total(sums) / total(counts) };
}

/**
 * Squared distance per step of the horizon (Petrichor625/BATraj-Behavior-aware-Model, maskedMSETest). The released
 * evaluation passes polar pairs (r, phi), so its "RMSE" mixes lengths and angles; pass Cartesian ones for a distance.
 *
 * @param predicted [T][B]; @param truth [T][B]; @param mask 1 = counts, [T][B]
 */
export function squaredErrors(
  predicted: readonly (readonly { readonly x: number; readonly y: number }[])[],
  truth: readonly (readonly { readonly x: number; readonly y: number }[])[],
  mask: readonly ArrayLike<number>[],
): HorizonError {
  const squares = predicted.map((row, t) =>
    Float64Array.from(row, ({ x, y }, b) => (truth[t]![b]!.x - x) ** 2 + (truth[t]![b]!.y - y) ** 2),
  );
  return overHorizon(squares, mask);
}

/** Root of the mean square per step, in metres when positions are in feet; NaN where nobody counts. */
export function rootMeanSquares({ sums, counts }: HorizonError, scale: number): Float64Array {
  return sums.map((sum, t) => Math.sqrt(sum / counts[t]!) * scale);
}

/**
 * How a squared deviation is formed: `normal` is the density's exponent; `manoeuvre` is what the release uses within its
 * mixture, s_x^2 dx^2 + 0.5 s_y^2 dy^2 - rho s_x s_y dx dy, which is no density.
 */
export type QuadraticForm = "normal" | "manoeuvre";

/** Negative log-likelihood of a position, in nats, as released (maskedNLLTest). */
export function forecastSurprise(
  forecast: PositionForecast,
  truth: { readonly x: number; readonly y: number },
  form: QuadraticForm,
): number {
  const { inverseSpreadX: sx, inverseSpreadY: sy, correlation } = forecast;
  const precision = (1 - correlation ** 2) ** -0.5;
  const dx = truth.x - forecast.x;
  const dy = truth.y - forecast.y;
  const weight = form === "normal" ? 1 : 0.5;
  const cross = form === "normal" ? 2 : 1;
  const quadratic = sx ** 2 * dx ** 2 + weight * sy ** 2 * dy ** 2 - cross * correlation * sx * sy * dx * dy;
  return 0.5 * precision ** 2 * quadratic - Math.log(sx * sy * precision) + logTwoPi;
}

/**
 * Negative log-likelihood per step of the horizon.
 *
 * @param forecasts [T][B]; @param truth [T][B]; @param mask [T][B]
 */
export function surprises(
  forecasts: readonly (readonly PositionForecast[])[],
  truth: readonly (readonly { readonly x: number; readonly y: number }[])[],
  mask: readonly ArrayLike<number>[],
): HorizonError {
  const values = forecasts.map((row, t) =>
    Float64Array.from(row, (forecast, b) => forecastSurprise(forecast, truth[t]![b]!, "normal")),
  );
  return overHorizon(values, mask);
}

/**
 * The same for a mixture over lateral and longitudinal manoeuvres; component `longitudinal * lateralCount + lateral`.
 *
 * @param components forecasts of every manoeuvre, [K][T][B]; @param lateral probabilities, [B][L]
 * @param longitudinal probabilities, [B][M]
 */
export function mixtureSurprises(
  components: readonly (readonly (readonly PositionForecast[])[])[],
  lateral: readonly ArrayLike<number>[],
  longitudinal: readonly ArrayLike<number>[],
  truth: readonly (readonly { readonly x: number; readonly y: number }[])[],
  mask: readonly ArrayLike<number>[],
): HorizonError {
  const values = truth.map((row, t) =>
    Float64Array.from(row, (position, b) => {
      const classes = lateral[b]!.length;
      const logs = components.map((component, k) => {
        const weight = lateral[b]![k % classes]! * longitudinal[b]![Math.floor(k / classes)]!;
        return Math.log(weight) - forecastSurprise(component[t]![b]!, position, "manoeuvre");
      });
      const highest = Math.max(...logs);
      return -(highest + Math.log(logs.reduce((sum, value) => sum + Math.exp(value - highest), 0)));
    }),
  );
  return overHorizon(values, mask);
}

/** Distance and angle (radians) of a displacement, as the release feeds its network (cart2polar). */
export function polar(x: number, y: number): readonly [number, number] {
  return [Math.sqrt(x * x + y * y), Math.atan2(y, x)];
}

/** The way back from `polar`. */
export function cartesian(radius: number, angle: number): readonly [number, number] {
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}
