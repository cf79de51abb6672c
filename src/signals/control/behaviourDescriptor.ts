/**
 * Behaviour descriptor from sampled observations (GPaolo/STAX, core/behavior_descriptors, last_obs): the observations at
 * linspace(0, T, samples + 1), cut to whole indices, without the first, one behind the other; T is the last index. More
 * samples than steps repeat.
 *
 * @param observations [T+1][D]
 */
export function sampledDescriptor(observations: readonly Float64Array[], samples: number): Float64Array {
  const last = observations.length - 1;
  if (last < 0) throw new Error("A behaviour descriptor needs at least one observation.");
  return Float64Array.from(
    Array.from({ length: samples }, (_, k) =>
      Array.from(observations[k + 1 === samples ? last : Math.trunc((k + 1) * (last / samples))]!),
    ).flat(),
  );
}

/**
 * Whole trajectory scaled to [0, 1] by one least and one largest value over all dimensions together
 * (full_scaled_trajectory). NaN where all values are equal.
 */
export function scaledTrajectory(observations: readonly Float64Array[]): Float64Array[] {
  let least = Infinity;
  let most = -Infinity;
  for (const row of observations)
    for (const value of row) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  return observations.map((row) => row.map((value) => (value - least) / (most - least)));
}
