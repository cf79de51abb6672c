import type { ModelInfo } from "../model/score";
import type { NumericColumn, Trajectory } from "../model/trajectory";

const TEXT_KINDS = new Set(["process-reward", "scalar-reward", "policy-lm", "preference-pair", "embedding"]);
/** Kinds that may take pictures. */
const PICTURE_KINDS = new Set(["embedding", "video-reward", "encoder", "autoencoder"]);
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

/** A picture of 16 by 16 pixels, each of another colour. */
const SAMPLE_PICTURE = "data:image/png;base64,".concat(
  "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAABxklEQVR42g2SURHAMAhDsYAFLNQCFrCAhVnAAhawUAtYwAIW" +
    "uuxjt2sZSR4QETGxkBw6SmpkTv7RFxRJWVSXblMPzdI+eijHQ8LnsCibsTp/H3twJkfxvVzNM9zL7/ESibAcETrCKm7yuegn" +
    "FlIptySuZMuOvJV+MkRojXq8Dun57Lgf+47GuXmqTt4Tfd6c3TPvNJEqq4n60U+VTNlVPj2hnTqle/W1xmiu1tNLBNumgqbm" +
    "ik8jNwhJ2KR12bu2bTkWa/dZEbmzf+J63NTFHJ7ocw7f9Ffe16e9xu96PE8iIEFOmIcjyOBfHHwU38tv65v7dX93vtovH2hT" +
    "BEdK1Imr0RbjsV+8CMrgCrlxOnTCNvzFRwTcGQIYWQqr2Y5GuYHjpErAkk4E0k2IOlEV15WKU6m1Vs+rv5ooyQJXusVdPgV/" +
    "+sqIMErMB9BvKDAgGwzfDkiiDy4v9UUU3wtkStTNPdJ7+mmHdXrX1zdas63abyM1TfO2vD5EWJNpwRBnFegnHGCmAnFGC2Lj" +
    "jZKhHQxciHZ5n2yfHd2yhXZ8m7GeC5Z613plFrtBb5kIK4i9wrJgAzBWzAoDAFWgQn6EglPIoycKH/10EH6QXRZ/nQAAAABJ" +
    "RU5ErkJggg==",
);

/** Dimensions of the input that takes pictures: the first with four or five; undefined for other models. */
function pictureDims(specs: readonly string[] | undefined): readonly string[] | undefined {
  const dims = specs?.map((spec) => /\[(.*)\]$/.exec(spec)?.[1]?.split(", ") ?? []);
  return dims?.find(({ length }) => length === 4 || length === 5);
}

/** A trajectory that shows a picture a step, as many as a clip of the model needs. */
function pictureSample(dims: readonly string[]): Trajectory {
  const clip =
    dims.length === 5 ? Math.max(Number(dims[1]) || 0, Number(dims[1]) === 3 ? Number(dims[2]) || 0 : 0) : 0;
  return {
    ...base,
    id: "sample",
    task: { prompt: "a picture" },
    steps: Array.from({ length: Math.max(STEPS, clip) }, (_, index) => ({
      index,
      role: "assistant" as const,
      media: [{ kind: "image" as const, path: SAMPLE_PICTURE }],
    })),
  };
}

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
  const dims = PICTURE_KINDS.has(model.kind) ? pictureDims(model.inputs) : undefined;
  if (dims) return [pictureSample(dims)];
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
