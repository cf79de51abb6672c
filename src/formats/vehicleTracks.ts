import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import { isList, isObject, recordedNumber } from "./jsonFields";
import { columnOfNumbers, type EpisodeColumn } from "./episodeColumns";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { fieldsOf, isPlainList, numbersIn, type Numbers } from "./plainFields";
import { rowsAsColumns } from "./rowsAsColumns";

/** Columns of NGSIM's vehicle trajectories and of highD's tracks that place a vehicle; the rest is what it did. */
const NGSIM = ["Vehicle_ID", "Frame_ID", "Local_X", "Local_Y"] as const;
const HIGHD = ["frame", "id", "x", "y", "xVelocity", "yVelocity"] as const;

const lower = (names: Iterable<string>): ReadonlySet<string> =>
  new Set([...names].map((name) => name.toLowerCase()));

/** Places and motions of other vehicles and of this one are what a predictor sees. */
const SEEN = /^(local_[xy]|x|y|v_vel|v_acc|[xy](velocity|acceleration))$/i;

/** A vehicle's frames, one a row. */
function trackEpisode(rows: readonly JsonObject[], idColumn: string, frameColumn: string): NumericEpisode {
  const first = rows[0] ?? {};
  const id = recordedNumber(first[idColumn]);
  if (typeof id !== "number")
    throw new Failure("missing-field", `The rows have no ${idColumn}.`, "The line may be cut off.");
  const { columns, nulls, others } = rowsAsColumns(rows, {
    role: (name) => (SEEN.test(name) ? "observation" : "info"),
    skip: new Set([idColumn]),
  });
  const frame = (row: JsonObject | undefined): JsonValue => row?.[frameColumn] ?? null;
  return {
    ownId: `vehicle_${id}_from_${String(frame(first))}`,
    title: `vehicle ${id}, from frame ${String(frame(first))}`,
    steps: rows.length,
    columns,
    stepExtra: others,
    extra: {
      vehicle: id,
      frames: [frame(first), frame(rows.at(-1))],
      ...(Object.keys(nulls).length === 0 ? {} : { null_rows: nulls }),
    },
  };
}

const nameLike = (row: JsonObject | undefined, wanted: string): string =>
  Object.keys(row ?? {}).find((name) => name.toLowerCase() === wanted.toLowerCase()) ?? wanted;

/** NGSIM and highD as tables of text: consecutive rows of one vehicle are its trajectory. */
export const vehicleTracks = episodeFormat({
  id: "vehicle-tracks",
  title: "Vehicle trajectories (NGSIM, highD)",
  source: "NGSIM vehicle trajectory data, highD *_tracks.csv; used by BAT",
  containers: ["csv", "parquet"],
  episodeColumns: ["Vehicle_ID", "vehicle_id", "Vehicle_id", "id"],
  detect({ columns }) {
    const names = lower((columns ?? []).map(({ name }) => name));
    const has = (wanted: readonly string[]): boolean => wanted.every((name) => names.has(name.toLowerCase()));
    if (has(NGSIM)) return { confidence: 0.9, reason: "columns Vehicle_ID, Frame_ID, Local_X, Local_Y" };
    if (has(HIGHD)) return { confidence: 0.9, reason: "columns frame, id, x, y, xVelocity, yVelocity" };
    return undefined;
  },
  episodes(record) {
    const rows = record.kind === "value" && isList(record.value) ? record.value.filter(isObject) : [];
    const ngsim = nameLike(rows[0], "Vehicle_ID");
    const idColumn = rows[0]?.[ngsim] === undefined ? "id" : ngsim;
    return [trackEpisode(rows, idColumn, nameLike(rows[0], idColumn === "id" ? "frame" : "Frame_ID"))];
  },
});

/** First columns of the `traj` matrix: what places a row; then manoeuvres, then the ids of vehicles around, on a grid. */
const PLACE = ["dataset", "vehicle", "frame", "x", "y"] as const;
const GRID = 39;

/** Labels of the columns of `traj`: 13 x 3 cells of neighbours come last, lateral and longitudinal manoeuvre before them. */
function labelsOf(width: number): readonly string[] {
  const grid = width >= PLACE.length + GRID ? GRID : 0;
  const middle = width - PLACE.length - grid;
  const between =
    middle === 2
      ? ["lateral_manoeuvre", "longitudinal_manoeuvre"]
      : middle === 1
        ? ["lane"]
        : Array.from({ length: Math.max(0, middle) }, (_, index) => `column_${PLACE.length + index}`);
  return [...PLACE, ...between, ...Array.from({ length: grid }, (_, index) => `neighbour_${index}`)];
}

/** Whole numbers throughout the first rows of a column: ids and frames, never places. */
function wholeColumn({ data, shape }: Numbers, column: number): boolean {
  const numbers = data();
  const width = shape[1] ?? 1;
  for (let row = 0; row < Math.min(shape[0] ?? 0, 200); row++) {
    const value = numbers[row * width + column]!;
    if (!Number.isInteger(value) || value < 0) return false;
  }
  return true;
}

function matrixOf(plain: PlainValue | undefined): Numbers | undefined {
  const traj = numbersIn(fieldsOf(plain)?.get("traj"));
  return traj?.shape.length === 2 && (traj.shape[1] ?? 0) >= PLACE.length ? traj : undefined;
}

/** The `.mat` files that convolutional social pooling and BAT train on: `traj` rows sorted by vehicle, and `tracks`. */
export const vehicleMatrix = episodeFormat({
  id: "vehicle-matrix",
  title: "Vehicle trajectories as a matrix",
  source: "preprocessed NGSIM and highD of conv-social-pooling and BAT, *.mat with traj and tracks",
  containers: ["arrays"],
  plainRecords: (value) => [value],
  detect({ plain }) {
    const traj = matrixOf(plain);
    if (traj === undefined || ![0, 1, 2].every((column) => wholeColumn(traj, column))) return undefined;
    return {
      confidence: fieldsOf(plain)?.has("tracks") === true ? 0.9 : 0.6,
      reason: "a matrix traj of dataset, vehicle, frame, x, y",
    };
  },
  episodes(record) {
    const plain = record.kind === "plain" ? record.value : undefined;
    const traj = matrixOf(plain);
    if (traj === undefined)
      throw new Failure("missing-field", "The file has no matrix traj.", "Check that it is of BAT's layout.");
    const tracks = fieldsOf(plain)?.get("tracks");
    return matrixEpisodes(traj, isPlainList(tracks) ? tracks.length : undefined);
  },
});

/** Consecutive rows of one vehicle of one dataset are its trajectory. */
function matrixEpisodes(traj: Numbers, tracks: number | undefined): NumericEpisode[] {
  const [rows = 0, width = 0] = traj.shape;
  const numbers = traj.data();
  const labels = labelsOf(width);
  const episodes: NumericEpisode[] = [];
  const at = (row: number, column: number): number => numbers[row * width + column]!;
  let start = 0;
  for (let row = 1; row <= rows; row++) {
    if (row < rows && at(row, 0) === at(start, 0) && at(row, 1) === at(start, 1)) continue;
    const [from, to] = [start, row];
    const part = (
      name: string,
      first: number,
      count: number,
      role: EpisodeColumn["role"],
    ): EpisodeColumn => ({
      ...columnOfNumbers(name, role, new Float64Array(0), count, labels.slice(first, first + count)),
      rows: to - from,
      data: () => {
        const data = new Float64Array((to - from) * count);
        for (let step = from; step < to; step++)
          for (let column = 0; column < count; column++)
            data[(step - from) * count + column] = at(step, first + column);
        return data;
      },
    });
    episodes.push({
      ownId: `${at(from, 0)}/${at(from, 1)}/${at(from, 2)}`,
      title: `dataset ${at(from, 0)}, vehicle ${at(from, 1)}, from frame ${at(from, 2)}`,
      steps: to - from,
      columns: [
        part("position", 3, 2, "observation"),
        part("frame", 2, 1, "info"),
        ...(width > PLACE.length ? [part("context", PLACE.length, width - PLACE.length, "info")] : []),
      ],
      extra: {
        dataset: at(from, 0),
        vehicle: at(from, 1),
        rows: [from, to],
        ...(tracks === undefined ? {} : { tracks: `${tracks} rows of whole tracks` }),
      },
      notes: [
        {
          code: "guessed-columns",
          message:
            "The matrix has no names: dataset, vehicle, frame, x, y come first by its layout, then manoeuvres and neighbours.",
        },
      ],
    });
    start = row;
  }
  return episodes;
}
