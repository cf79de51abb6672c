import type { ModelKind } from "../model/score";
import { labelCount, type ModelConfig } from "./modelConfig";
import { specText, type TensorSpec } from "./tensors";

/** Names under which exporters give the inputs and outputs of control models; the first is ours. */
const aliases = {
  observation: ["observation", "observations", "obs", "state", "states", "input", "x"],
  action: ["action", "actions", "act"],
  nextObservation: ["next_observation", "next_observations", "next_obs", "next_state"],
  done: ["done", "dones", "terminated", "terminal"],
  value: ["value", "values", "v", "state_value", "vf"],
  reward: ["reward", "rewards", "r", "score"],
  mean: ["action_mean", "mean", "mu", "loc", "means"],
  logStd: ["action_log_std", "log_std", "logstd", "log_stds"],
  std: ["action_std", "std", "sigma", "scale"],
  logits: ["logits", "action_logits", "action_scores"],
  probabilities: ["probs", "probabilities", "action_probs"],
  latent: ["latent", "latents", "z", "embedding", "embeddings", "features", "code"],
  reconstruction: ["reconstruction", "reconstructions", "recon", "decoded", "x_hat"],
  predictedAction: ["predicted_action", "action", "actions", "pred_action"],
  predictedNext: [
    "next_observation",
    "next_observations",
    "next_obs",
    "next_state",
    "prediction",
    "predictions",
    "mean",
  ],
  logFlow: ["log_flow", "log_flows", "flow", "log_f", "logf"],
  point: ["x_t", "xt", "x", "point", "sample", "hidden_states"],
  time: ["t", "time", "timestep", "timesteps"],
  condition: ["c", "cond", "condition", "context"],
  layer: ["l", "layer", "layer_percentile", "layer_id"],
  velocity: ["velocity", "v_t", "vt"],
  frames: ["frames", "video"],
  pixels: ["pixel_values", "pixel_values_videos", "pixels", "image", "images", "input_image"],
} as const;

export type Alias = keyof typeof aliases;

/** The input or output that goes by one of the names of a quantity (case does not matter). */
export function named(specs: readonly TensorSpec[], alias: Alias): TensorSpec | undefined {
  for (const name of aliases[alias]) {
    const found = specs.find((spec) => spec.name.toLowerCase() === name);
    if (found) return found;
  }
  return undefined;
}

const declaredKinds: Readonly<Record<string, ModelKind>> = {
  "process-reward": "process-reward",
  prm: "process-reward",
  "scalar-reward": "scalar-reward",
  "outcome-reward": "scalar-reward",
  "reward-model": "scalar-reward",
  "policy-lm": "policy-lm",
  "causal-lm": "policy-lm",
  "policy-discrete": "policy-discrete",
  "policy-gaussian": "policy-gaussian",
  value: "value",
  critic: "value",
  "transition-reward": "transition-reward",
  "preference-pair": "preference-pair",
  preference: "preference-pair",
  pairwise: "preference-pair",
  embedding: "embedding",
  "sentence-embedding": "embedding",
  encoder: "encoder",
  autoencoder: "autoencoder",
  vae: "autoencoder",
  "inverse-dynamics": "inverse-dynamics",
  "dynamics-ensemble": "dynamics-ensemble",
  dynamics: "dynamics-ensemble",
  flow: "flow",
  gflownet: "flow",
  "video-reward": "video-reward",
};

const textKinds: ReadonlySet<ModelKind> = new Set([
  "process-reward",
  "scalar-reward",
  "policy-lm",
  "preference-pair",
  "embedding",
]);

/** True for models that read tokens of text. */
export const isTextKind = (kind: ModelKind): boolean => textKinds.has(kind);

export interface KindEvidence {
  readonly config: ModelConfig | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

export interface KindFinding {
  readonly kind: ModelKind;
  /** One sentence: expected against actual, when the model cannot be used. */
  readonly problem?: string;
}

const isText = (evidence: KindEvidence): boolean => evidence.inputs.some((spec) => spec.name === "input_ids");

const isPicture = (evidence: KindEvidence): boolean => named(evidence.inputs, "pixels") !== undefined;

/** What a model is: first what the exporter declares, then the architecture, then names and shapes. */
export function kindOf(evidence: KindEvidence): KindFinding {
  const declared = evidence.config?.trajectory_lens?.kind ?? evidence.metadata["kind"];
  if (declared !== undefined) {
    const key = declared.toLowerCase().replaceAll("_", "-");
    const kind =
      key === "policy"
        ? policyKind(evidence)
        : key === "reward"
          ? isPicture(evidence) || named(evidence.inputs, "frames")
            ? "video-reward"
            : isText(evidence)
              ? "scalar-reward"
              : "transition-reward"
          : declaredKinds[key];
    if (kind === undefined) {
      return {
        kind: "unknown",
        problem: `It declares the kind “${declared}”; known kinds are ${Object.keys(declaredKinds).join(", ")}.`,
      };
    }
    return withInputCheck(kind, evidence);
  }
  const seeing = isPicture(evidence) ? pictureKind(evidence) : "unknown";
  const reading = isText(evidence) ? textKind(evidence) : controlKind(evidence);
  const kind = seeing === "unknown" ? reading : seeing;
  if (kind !== "unknown") return withInputCheck(kind, evidence);
  const decodes = named(evidence.inputs, "latent") && named(evidence.outputs, "reconstruction");
  const alone =
    "It is a decoder alone (latent in, reconstruction out); choose the folder that holds it as decoder.onnx beside its encoder.onnx.";
  return { kind, problem: decodes ? alone : unknownProblem(evidence) };
}

function policyKind(evidence: KindEvidence): ModelKind {
  return isText(evidence) ? "policy-lm" : controlKind(evidence);
}

function textKind(evidence: KindEvidence): ModelKind {
  const architecture = evidence.config?.architectures?.[0] ?? "";
  const labels = evidence.config ? labelCount(evidence.config) : undefined;
  if (evidence.config?.trajectory_lens?.step_labels) return "process-reward";
  if (/ProcessRewardModel|TokenClassification/.test(architecture)) return "process-reward";
  if (/RewardModel|SequenceClassification/.test(architecture) && (labels === undefined || labels === 1))
    return "scalar-reward";
  if (/CausalLM|LMHead/.test(architecture)) return "policy-lm";
  const embeds = evidence.outputs.some((spec) =>
    /^(last_hidden_state|sentence_embedding|token_embeddings|pooler_output|text_embeds)$/.test(spec.name),
  );
  if (embeds && !evidence.outputs.some((spec) => /^(logits|scores?|rewards?)$/.test(spec.name)))
    return "embedding";
  const scores =
    evidence.outputs.find((spec) => /^(logits|score|scores|rewards?|values?)$/.test(spec.name)) ??
    evidence.outputs[0];
  const last = scores?.shape.at(-1);
  if (scores?.shape.length === 3) {
    if (last === 1 || last === 2) return "process-reward";
    if (typeof last !== "number" || last > 2) return scores.name === "logits" ? "policy-lm" : "unknown";
  }
  if (scores?.shape.length === 2 && last === 1) return "scalar-reward";
  if (scores?.shape.length === 2 && typeof last === "string" && scores.name !== "logits")
    return "process-reward";
  if (scores?.shape.length === 1) return "scalar-reward";
  return "unknown";
}

/** Outputs with the embedding of a picture. */
const PICTURE_EMBEDDING =
  /^(image_embeds|image_embeddings|pooler_output|embeddings?|features|last_hidden_state)$/;

function pictureKind({ config, outputs }: KindEvidence): ModelKind {
  const labels = config ? labelCount(config) : undefined;
  const scores = outputs.find(({ name }) => name === "logits");
  const oneNumber = (spec: TensorSpec | undefined): boolean =>
    spec !== undefined && (spec.shape.length === 1 || (spec.shape.length === 2 && spec.shape[1] === 1));
  if (named(outputs, "reward") ?? (labels === 1 ? scores : undefined)) return "video-reward";
  if (outputs.some(({ name }) => PICTURE_EMBEDDING.test(name))) return "embedding";
  return outputs.length === 1 && oneNumber(outputs[0]) ? "video-reward" : "unknown";
}

function controlKind({ inputs, outputs }: KindEvidence): ModelKind {
  if (named(inputs, "point") && named(inputs, "time") && named(outputs, "velocity")) return "flow";
  if (!named(inputs, "observation")) return named(inputs, "frames") ? "video-reward" : "unknown";
  if (named(outputs, "logFlow")) return "flow";
  if (named(outputs, "reconstruction")) return "autoencoder";
  if (named(inputs, "nextObservation") && !named(inputs, "action")) {
    if (named(outputs, "predictedAction") ?? named(outputs, "logits")) return "inverse-dynamics";
  }
  const predicts = named(outputs, "predictedNext") ?? outputs.find((one) => one.name === "dynamics_logits");
  if (named(inputs, "action") && !named(outputs, "reward") && predicts) return "dynamics-ensemble";
  if (named(outputs, "mean") && (named(outputs, "logStd") ?? named(outputs, "std"))) return "policy-gaussian";
  if (named(outputs, "reward")) return named(inputs, "action") ? "transition-reward" : "unknown";
  if (named(outputs, "value")) return "value";
  if (named(outputs, "logits") ?? named(outputs, "probabilities")) return "policy-discrete";
  if (named(outputs, "latent")) return "encoder";
  return "unknown";
}

/** Inputs that each kind of model can be fed with. */
function fillable(kind: ModelKind, { name, shape }: TensorSpec, only: boolean): boolean {
  // A model that is declared to look at pictures may call its one input anything.
  const isPixels =
    (aliases.pixels as readonly string[]).includes(name.toLowerCase()) || (only && shape.length >= 4);
  if (kind === "video-reward" && isPixels) return true;
  if (isTextKind(kind)) {
    return (
      (kind === "embedding" && isPixels) ||
      [
        "input_ids",
        "attention_mask",
        "position_ids",
        "token_type_ids",
        "use_cache_branch",
        "num_logits_to_keep",
      ].includes(name) ||
      /^past_key_values?\./.test(name)
    );
  }
  const wanted = usableInputs[kind] ?? ["observation"];
  return wanted.some((alias) => (aliases[alias] as readonly string[]).includes(name.toLowerCase()));
}

/** Control inputs by kind, where they are more than the observation. */
const usableInputs: Readonly<Partial<Record<ModelKind, readonly Alias[]>>> = {
  "transition-reward": ["observation", "action", "nextObservation", "done"],
  "inverse-dynamics": ["observation", "nextObservation"],
  "dynamics-ensemble": ["observation", "action", "nextObservation"],
  "video-reward": ["frames", "pixels"],
  flow: ["observation", "point", "time", "condition", "layer"],
};

const expectedInputs: Readonly<Record<ModelKind, string>> = {
  "process-reward": "input_ids, attention_mask and optionally position_ids",
  "scalar-reward": "input_ids, attention_mask and optionally token_type_ids",
  "policy-lm": "input_ids, attention_mask, and optionally position_ids and past_key_values.N.key/value",
  "preference-pair": "input_ids, attention_mask and optionally token_type_ids",
  embedding: "input_ids, attention_mask and optionally token_type_ids, or pixel_values",
  "policy-discrete": "observation",
  "policy-gaussian": "observation",
  value: "observation",
  "transition-reward": "observation and action",
  encoder: "observation",
  autoencoder: "observation",
  "inverse-dynamics": "observation and next_observation",
  "dynamics-ensemble": "observation and action",
  flow: "observation, or x_t, t, condition and layer",
  "video-reward": "frames [batch, time, features] or pixel_values [batch, (time,) channels, height, width]",
  judge: "a server",
  unknown: "input_ids (text), pixel_values (pictures) or observation (control)",
};

const requiredInputs: Readonly<Partial<Record<ModelKind, readonly Alias[]>>> = {
  "policy-discrete": ["observation"],
  "policy-gaussian": ["observation"],
  value: ["observation"],
  "transition-reward": ["observation", "action"],
  encoder: ["observation"],
  autoencoder: ["observation"],
  "inverse-dynamics": ["observation", "nextObservation"],
  "dynamics-ensemble": ["observation", "action"],
};

function withInputCheck(kind: ModelKind, evidence: KindEvidence): KindFinding {
  const stray = evidence.inputs.filter((spec) => !fillable(kind, spec, evidence.inputs.length === 1));
  const oneBlock = evidence.inputs.length === 1 && evidence.inputs[0]!.shape.length >= 4;
  const missing = isTextKind(kind)
    ? !isText(evidence) && !(kind === "embedding" && (isPicture(evidence) || oneBlock))
    : kind === "flow"
      ? !["observation", "time"].some((alias) => named(evidence.inputs, alias as Alias))
      : kind === "video-reward"
        ? !isPicture(evidence) && !oneBlock && !named(evidence.inputs, "frames")
        : (requiredInputs[kind] ?? []).some((alias) => !named(evidence.inputs, alias));
  if (stray.length === 0 && !missing) return { kind };
  return {
    kind,
    problem: `A ${kind} model takes ${expectedInputs[kind]}; this one takes ${listSpecs(evidence.inputs)}.`,
  };
}

function unknownProblem({ inputs, outputs }: KindEvidence): string {
  return (
    `Its inputs and outputs are not those of a known kind of model: expected ${expectedInputs.unknown}, ` +
    `found inputs ${listSpecs(inputs)} and outputs ${listSpecs(outputs)}; declare the kind as “kind” in the ONNX metadata or in config.json's trajectory_lens block.`
  );
}

function listSpecs(specs: readonly TensorSpec[]): string {
  const shown = specs.slice(0, 6).map(specText).join("; ");
  return specs.length > 6 ? `${shown}; and ${specs.length - 6} more` : shown || "none";
}
