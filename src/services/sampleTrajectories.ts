import type { ModelInfo } from "../model/score";
import type { NumericColumn, Trajectory } from "../model/trajectory";

const TEXT_KINDS = new Set(["process-reward", "scalar-reward", "policy-lm", "preference-pair", "embedding"]);
const STEPS = 4;

const base = {
  datasetId: "sample",
  groupId: "sample",
  format: "sample",
  source: { path: "", row: 0, part: 0 },
  outcome: { components: {} },
  extra: {},
  notes: [],
};

function textSample(id: string, answer: string): Trajectory {
  const prompt = "What is 2 + 3?\n";
  return {
    ...base,
    id,
    task: { prompt },
    flatText: { prompt, response: `2 + 3 = ${answer}\nThe answer is ${answer}.\n` },
    steps: [
      { index: 0, role: "user", kind: "prompt", observation: prompt },
      { index: 1, role: "assistant", action: `2 + 3 = ${answer}\n` },
      { index: 2, role: "assistant", action: `The answer is ${answer}.\n` },
    ],
  };
}

/** A trajectory that is one text, read by a tokenizer as it is written. */
export const bareText = (text: string): Trajectory => ({
  ...base,
  id: "text",
  task: { prompt: text },
  flatText: { prompt: text, response: "" },
  steps: [{ index: 0, role: "user", kind: "prompt", observation: text }],
});

/** Numbers per row of an input by its description, "observation float32 [batch, 3]"; 1 where they are free. */
export function widthOf(specs: readonly string[] | undefined, names: RegExp): number {
  const spec = specs?.find((text) => names.test(text));
  const dims = /\[(.*)\]$/.exec(spec ?? "")?.[1]?.split(", ") ?? [];
  return dims.slice(1).reduce((product, size) => product * (Number(size) > 0 ? Number(size) : 1), 1);
}

/**
 * Made-up trajectories that a model of this kind can read, for a test run: a sum with a right and a wrong answer, or an
 * episode of zeros and slopes as wide as the model's inputs.
 */
export function sampleTrajectories(model: ModelInfo): readonly Trajectory[] {
  if (TEXT_KINDS.has(model.kind)) return [textSample("sample-right", "5"), textSample("sample-wrong", "6")];
  const column = (name: string, role: NumericColumn["role"], rows: number, width: number): NumericColumn => ({
    name,
    role,
    rows,
    width,
    data: Float32Array.from({ length: rows * width }, (_, i) =>
      role === "action" ? 0 : Math.floor(i / width) / 10,
    ),
  });
  const discrete = model.kind === "policy-discrete";
  const observed = widthOf(model.inputs, /^(obs|state|input|x|frames|video)/i);
  const fromOutputs = widthOf(model.outputs, /^(action_mean|mean|mu|loc|predicted_action|action)/i);
  const acted = Math.max(widthOf(model.inputs, /^act/i), discrete ? 1 : fromOutputs);
  return [
    {
      ...base,
      id: "sample",
      task: {},
      steps: Array.from({ length: STEPS }, (_, index) => ({ index, role: "assistant" as const })),
      columns: {
        steps: STEPS,
        columns: [
          column("observations", "observation", STEPS + 1, observed),
          column("actions", "action", STEPS, acted),
        ],
      },
    },
  ];
}
