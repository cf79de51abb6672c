import { Failure } from "../../model/failure";
import type { TrajectoryRow } from "../../model/summary";
import { resolveRequest } from "../../services/signals";
import type { SignalRequest, SignalTrack } from "../../services/services";
import { expressionText } from "../../signals/expression";
import { resolveParameters, type Explanation, type Signal } from "../../signals/signal";
import { signalCatalogue } from "./signalCatalogue";
import { chosenRows, withIndex, type CommonOptions, type Opened, type Output } from "../session";
import { numberText, tableNumber } from "../text";
import { table } from "../table";
import { seriesNumbers } from "../json";
import { showProgress } from "../progress";

export interface SignalsOptions extends CommonOptions {
  readonly signal?: string;
  readonly preset?: string;
  readonly param?: readonly string[];
  readonly id?: string;
  readonly explain?: number;
  readonly limit?: number;
}

/** The catalogue of signals, or one signal on the trajectories of a path. */
export function signalsCommand(path: string | undefined, options: SignalsOptions): Promise<Output> | Output {
  if (path === undefined) {
    if (options.signal === undefined) return signalCatalogue();
    throw new Failure(
      "bad-arguments",
      "A signal is computed on trajectories, and no path was given.",
      "Give PATH before --signal.",
    );
  }
  if (options.signal === undefined) {
    throw new Failure(
      "bad-arguments",
      "Say which signal to compute with --signal.",
      "List the signals with `trajectory-lens signals`.",
    );
  }
  const request: SignalRequest = {
    signalId: options.signal,
    ...(options.preset === undefined ? {} : { presetId: options.preset }),
    parameters: parseParameters(options.param ?? []),
  };
  const ofUser = request.signalId.startsWith("user-");
  if (!ofUser) resolveRequest(request);
  return withIndex([path], options, async (opened) => {
    const signal = ofUser ? await userSignal(opened, request.signalId) : resolveRequest(request).signal;
    const rows = await chosenRows(opened, options.id, options.limit);
    const results: Record<string, unknown>[] = [];
    const lines: (string | number)[][] = [];
    const explanations: string[] = [];
    const entries: (string | number)[][] = [];
    const missing = new Map<string, number>();
    const conventions = new Map<string, SignalTrack>();
    let first: { readonly request: SignalRequest; readonly track: SignalTrack } | undefined;
    for (const part of byDataset(rows)) {
      const own = await requestFor(opened, request, part[0]!);
      for await (const { row, track } of opened.services.signals.computeRows(part, own)) {
        first ??= { request: own, track };
        conventions.set(track.convention, track);
        const explanation =
          options.explain === undefined
            ? undefined
            : await explained(opened, row.id, own, options.explain, track);
        showProgress(() => `${signal.id}: ${results.length} of ${rows.length}`);
        results.push({
          id: row.id,
          convention: track.convention,
          ...seriesOf(track),
          ...(options.explain === undefined ? {} : { explanation: explanation ?? null }),
        });
        if ("missing" in track.result)
          missing.set(track.result.how, (missing.get(track.result.how) ?? 0) + 1);
        else {
          lines.push([row.id, ...summary(track.result)]);
          if (options.csv) entries.push(...entriesOf(row.id, track.result));
        }
        if (explanation) explanations.push(`${row.id}: ${explanation.text}`);
      }
    }
    return {
      document: {
        signal: signal.id,
        title: signal.title,
        preset: (first?.request ?? request).presetId ?? null,
        convention: [...conventions.keys()].join("; "),
        parameters:
          first?.track.parameters ?? resolveParameters(signal, request.presetId, request.parameters),
        level: signal.level,
        unit: signal.unit,
        signed: signal.signed,
        trajectories: results,
      },
      text: (width) =>
        [
          `${signal.title}  ${(first?.request ?? request).presetId === undefined && signal.presets.length > 0 ? "no preset, " : ""}${[...conventions.keys()].join("; ")}  (${signal.unit})`,
          "",
          ...(lines.length > 0 ? [table(["id", "level", "values"], lines, width)] : []),
          ...[...missing].map(
            ([how, count]) => `${count} ${count === 1 ? "trajectory" : "trajectories"} without it: ${how}`,
          ),
          ...explanations.flatMap((text) => ["", text]),
        ].join("\n"),
      sheet: () => ({ headings: ["id", "level", "index", "value"], rows: entries }),
    };
  });
}

/** Rows of one dataset together, in the order in which the datasets are met. */
function byDataset(rows: readonly TrajectoryRow[]): readonly (readonly TrajectoryRow[])[] {
  const parts = new Map<string, TrajectoryRow[]>();
  for (const row of rows) {
    const part = parts.get(row.datasetId);
    if (part) part.push(row);
    else parts.set(row.datasetId, [row]);
  }
  return [...parts.values()];
}

/** A signal of the files that were named with --signal-file. @throws Failure with the reason why it is not there */
async function userSignal(opened: Opened, id: string): Promise<Signal> {
  const { signals: own, problems } = await opened.services.signals.userSignals();
  const found = own.find((candidate) => candidate.id === id);
  if (found) return found;
  throw new Failure(
    "unknown-signal",
    problems[0]?.message ?? `No file that was named defines ${id}.`,
    "Name the file that defines it with --signal-file.",
  );
}

/**
 * The request as the editor would ask it: without a preset, what the dataset's trainer and run use (its convention, its
 * discount), under whatever was given by hand.
 */
async function requestFor(
  opened: Opened,
  request: SignalRequest,
  row: TrajectoryRow,
): Promise<SignalRequest> {
  if (request.presetId !== undefined) return request;
  const defaults = await opened.services.signals.defaults(row.id);
  const own = defaults.find((each) => each.signalId === request.signalId);
  return own === undefined ? request : { ...own, parameters: { ...own.parameters, ...request.parameters } };
}

/** `gamma=0.9` pairs. @throws Failure for a pair without `=` */
function parseParameters(pairs: readonly string[]): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at <= 0)
      throw new Failure(
        "bad-arguments",
        `The option --param takes name=value, not "${pair}".`,
        "Write for example --param gamma=0.99.",
      );
    parameters[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return parameters;
}

function seriesOf({ result, unit }: SignalTrack): Record<string, unknown> {
  if ("missing" in result) return { missing: result.missing, how: result.how };
  return {
    level: result.level,
    unit,
    values: seriesNumbers(result.values, result.nanAt),
    parts: result.parts && partsOf(result.parts, result.nanAt),
    group: result.group,
    notes: result.notes,
  };
}

type Found = Exclude<SignalTrack["result"], { readonly missing: unknown }>;

const partsOf = (
  parts: Readonly<Record<string, Float64Array>>,
  nanAt: readonly number[] | undefined,
): Record<string, readonly (number | null)[]> =>
  Object.fromEntries(Object.entries(parts).map(([name, values]) => [name, seriesNumbers(values, nanAt)]));

/** One row a number; steps and tokens without one are left out. */
const entriesOf = (id: string, { level, values, nanAt }: Found): (string | number)[][] =>
  seriesNumbers(values, nanAt).flatMap((value, index) => (value === null ? [] : [[id, level, index, value]]));

function summary(result: Found): (string | number)[] {
  const shown = seriesNumbers(result.values.subarray(0, 12), result.nanAt)
    .map((value) => (value === null ? "-" : tableNumber(value)))
    .join(" ");
  return [result.level, result.values.length > 12 ? `${shown} ... (${result.values.length})` : shown];
}

async function explained(
  opened: Opened,
  id: string,
  request: SignalRequest,
  index: number,
  { result }: SignalTrack,
): Promise<(Record<string, unknown> & { text: string }) | undefined> {
  if (!("missing" in result) && index >= result.values.length) {
    throw new Failure(
      "bad-arguments",
      `Trajectory ${id} has ${result.values.length} ${result.level} value${result.values.length === 1 ? "" : "s"} of ${request.signalId}, so there is none at ${index}.`,
      "Indices start at 0.",
    );
  }
  const explanation = await opened.services.signals.explain(id, request, index);
  if (!explanation) return undefined;
  const lines = explanation.lines.map(({ name, expression, value }) => ({
    name,
    formula: expressionText(expression, false),
    substituted: expressionText(expression, true, numberText),
    value,
  }));
  return {
    index,
    title: explanation.title,
    convention: explanation.convention,
    lines,
    text: explanationText(explanation, lines),
    source: explanation.source,
    notes: explanation.notes,
  };
}

function explanationText(
  explanation: Explanation,
  lines: readonly { name: string; formula: string; substituted: string; value: number }[],
): string {
  return [
    `${explanation.title}  (${explanation.convention})`,
    ...lines.map(
      ({ name, formula, substituted, value }) =>
        `${name} = ${formula} = ${substituted} = ${numberText(value)}`,
    ),
    ...explanation.notes,
    explanation.source,
  ].join("\n");
}
