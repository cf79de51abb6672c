import type { JsonValue } from "../../src/model/json";
import type { TrajectorySummary } from "../../src/model/summary";
import type { Step, Trajectory } from "../../src/model/trajectory";

/** A step as its role and all text in it, with the calls of tools. */
function textOf(step: Step): JsonValue {
  const text = step.role === "assistant" ? step.action : step.observation;
  return [step.role, text ?? null];
}

const numbers = (values: ArrayLike<number>): readonly number[] => Array.from(values);

/** What a producer may tell of a trajectory, by the name that it uses in `expected.json`, and where the reader keeps it. */
const FIELDS: Readonly<Record<string, (trajectory: Trajectory, summary: TrajectorySummary) => unknown>> = {
  ownId: (_, summary) => summary.ownId,
  groupKey: (_, summary) => summary.groupKey,
  id: ({ task }) => task.id,
  prompt: ({ task }) => task.prompt,
  groundTruth: ({ task }) => task.groundTruth,
  trainingStep: ({ trainingStep }) => trainingStep,
  split: ({ split }) => split,
  steps: ({ steps }) => steps.length,
  texts: ({ steps }) => steps.map(textOf),
  thoughts: ({ steps }) => steps.flatMap(({ thought }) => (thought === undefined ? [] : [thought])),
  toolCalls: ({ steps }) =>
    steps.flatMap(({ toolCalls }) => (toolCalls ?? []).map((call) => [call.name, call.arguments])),
  flatText: ({ flatText }) => (flatText === undefined ? undefined : [flatText.prompt, flatText.response]),
  reward: ({ outcome }) => outcome.reward,
  success: ({ outcome }) => outcome.success,
  truncated: ({ outcome }) => outcome.truncated,
  stopReason: ({ outcome }) => outcome.stopReason,
  components: ({ outcome }) => outcome.components,
  advantage: ({ advantage }) => advantage,
  stepRewards: ({ steps }) => steps.map(({ reward }) => reward),
  terminated: ({ steps }) => steps.map(({ terminated }) => terminated),
  stepTruncated: ({ steps }) => steps.map(({ truncated }) => truncated),
  stepInfos: ({ steps }) => steps.map(({ extra }) => extra?.["info"] ?? null),
  columns: ({ columns }) =>
    Object.fromEntries(
      (columns?.columns ?? []).map(({ name, rows, width, data }) => [
        name,
        { rows, width, data: numbers(data) },
      ]),
    ),
  tokenIds: ({ tokens }) => (tokens?.ids === undefined ? undefined : numbers(tokens.ids)),
  tokenMask: ({ tokens }) => (tokens?.mask === undefined ? undefined : numbers(tokens.mask)),
  series: ({ tokens }) =>
    Object.fromEntries(Object.entries(tokens?.series ?? {}).map(([name, data]) => [name, numbers(data)])),
  extra: ({ extra }) => extra,
};

/** Fields of which the producer tells a part: what else the reader shows there is no difference. */
const PARTS = new Set(["columns", "components", "series", "extra"]);

/** Fields of which a trajectory may have more than the producer names. */
export const isPart = (field: string): boolean => PARTS.has(field);

/** What the reader says of a field. @throws Error for a field that no reader has */
export function fieldOf(field: string, trajectory: Trajectory, summary: TrajectorySummary): unknown {
  const read = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
  if (read === undefined)
    throw new Error(`expected.json names "${field}", which is no field of a trajectory`);
  return read(trajectory, summary);
}
