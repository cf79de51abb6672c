import { csvParse } from "d3-dsv";
import type { JsonObject, JsonValue } from "../model/json";
import type { Companions, FileHead } from "./format";
import { recordedNumber } from "./jsonFields";

/** How a data set names what places a vehicle in a row. */
export interface VehicleLayout {
  readonly name: string;
  readonly needs: readonly string[];
  readonly id: string;
  readonly frame: string;
  readonly units?: string;
}

const FEET = "feet, feet per second, milliseconds since 1970";

export const LAYOUTS: readonly VehicleLayout[] = [
  {
    name: "NGSIM",
    needs: ["Vehicle_ID", "Frame_ID", "Local_X", "Local_Y"],
    id: "Vehicle_ID",
    frame: "Frame_ID",
    units: FEET,
  },
  { name: "highD", needs: ["frame", "id", "x", "y", "xVelocity", "yVelocity"], id: "id", frame: "frame" },
  {
    name: "inD, rounD, exiD and uniD",
    needs: ["trackId", "frame", "xCenter", "yCenter", "xVelocity", "yVelocity"],
    id: "trackId",
    frame: "frame",
  },
  {
    name: "INTERACTION",
    needs: ["track_id", "frame_id", "timestamp_ms", "x", "y", "vx", "vy"],
    id: "track_id",
    frame: "frame_id",
  },
];

/** Columns of NGSIM's text files, which have no header. */
export const NGSIM_TEXT: readonly string[] = [
  "Vehicle_ID",
  "Frame_ID",
  "Total_Frames",
  "Global_Time",
  "Local_X",
  "Local_Y",
  "Global_X",
  "Global_Y",
  "v_Length",
  "v_Width",
  "v_Class",
  "v_Vel",
  "v_Acc",
  "Lane_ID",
  "Preceding",
  "Following",
  "Space_Headway",
  "Time_Headway",
];

const lower = (names: Iterable<string>): ReadonlySet<string> =>
  new Set([...names].map((name) => name.toLowerCase()));

/** The layout whose columns are there, however they are capitalised. */
export function layoutOf(names: readonly string[]): VehicleLayout | undefined {
  const known = lower(names);
  return LAYOUTS.find(({ needs }) => needs.every((name) => known.has(name.toLowerCase())));
}

/** True for the first rows of NGSIM's text files: 18 numbers, of which the fourth is a time in milliseconds. */
export function isNgsimText({ columns, text }: Pick<FileHead, "columns" | "text">): boolean {
  if (columns?.length !== NGSIM_TEXT.length || text === undefined) return false;
  if (!columns.every(({ name }) => /^column\d+$/.test(name))) return false;
  const rows = text
    .split("\n")
    .slice(0, 4)
    .map((line) => line.trim().split(/[\s,;]+/))
    .filter((cells) => cells.length === NGSIM_TEXT.length)
    .map((cells) => cells.map(Number));
  return (
    rows.length > 0 &&
    rows.every(
      (cells) =>
        [0, 1, 2, 3, 10].every((place) => Number.isInteger(cells[place]) && cells[place]! > 0) &&
        cells[3]! > 1e11 &&
        cells[10]! <= 3,
    )
  );
}

/** A row of NGSIM's text files under its names. */
export function namedNgsimRow(row: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.values(row).map((value, place) => [NGSIM_TEXT[place] ?? `column${place}`, value]),
  );
}

const THOUSANDS = /^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;

/** Numbers that an export has written with commas between thousands, as numbers. */
export function withoutThousands(row: JsonObject): JsonObject {
  let changed = false;
  const fields = Object.entries(row).map(([name, value]): readonly [string, JsonValue | undefined] => {
    if (typeof value !== "string" || !THOUSANDS.test(value)) return [name, value];
    changed = true;
    return [name, Number(value.replaceAll(",", ""))];
  });
  return changed ? Object.fromEntries(fields) : row;
}

const TRACKS = /(?:^|[/\\])(\d+)_tracks\.csv(?:\.gz)?$/;

/** What lies beside the tracks of a recording: a row for each vehicle, and one for the recording. */
export function metaFiles(path: string): readonly string[] {
  const number = TRACKS.exec(path)?.[1];
  return number === undefined ? [] : [`${number}_tracksMeta.csv`, `${number}_recordingMeta.csv`];
}

const parsed = new WeakMap<Companions, Map<string, readonly JsonObject[]>>();

/** Rows of a small table that lies beside, with numbers as numbers; parsed once for all vehicles of a recording. */
export function metaRows(companions: Companions | undefined, name: string): readonly JsonObject[] {
  const text = companions?.get(name);
  if (companions === undefined || typeof text !== "string") return [];
  const own = parsed.get(companions) ?? new Map<string, readonly JsonObject[]>();
  parsed.set(companions, own);
  const known = own.get(name);
  if (known !== undefined) return known;
  const rows = csvParse(text).map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]): readonly [string, JsonValue] => [
        key,
        recordedNumber(value) ?? value ?? null,
      ]),
    ),
  );
  own.set(name, rows);
  return rows;
}
