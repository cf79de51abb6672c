import type { Picture } from "./decodePicture";

/** Filters by the numbers that Pillow and preprocessor_config.json use. */
export type Resampling = 0 | 1 | 2 | 3 | 4 | 5;

interface Filter {
  /** Half its width, in pixels of the smaller of the two pictures. */
  readonly support: number;
  weight(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

const filters: Readonly<Record<Exclude<Resampling, 0>, Filter>> = {
  1: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
  2: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  3: {
    support: 2,
    // Keys' cubic with a = -1/2.
    weight(signed) {
      const x = Math.abs(signed);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    },
  },
  4: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  5: {
    support: 1,
    weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0),
  },
};

/** Bits behind the point of Pillow's weights for 8-bit pictures. */
const PRECISION = 2 ** 22;

/** For one side: which source pixels make each target pixel, and with what weights (whole numbers, 1 = 2^22). */
function weightsOf(from: number, to: number, { support, weight }: Filter) {
  const scale = from / to;
  // Shrinking widens the filter, so that every source pixel counts.
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  return Array.from({ length: to }, (_, target) => {
    const centre = (target + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(from, Math.trunc(centre + reach + 0.5));
    const raw = Array.from({ length: last - first }, (_, k) => weight((k + first - centre + 0.5) / stretch));
    const sum = raw.reduce((total, value) => total + value, 0);
    const weights = raw.map((value) => {
      const share = (sum === 0 ? value : value / sum) * PRECISION;
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    return { first, weights };
  });
}

const toByte = (sum: number): number =>
  Math.min(255, Math.max(0, Math.floor((sum + PRECISION / 2) / PRECISION)));

/** One side of a picture; `step` is the distance of neighbours along it, `lines` where each line across it begins. */
function alongSide(
  source: Uint8Array,
  target: Uint8Array,
  weights: ReturnType<typeof weightsOf>,
  sourceLine: (line: number) => number,
  targetLine: (line: number) => number,
  lines: number,
  step: number,
): void {
  for (let line = 0; line < lines; line++) {
    const [from, into] = [sourceLine(line), targetLine(line)];
    for (const [index, { first, weights: own }] of weights.entries()) {
      let [red, green, blue] = [0, 0, 0];
      for (let k = 0, at = from + first * step; k < own.length; k++, at += step) {
        const factor = own[k]!;
        red += source[at]! * factor;
        green += source[at + 1]! * factor;
        blue += source[at + 2]! * factor;
      }
      const at = into + index * step;
      target[at] = toByte(red);
      target[at + 1] = toByte(green);
      target[at + 2] = toByte(blue);
    }
  }
}

function nearest({ width, height, data }: Picture, toWidth: number, toHeight: number): Uint8Array {
  const target = new Uint8Array(toWidth * toHeight * 3);
  for (let y = 0, at = 0; y < toHeight; y++) {
    const row = Math.min(height - 1, Math.floor(((y + 0.5) * height) / toHeight)) * width;
    for (let x = 0; x < toWidth; x++, at += 3) {
      const from = (row + Math.min(width - 1, Math.floor(((x + 0.5) * width) / toWidth))) * 3;
      target[at] = data[from]!;
      target[at + 1] = data[from + 1]!;
      target[at + 2] = data[from + 2]!;
    }
  }
  return target;
}

function resizeRows({ width, height, data }: Picture, toWidth: number, filter: Filter): Picture {
  if (toWidth === width) return { width, height, data };
  const target = new Uint8Array(toWidth * height * 3);
  const weights = weightsOf(width, toWidth, filter);
  alongSide(
    data,
    target,
    weights,
    (y) => y * width * 3,
    (y) => y * toWidth * 3,
    height,
    3,
  );
  return { width: toWidth, height, data: target };
}

function resizeColumns({ width, height, data }: Picture, toHeight: number, filter: Filter): Picture {
  if (toHeight === height) return { width, height, data };
  const target = new Uint8Array(width * toHeight * 3);
  const place = (x: number): number => x * 3;
  alongSide(data, target, weightsOf(height, toHeight, filter), place, place, width, width * 3);
  return { width, height: toHeight, data: target };
}

/**
 * Resizes a picture to the same bytes as `Image.resize` of Pillow 13 (without `reducing_gap`): one side after the other,
 * rounded to 8 bits between, with weights of 22 bits. Models see what they were trained on; other libraries' filters
 * differ by several levels. Pillow before 13 always begins with the rows, which moves single levels of tall pictures.
 */
export function resizePicture(
  picture: Picture,
  width: number,
  height: number,
  resampling: Resampling,
): Picture {
  if (width === picture.width && height === picture.height) return picture;
  if (resampling === 0) return { width, height, data: nearest(picture, width, height) };
  const filter = filters[resampling];
  const [fewerColumns, fewerRows] = [picture.width - width, picture.height - height];
  if (fewerRows > 0 && fewerRows > 2 * fewerColumns)
    return resizeRows(resizeColumns(picture, height, filter), width, filter);
  return resizeColumns(resizeRows(picture, width, filter), height, filter);
}
