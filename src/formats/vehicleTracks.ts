import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import { given } from "./draft";
import type { RecordContext } from "./format";
import { isList, isObject, recordedNumber } from "./jsonFields";
import { columnOfNumbers, type EpisodeColumn } from "./episodeColumns";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { fieldsOf, isPlainList, numbersIn, type Numbers } from "./plainFields";
import { rowsAsColumns } from "./rowsAsColumns";
import {
  isNgsimText,
  layoutOf,
  LAYOUTS,
  metaFiles,
  metaRows,
  namedNgsimRow,
  withoutThousands,
  type VehicleLayout,
} from "./vehicleLayouts";

/** Places and motions of a vehicle are what a predictor sees. */
const SEEN =
  /^(?:local_[xy]|[xy](?:Center)?|v_vel|v_acc|v[xy]|psi_rad|heading|(?:[xy]|lon|lat)(?:velocity|acceleration))$/i;

interface Track {
  readonly rows: readonly JsonObject[];
  readonly id: string;
  readonly frame: string;
}

/** A vehicle's frames, one a row. */
function trackEpisode(
  { rows, id: idColumn, frame: frameColumn }: Track,
  layout: VehicleLayout,
): NumericEpisode {
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
      ...given("units", layout.units),
      ...(Object.keys(nulls).length === 0 ? {} : { null_rows: nulls }),
    },
  };
}

/** An episode with what is known of its vehicle and its recording. */
function withMeta(
  episode: NumericEpisode,
  companions: RecordContext["companions"],
  path: string,
): NumericEpisode {
  const [tracks, recording] = metaFiles(path).map((name) => metaRows(companions, name));
  const id = episode.extra["vehicle"];
  const track = tracks?.find((row) => row["id"] === id || row["trackId"] === id);
  const [whole] = recording ?? [];
  if (track === undefined && whole === undefined) return episode;
  const kind = track?.["class"];
  const frames = recordedNumber(track?.["numFrames"]);
  return {
    ...episode,
    ...(typeof kind === "string" ? { title: `${kind.toLowerCase()} ${episode.title}` } : {}),
    extra: {
      ...episode.extra,
      ...given("track", track),
      ...given("recording", whole),
    },
    notes: [
      ...(episode.notes ?? []),
      ...(typeof frames === "number" && frames !== episode.steps
        ? [
            {
              code: "other-length",
              message: `The table of vehicles says ${frames} frames, and there are ${episode.steps} here.`,
            },
          ]
        : []),
    ],
  };
}

const nameLike = (row: JsonObject | undefined, wanted: string): string =>
  Object.keys(row ?? {}).find((name) => name.toLowerCase() === wanted.toLowerCase()) ?? wanted;

/** A number is used again in another period: there frames go back, or the count of frames is another one. */
function tracksIn(rows: readonly JsonObject[], layout: VehicleLayout): readonly Track[] {
  const [id, frame, total] = [layout.id, layout.frame, "Total_Frames"].map((name) =>
    nameLike(rows[0], name),
  ) as [string, string, string];
  const tracks: JsonObject[][] = [];
  for (const row of rows) {
    const own = tracks.at(-1);
    const before = own?.at(-1);
    const back = Number(row[frame]) < Number(before?.[frame]);
    if (own === undefined || back || before?.[total] !== row[total]) tracks.push([row]);
    else own.push(row);
  }
  return tracks.map((own) => ({ rows: own, id, frame }));
}

/** NGSIM, highD and data sets of their kind as tables of text: consecutive rows of one vehicle are its trajectory. */
export const vehicleTracks = episodeFormat({
  id: "vehicle-tracks",
  title: "Vehicle trajectories (NGSIM, highD)",
  source:
    "NGSIM trajectories-*.txt and CSV exports, highD, inD, rounD, exiD *_tracks.csv, INTERACTION; used by BAT",
  containers: ["csv", "parquet"],
  episodeColumns: [
    ...["Vehicle_ID", "vehicle_id", "Vehicle_id", "Location", "location", "id"],
    ...["recordingId", "trackId", "case_id", "track_id", "column00"],
  ],
  companions: (path) => metaFiles(path),
  detect(head) {
    const layout = layoutOf((head.columns ?? []).map(({ name }) => name));
    if (layout !== undefined)
      return { confidence: 0.9, reason: `columns ${layout.needs.slice(0, 4).join(", ")}` };
    return isNgsimText(head)
      ? { confidence: 0.9, reason: "18 numbers a line: vehicle, frame, frames, time in milliseconds, x, y" }
      : undefined;
  },
  episodes(record, context) {
    const listed = record.kind === "value" && isList(record.value) ? record.value.filter(isObject) : [];
    const found = layoutOf(Object.keys(listed[0] ?? {}));
    const layout = found ?? (LAYOUTS[0] as VehicleLayout);
    const rows = found === undefined ? listed.map(namedNgsimRow) : listed.map(withoutThousands);
    return tracksIn(rows, layout).map((track) => {
      const episode = withMeta(trackEpisode(track, layout), context.companions, context.path);
      return found === undefined
        ? {
            ...episode,
            notes: [
              ...(episode.notes ?? []),
              {
                code: "guessed-columns",
                message: "The file has no header: its columns are named as NGSIM orders them.",
              },
            ],
          }
        : episode;
    });
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
