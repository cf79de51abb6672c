/** How the embeddings of tokens become one. */
export type TokenPooling = "mean" | "cls" | "last" | "max";

/** Token embeddings [length, width] as one vector. */
export function pool(
  values: Float32Array | Float64Array,
  start: number,
  length: number,
  width: number,
  pooling: TokenPooling,
): Float64Array {
  const at = (token: number, i: number): number => values[start + token * width + i]!;
  return Float64Array.from({ length: width }, (_, i) => {
    if (pooling === "cls") return at(0, i);
    if (pooling === "last") return at(length - 1, i);
    let [sum, max] = [0, -Infinity];
    for (let token = 0; token < length; token++) {
      sum += at(token, i);
      max = Math.max(max, at(token, i));
    }
    return pooling === "max" ? max : sum / length;
  });
}

/** Scaled to length 1; a vector of zeros stays as it is. */
export function unitVector(vector: Float64Array): Float64Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
