import { Failure } from "../model/failure";
import type { PortableRow, PortableRows, PortableSeries } from "../model/portableRow";
import type { Trajectory } from "../model/trajectory";
import { activationOf, activationText } from "./activation";
import type { LoadedModel } from "./loadedModel";
import { ownTokens } from "./policyScores";
import { endsCall, prepareText, sentenceOf, tooLong, type PreparedText } from "./preparedText";
import { processRewardItem } from "./processReward";
import type { TextTokenizer } from "./tokenizing";

/** Trajectories of one call of a scorer elsewhere: which tokens the model reads, and where its numbers belong. */
type Read = (
  model: LoadedModel,
  trajectory: Trajectory,
  tokenizer: TextTokenizer,
) => Promise<Omit<PortableRow, "trajectoryId">>;

const nextToken: Read = async (model, trajectory) => {
  const prepared = await prepareText(model, trajectory);
  const own = ownTokens(trajectory, prepared);
  const positions = [...own.keys()].filter((index) => index > 0 && own[index] === 1);
  const method = `temperature 1, ${prepared.method}, prompt masked`;
  const series = (["logprob", "entropy", "rank"] as const).map((name): PortableSeries => ({
    name,
    level: "token",
    unit: name === "rank" ? "rank (1 = likeliest)" : "nats",
    length: prepared.ids.length,
    targets: positions,
    tokenText: prepared.tokenText,
    method,
  }));
  return { ids: checkedLength(model, prepared), positions, series };
};

const stepEnds: Read = async (model, trajectory, tokenizer) => {
  const separator = model.files.config?.trajectory_lens?.step_separator;
  const { prepared, ends } = await processRewardItem(trajectory, separator, tokenizer, (edit) =>
    prepareText(model, trajectory, edit),
  );
  const policy = [...prepared.spans.keys()].filter((index) => prepared.spans[index]?.policy === true);
  return {
    ids: checkedLength(model, prepared),
    positions: policy.map((index) => ends[index] as number),
    series: [
      {
        name: "reward",
        level: "step",
        unit: "reward",
        length: trajectory.steps.length,
        targets: policy.map((index) => (prepared.spans[index] as (typeof prepared.spans)[number]).step),
        method: `read at step-end tokens, {activation}, ${prepared.method}`,
      },
    ],
  };
};

const lastToken: Read = async (model, trajectory) => {
  const prepared = await prepareText(model, trajectory);
  return {
    ids: checkedLength(model, prepared),
    positions: [prepared.ids.length - 1],
    series: [
      {
        name: "reward",
        level: "trajectory",
        unit: "reward",
        length: 1,
        targets: [0],
        method: `read at the end, {activation}, ${prepared.method}`,
      },
    ],
  };
};

function checkedLength(model: LoadedModel, prepared: PreparedText): readonly number[] {
  const message = tooLong(model, prepared.ids.length);
  if (message !== undefined)
    throw new Failure("too-long", message, "Score it here with another context policy.");
  return prepared.ids;
}

/**
 * Trajectories as rows that any onnxruntime can score: token ids, the positions to read, and where the numbers go.
 * @throws Failure when this kind of model cannot be run elsewhere
 */
export async function portableRows(
  model: LoadedModel,
  trajectories: readonly Trajectory[],
): Promise<PortableRows> {
  const reads: Readonly<Record<string, readonly [PortableRows["read"], Read]>> = {
    "policy-lm": ["next-token", nextToken],
    "process-reward": ["at-token", stepEnds],
    "scalar-reward": ["last-token", lastToken],
  };
  const chosen = reads[model.kind];
  const labelled = model.files.config?.trajectory_lens?.step_labels !== undefined;
  if (chosen === undefined || labelled) {
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} (${model.kind}${labelled ? " with step labels" : ""}) cannot be run as a Ray job.`,
      "Choose a causal language model, a process reward model or a scalar reward model, or score here.",
    );
  }
  const tokenizer = await model.tokenizer();
  const rows: PortableRow[] = [];
  const failures: { trajectoryId: string; message: string }[] = [];
  for (const trajectory of trajectories) {
    try {
      rows.push({ trajectoryId: trajectory.id, ...(await chosen[1](model, trajectory, tokenizer)) });
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  return {
    kind: model.kind,
    read: chosen[0],
    activations: [activationOf(model, 1), activationOf(model, 2)],
    activationTexts: [activationText[activationOf(model, 1)], activationText[activationOf(model, 2)]],
    rows,
    failures,
  };
}
