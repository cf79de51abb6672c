import type { Companions, Format, RecordContext } from "../../src/formats/format";
import type { JsonValue } from "../../src/model/json";
import type { TrajectorySummary } from "../../src/model/summary";
import type { Trajectory } from "../../src/model/trajectory";
import { readParts } from "./readFile";

export interface ReadValue {
  readonly summaries: readonly TrajectorySummary[];
  readonly trajectories: readonly Trajectory[];
}

/** Reads one record that is given as a value: for records that containers make of several files or members. */
export function readValue(
  format: Format,
  value: JsonValue,
  around: { readonly path?: string; readonly member?: string; readonly companions?: Companions } = {},
): ReadValue {
  const path = around.path ?? "/data/file.json";
  const context: RecordContext = { relativePath: "file.json", row: 0, ...around, path };
  const record = { kind: "value", value } as const;
  const summaries = format.summarise(record, context);
  return { summaries, trajectories: readParts({ row: 0, record, context, summaries }, format) };
}

/** Steps as one line each: who, what kind, and what was said, thought or called. */
export function lines(trajectory: Trajectory | undefined): string[] {
  return (trajectory?.steps ?? []).map(
    (step) =>
      `${step.role}/${step.kind ?? ""}: ${step.thought === undefined ? "" : `(${step.thought}) `}${step.observation ?? step.action ?? ""}${(step.toolCalls ?? []).map((call) => ` [${call.name} ${JSON.stringify(call.arguments)}]`).join("")}`,
  );
}
