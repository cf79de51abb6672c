import type { JsonValue } from "../../model/json";
import type { Step, Trajectory } from "../../model/trajectory";
import { needHow, type Matrix, type Need, type SignalContext } from "../signal";
import type { Missing } from "./episode";

/** A row of a matrix: a view, nothing is copied. */
export type Row = Float32Array | Float64Array;

/** What is missing, and how to get it. */
export const missing = (need: Need, how: string = needHow[need]): Missing => ({ missing: [need], how });

/** Rows of a matrix as views. */
export function rowsOf({ rows, width, data }: Matrix): readonly Row[] {
  return Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width));
}

/** An output of another model by name, or how to get it. */
export function arrayInput(
  context: SignalContext,
  name: string,
  need: Need,
  how: string,
): readonly Row[] | Missing {
  const matrix = context.inputs?.arrays?.[name];
  return matrix && matrix.rows > 0 ? rowsOf(matrix) : missing(need, how);
}

/** One embedding a step or frame, or how to get them. */
export function embeddingRows(context: SignalContext, how = needHow.embeddings): readonly Row[] | Missing {
  const matrix = context.inputs?.embeddings;
  return matrix && matrix.rows > 0 ? rowsOf(matrix) : missing("embeddings", how);
}

/** Embeddings of the steps that have one: steps without text have a row of NaN. */
export function givenEmbeddings(context: SignalContext): readonly Row[] {
  const matrix = context.inputs?.embeddings;
  return matrix ? rowsOf(matrix).filter((row) => row.length > 0 && !row.some(Number.isNaN)) : [];
}

/** Steps of a trajectory: those that are listed, or those of its columns. */
export function stepCount(trajectory: Trajectory): number {
  return trajectory.steps.length > 0 ? trajectory.steps.length : (trajectory.columns?.steps ?? 0);
}

/** Steps in which the policy acted, in order: assistant steps, or every step of a numeric episode. */
export function decisionIndices(trajectory: Trajectory): readonly number[] {
  if (trajectory.steps.length === 0) return Array.from({ length: stepCount(trajectory) }, (_, t) => t);
  return trajectory.steps.filter((step) => step.role === "assistant").map((step) => step.index);
}

const asNumber = (value: JsonValue | undefined): number | undefined =>
  typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : undefined;

/**
 * One number a step under the first of the names that is found: a column of the episode, a model's series, or a field of
 * the steps. NaN where a step has none; undefined when no step has one.
 */
export function stepNumbers(context: SignalContext, names: readonly string[]): Float64Array | undefined {
  const { trajectory } = context;
  const size = stepCount(trajectory);
  for (const name of names) {
    const column = trajectory.columns?.columns.find(
      (candidate) => candidate.name === name && candidate.width === 1 && candidate.rows >= size,
    );
    if (column) return Float64Array.from(column.data.subarray(0, size));
    const scored = context.scores?.find(
      (series) => series.name === name && series.level === "step" && series.values.length === size,
    );
    if (scored) return scored.values;
    const array = context.inputs?.arrays?.[name];
    if (array?.width === 1 && array.rows === size) return Float64Array.from(array.data);
    if (trajectory.steps.some((step) => asNumber(step.extra?.[name]) !== undefined))
      return Float64Array.from(trajectory.steps, (step) => asNumber(step.extra?.[name]) ?? NaN);
  }
  return undefined;
}

/** Rewards per step: the steps' own, or the column of rewards. NaN where none is recorded; undefined without any. */
export function recordedStepRewards(trajectory: Trajectory): Float64Array | undefined {
  if (trajectory.steps.some((step) => typeof step.reward === "number"))
    return Float64Array.from(trajectory.steps, (step) => step.reward ?? NaN);
  const column = trajectory.columns?.columns.find(({ role, width }) => role === "reward" && width === 1);
  const size = stepCount(trajectory);
  return column && column.rows >= size && trajectory.steps.length === 0
    ? Float64Array.from(column.data.subarray(0, size))
    : undefined;
}

/** One number a token under the first of the names that is found, in the file or in a model's series. */
export function tokenNumbers(context: SignalContext, names: readonly string[]): Float64Array | undefined {
  const { tokens } = context.trajectory;
  for (const name of names) {
    const found =
      tokens?.series[name] ??
      context.scores?.find(
        (series) =>
          series.name === name &&
          series.level === "token" &&
          (tokens === undefined || series.values.length === tokens.count),
      )?.values;
    if (found) return found;
  }
  return undefined;
}

/** A number of the trajectory under the first of the names that is found: a reward component, a field, a model's score. */
export function trajectoryNumber(context: SignalContext, names: readonly string[]): number | undefined {
  const { trajectory } = context;
  for (const name of names) {
    const component = trajectory.outcome.components[name];
    if (typeof component === "number") return component;
    const field = asNumber(trajectory.extra[name]);
    if (field !== undefined) return field;
    const scored = context.scores?.find((series) => series.name === name && series.level === "trajectory");
    if (scored && scored.values.length > 0) return scored.values[0]!;
  }
  return undefined;
}

/** What the policy saw before a step: its own observation, else the last that was said before it. */
export function observationBefore(trajectory: Trajectory, index: number): string | undefined {
  const step = trajectory.steps[index];
  if (step?.observation !== undefined) return step.observation;
  const before = trajectory.steps[index - 1];
  return before && before.role !== "assistant" ? spoken(before) : undefined;
}

/** What came back after a step: the next step that the policy did not produce, or the next observation. */
export function observationAfter(trajectory: Trajectory, index: number): string | undefined {
  const next = trajectory.steps[index + 1];
  if (!next) return undefined;
  return next.role === "assistant" ? next.observation : spoken(next);
}

const spoken = (step: Step): string | undefined => step.observation ?? step.action;

/** Raw replies of a judge about the whole trajectory, in order. */
export function wholeReplies(context: SignalContext): readonly string[] {
  return (context.inputs?.judge ?? []).filter(({ step }) => step === undefined).map(({ text }) => text);
}

/** Places one number a decision on the steps; NaN elsewhere. */
export function onSteps(
  trajectory: Trajectory,
  indices: readonly number[],
  values: ArrayLike<number>,
): Float64Array {
  const out = new Float64Array(stepCount(trajectory)).fill(NaN);
  indices.forEach((index, t) => (out[index] = values[t]!));
  return out;
}

/** The members of a group with their numbers, as the result of a batch-relative signal carries them. */
export function groupMembers(context: SignalContext): {
  readonly groupId: string;
  readonly memberIds: readonly string[];
  readonly rewards: readonly (number | null | undefined)[];
} {
  const members = context.group?.members ?? [];
  return {
    groupId: context.group?.groupId ?? "",
    memberIds: members.map(({ trajectoryId }) => trajectoryId),
    rewards: members.map(({ reward }) => reward),
  };
}

/** The context of every member of the group: its own trajectory, scores and inputs. */
export function memberContexts(context: SignalContext): readonly SignalContext[] | Missing {
  const { group, trajectory } = context;
  if (!group || !group.members.some(({ trajectoryId }) => trajectoryId === trajectory.id))
    return missing("group");
  const out: SignalContext[] = [];
  for (const member of group.members) {
    if (member.trajectoryId === trajectory.id) {
      out.push(context);
      continue;
    }
    if (!member.trajectory)
      return missing("group", `Needs the whole group; ${member.trajectoryId} could not be loaded.`);
    out.push({
      trajectory: member.trajectory,
      group,
      ...(context.batch ? { batch: context.batch } : {}),
      ...(member.inputs ? { inputs: member.inputs } : {}),
      ...(member.scores ? { scores: member.scores } : {}),
    });
  }
  return out;
}

/**
 * Steps that embeddings belong to, in order: all steps, the steps that show an image, or the policy's steps, whichever
 * there are as many of as embeddings.
 */
export function embeddedSteps(
  context: SignalContext,
): { readonly rows: readonly Row[]; readonly steps: readonly number[] } | Missing {
  const rows = embeddingRows(context);
  if ("missing" in rows) return rows;
  const { trajectory } = context;
  const all = Array.from({ length: stepCount(trajectory) }, (_, t) => t);
  const shown = trajectory.steps
    .filter(({ media }) => media?.some(({ kind }) => kind === "image"))
    .map(({ index }) => index);
  const steps = [all, shown, decisionIndices(trajectory)].find((list) => list.length === rows.length);
  if (!steps)
    return missing(
      "embeddings",
      `${rows.length} embeddings fit neither the ${all.length} steps nor the ${shown.length} images of this trajectory: score it again.`,
    );
  // Steps that had nothing to embed have a row of NaN.
  const given = [...rows.keys()].filter((k) => !rows[k]!.some(Number.isNaN));
  return given.length === 0
    ? missing("embeddings", "No step of this trajectory has an embedding: score it with an embedding model.")
    : { rows: given.map((k) => rows[k]!), steps: given.map((k) => steps[k]!) };
}

/** Number that a judge's reply about a step holds: its last number; NaN without one. */
export function replyNumbers(context: SignalContext): Float64Array | undefined {
  const replies = (context.inputs?.judge ?? []).filter(({ step }) => step !== undefined);
  if (replies.length === 0) return undefined;
  const out = new Float64Array(stepCount(context.trajectory)).fill(NaN);
  for (const { step, text } of replies) {
    const found = text.match(/[-+]?\d+(?:\.\d+)?/gu)?.at(-1);
    if (found !== undefined && step! >= 0 && step! < out.length) out[step!] = Number(found);
  }
  return out.every((value) => Number.isNaN(value)) ? undefined : out;
}
