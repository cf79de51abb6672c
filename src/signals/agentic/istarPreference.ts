import { binary, call, number, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { groupMembers } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import type { ExplanationLine } from "../signal";
import { trajectoryPreferenceLoss } from "./istarLoss";
import { betaParameter, istarRows, istarSource, referenceParameter } from "./istarSteps";
import { firstRows } from "./twoLevelAdvantage";

export const istarPreference = derivedSignal({
  id: "istar-preference-loss",
  title: "Trajectory preference loss (iStar)",
  family: "agentic",
  level: "group",
  unit: "nats",
  signed: false,
  needs: ["group", "logprobs", "refLogprobs", "outcomeReward"],
  inputs: [
    {
      kind: "token",
      name: "rm_logprob",
      meaning: "log-probability under the reward language model, of every member",
    },
  ],
  parameters: [
    betaParameter,
    referenceParameter,
    {
      name: "success",
      description: "An outcome above this counts as a success.",
      type: "number",
      default: 0,
    },
  ],
  presets: [
    {
      id: "eto",
      title: "iStar, eto",
      values: {},
      source: "istar/rm_utils.py, compute_eto_loss_rm (all pairs, although the docstring says one to one)",
    },
  ],
  source: `${istarSource}/rm_utils.py, compute_eto_loss_rm`,
  description:
    "Loss of the reward language model on this group: every pair of a successful and a failed trajectory gives -log sigmoid of the difference of their mean step scores; the mean over all pairs. A group without a pair gives 0, as released.",
  derive(context, parameters) {
    const prepared = istarRows(context, parameters);
    if ("missing" in prepared) return prepared;
    const { rows, process, episode } = prepared;
    const bound = numberOf(parameters, "success");
    const { loss, pairs, trajectoryScores } = trajectoryPreferenceLoss(
      {
        scores: Array.from(process, (value) => Float64Array.of(value)),
        masks: Array.from(process, () => Uint8Array.of(1)),
        outcomes: episode.map((reward) => (reward > bound ? 1 : 0)),
      },
      rows.tasks,
      rows.trajectories,
      new Uint8Array(process.length).fill(1),
      1,
    );
    const outcomes = new Map(rows.trajectories.map((id, row) => [id, episode[row]!]));
    const side = (success: boolean): readonly (readonly [string, number])[] =>
      [...trajectoryScores].filter(([id]) => outcomes.get(id)! > bound === success);
    const first = firstRows(rows);
    const successes = episode.filter((reward, row) => first[row] === 1 && reward > bound).length;
    return {
      values: Float64Array.of(loss),
      parts: { "own score": Float64Array.of(trajectoryScores.get(context.trajectory.id) ?? NaN) },
      group: groupMembers(context),
      notes: [
        pairs === 0
          ? "No pair of a success and a failure: the loss is 0, as released, and the group teaches the reward model nothing."
          : `${pairs} pairs, ${successes} successes.`,
      ],
      convention: `beta ${numberOf(parameters, "beta")}, all pairs`,
      lines(): readonly ExplanationLine[] {
        const score = ([id, value]: readonly [string, number]): Expression =>
          symbol(`Q(${id})`, value, "mean step score of the trajectory", { trajectoryId: id });
        const terms = side(true).flatMap((good) =>
          side(false).map((bad): Expression => ({
            kind: "negate",
            of: call("log", call("sigmoid", binary("-", score(good), score(bad)))),
          })),
        );
        return [
          { name: "L", expression: terms.length === 0 ? number(0) : call("mean", ...terms), value: loss },
        ];
      },
    };
  },
});
