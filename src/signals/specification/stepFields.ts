import type { NumericColumn, Trajectory } from "../../model/trajectory";
import { stepText } from "../series/stepText";

/**
 * What a field or expression is worth at one step. `undefined` = not recorded there: whatever is compared with it is
 * unknown, never false. `null` = recorded as null.
 */
export type FieldValue = number | string | boolean | null | undefined | Float32Array | Float64Array;

/** Reads one field of a trajectory at a step. */
export type FieldReader = (trajectory: Trajectory, step: number) => FieldValue;

export interface StepField {
  readonly name: string;
  readonly type: "number" | "text" | "truth" | "vector" | "any";
  /** One line for completion and the docs. */
  readonly description: string;
  readonly read: FieldReader;
}

/** Steps that a trajectory is read over: its transitions for numeric episodes, otherwise its turns. */
export const stepCount = (trajectory: Trajectory): number =>
  trajectory.steps.length > 0 ? trajectory.steps.length : (trajectory.columns?.steps ?? 0);

function cell(column: NumericColumn | undefined, step: number): FieldValue {
  if (!column || step >= column.rows) return undefined;
  if (column.width !== 1) return column.data.subarray(step * column.width, (step + 1) * column.width);
  const value = column.data[step]!;
  return Number.isNaN(value) ? undefined : value;
}

const columnOfRole = (trajectory: Trajectory, role: NumericColumn["role"]): NumericColumn | undefined =>
  trajectory.columns?.columns.find((column) => column.role === role);

/** A number that steps or columns hold. */
const number =
  (name: "reward" | "value" | "advantage" | "logprob"): FieldReader =>
  (trajectory, step) => {
    const own = trajectory.steps[step]?.[name];
    if (own !== undefined) return Number.isNaN(own) ? undefined : own;
    return name === "advantage" ? undefined : cell(columnOfRole(trajectory, name), step);
  };

const flag =
  (name: "terminated" | "truncated"): FieldReader =>
  (trajectory, step) => {
    const own = trajectory.steps[step]?.[name];
    if (own !== undefined) return own;
    const value = cell(columnOfRole(trajectory, name), step);
    return typeof value === "number" ? value !== 0 : undefined;
  };

/** Text of turns, vector of numeric episodes. */
const textOrVector =
  (name: "observation" | "action"): FieldReader =>
  (trajectory, step) =>
    trajectory.steps[step]?.[name] ?? cell(columnOfRole(trajectory, name), step);

/** The fields that expressions can name. */
export const stepFields: readonly StepField[] = [
  { name: "reward", type: "number", description: "Reward of the step", read: number("reward") },
  { name: "value", type: "number", description: "State value of the step", read: number("value") },
  { name: "advantage", type: "number", description: "Advantage of the step", read: number("advantage") },
  {
    name: "logprob",
    type: "number",
    description: "Log-probability of the action, in nats",
    read: number("logprob"),
  },
  {
    name: "observation",
    type: "any",
    description: "What was observed: text, or a vector as in observation[3]",
    read: textOrVector("observation"),
  },
  {
    name: "action",
    type: "any",
    description: "What was done: text, or a vector as in action[0]",
    read: textOrVector("action"),
  },
  {
    name: "text",
    type: "text",
    description: "Everything that the step says: observation, thought, action, tool calls",
    read: (trajectory, step) => {
      const own = trajectory.steps[step];
      return own && stepText(own);
    },
  },
  {
    name: "thought",
    type: "text",
    description: "The step's thought",
    read: (trajectory, step) => trajectory.steps[step]?.thought,
  },
  {
    name: "role",
    type: "text",
    description: "system, user, assistant, tool or environment",
    read: (trajectory, step) => trajectory.steps[step]?.role,
  },
  {
    name: "kind",
    type: "text",
    description: "prompt, think, act, answer or observe",
    read: (trajectory, step) => trajectory.steps[step]?.kind,
  },
  {
    name: "tool",
    type: "text",
    description: "Names of the tools called, with spaces between them",
    read: (trajectory, step) => {
      const own = trajectory.steps[step];
      return own && (own.toolCalls ?? []).map((call) => call.name).join(" ");
    },
  },
  {
    name: "terminated",
    type: "truth",
    description: "The episode ended here in a terminal state",
    read: flag("terminated"),
  },
  { name: "truncated", type: "truth", description: "The episode was cut here", read: flag("truncated") },
  {
    name: "step",
    type: "number",
    description: "Index of the step, from 0",
    read: (_trajectory, step) => step,
  },
  {
    name: "steps",
    type: "number",
    description: "Number of steps of the trajectory",
    read: (trajectory) => stepCount(trajectory),
  },
  {
    name: "tokens",
    type: "number",
    description: "Tokens of the step",
    read: (trajectory, step) => {
      const { tokenStart, tokenEnd } = trajectory.steps[step] ?? {};
      return tokenStart === undefined || tokenEnd === undefined ? undefined : tokenEnd - tokenStart;
    },
  },
  {
    name: "prompt",
    type: "text",
    description: "The task's prompt",
    read: (trajectory) => trajectory.task.prompt,
  },
];

/** Families of fields whose members the data names: `outcome.format_reward`, `column.speed[0]`, `extra.tool_ok`. */
export const fieldFamilies: readonly {
  readonly name: string;
  readonly description: string;
  reader(member: string): FieldReader;
}[] = [
  {
    name: "outcome",
    description:
      "Of the whole trajectory: outcome.reward, outcome.success, outcome.truncated, or a component",
    reader: (member) => (trajectory) => {
      const { outcome } = trajectory;
      const component = Object.hasOwn(outcome.components, member) ? outcome.components[member] : undefined;
      const value =
        member === "reward"
          ? outcome.reward
          : member === "success"
            ? outcome.success
            : member === "truncated"
              ? outcome.truncated
              : member === "stopReason"
                ? outcome.stopReason
                : undefined;
      const found = value === undefined ? component : value;
      return typeof found === "number" && Number.isNaN(found) ? undefined : found;
    },
  },
  {
    name: "column",
    description: "A numeric column of the episode by its name: column.x_velocity, column.state[2]",
    reader: (member) => (trajectory, step) =>
      cell(
        trajectory.columns?.columns.find((column) => column.name === member),
        step,
      ),
  },
  {
    name: "extra",
    description: "A further field of the step as the file has it: extra.exit_code",
    reader: (member) => (trajectory, step) => {
      const fields = trajectory.steps[step]?.extra;
      const value = fields && Object.hasOwn(fields, member) ? fields[member] : undefined;
      return value === null || ["number", "string", "boolean"].includes(typeof value)
        ? (value as FieldValue)
        : undefined;
    },
  },
];
