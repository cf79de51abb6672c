import { dirname, resolve } from "node:path";
import { stat } from "node:fs/promises";
import { Failure } from "../../model/failure";
import type { Step, Trajectory } from "../../model/trajectory";
import { rowOf, withIndex, type CommonOptions, type Opened, type Output } from "../session";
import { numberText, terminalText } from "../text";

export interface ShowOptions extends CommonOptions {
  readonly id?: string;
  readonly row?: number;
  readonly part?: number;
}

/** One trajectory in full. */
export async function showCommand(path: string, options: ShowOptions): Promise<Output> {
  if ((options.id === undefined) === (options.row === undefined)) {
    throw new Failure(
      "bad-arguments",
      "Say which trajectory to show: either --id or --row.",
      "Give --id ID, or --row N for the N-th record of a file, from 0.",
    );
  }
  return withIndex([await indexedPath(path)], options, async (opened) => {
    const id = options.id ?? (await idAtRow(opened, resolve(path), options.row ?? 0, options.part ?? 0));
    await rowOf(opened, id);
    const trajectory = await opened.services.datasets.trajectory(id);
    return { document: trajectory, text: () => trajectoryText(trajectory) };
  });
}

/** The archive for a path that leads into one (`runs.zip/step_1/0.jsonl`); any other path is what it is. */
async function indexedPath(path: string): Promise<string> {
  for (let outer = path; outer !== dirname(outer); outer = dirname(outer)) {
    const stats = await stat(outer).catch(() => undefined);
    if (stats !== undefined) return stats.isFile() ? outer : path;
  }
  return path;
}

async function idAtRow({ services }: Opened, path: string, row: number, part: number): Promise<string> {
  if ((await stat(path).catch(() => undefined))?.isDirectory() === true) {
    throw new Failure(
      "bad-arguments",
      `${path} is a folder, and --row counts the records of one file.`,
      "Give the file, or use --id.",
    );
  }
  const found = await services.datasets.rowAt(path, row, part);
  if (found) return found.id;
  throw new Failure(
    "unknown-row",
    `${path} has no trajectory at record ${row}${part > 0 ? `, part ${part}` : ""}.`,
    'Records count from 0; list them with `trajectory-lens query PATH --sql "SELECT row, part, id FROM trajectories"`.',
  );
}

function trajectoryText(trajectory: Trajectory): string {
  const { source, outcome, task } = trajectory;
  const lines = [
    `trajectory  ${trajectory.id}  (${trajectory.format})`,
    `source      ${source.path}, record ${source.row}${source.part > 0 ? `, part ${source.part}` : ""}${source.member === undefined ? "" : `, ${source.member}`}`,
    ...(trajectory.trainingStep === undefined ? [] : [`step        ${trajectory.trainingStep}`]),
    ...(trajectory.groupId === undefined ? [] : [`group       ${trajectory.groupId}`]),
    `reward      ${numberText(outcome.reward)}${outcome.rewardSource === undefined ? "" : `  (${outcome.rewardSource})`}`,
    ...Object.entries(outcome.components).map(([name, value]) => `            ${name} ${numberText(value)}`),
    ...(trajectory.advantage === undefined ? [] : [`advantage   ${numberText(trajectory.advantage)}`]),
    ...(outcome.success === undefined ? [] : [`success     ${String(outcome.success)}`]),
    ...(outcome.truncated === undefined ? [] : [`truncated   ${String(outcome.truncated)}`]),
    ...(outcome.stopReason === undefined ? [] : [`stopped by  ${outcome.stopReason}`]),
    ...trajectory.notes.map((note) => `note        ${note.message}`),
  ];
  if (task.prompt !== undefined) lines.push("", "--- prompt", task.prompt);
  if (task.groundTruth !== undefined)
    lines.push(
      "",
      "--- ground truth",
      typeof task.groundTruth === "string" ? task.groundTruth : JSON.stringify(task.groundTruth),
    );
  for (const step of trajectory.steps) lines.push("", stepHeading(step), ...stepBody(step));
  if (trajectory.columns) {
    lines.push("", `--- ${trajectory.columns.steps} steps in columns`);
    for (const column of trajectory.columns.columns) {
      const head = [...column.data.subarray(0, 6)].map(numberText).join(", ");
      lines.push(
        `${column.name}  ${column.role}  [${column.rows}, ${column.width}]  ${head}${column.data.length > 6 ? ", ..." : ""}`,
      );
    }
  }
  if (trajectory.tokens) {
    const { count, series } = trajectory.tokens;
    lines.push("", `--- ${count} tokens (full arrays with --json)`);
    for (const [name, values] of Object.entries(series))
      lines.push(
        `${name}  ${[...values.subarray(0, 6)].map(numberText).join(", ")}${count > 6 ? ", ..." : ""}`,
      );
  }
  return terminalText(lines.join("\n"));
}

function stepHeading(step: Step): string {
  const numbers = (["reward", "value", "advantage", "logprob"] as const)
    .filter((name) => step[name] !== undefined)
    .map((name) => `${name} ${numberText(step[name])}`);
  return [
    "---",
    `step ${step.index}`,
    step.role,
    ...(step.kind === undefined ? [] : [step.kind]),
    ...numbers,
  ].join("  ");
}

function stepBody(step: Step): string[] {
  const lines: string[] = [];
  if (step.observation !== undefined) lines.push(step.observation);
  if (step.thought !== undefined) lines.push(`[thought] ${step.thought}`);
  if (step.action !== undefined) lines.push(step.action.replace(/\n+$/, ""));
  for (const call of step.toolCalls ?? [])
    lines.push(`[tool call] ${call.name} ${JSON.stringify(call.arguments)}`);
  for (const media of step.media ?? []) lines.push(`[${media.kind}] ${media.path}`);
  return lines;
}
