import { binary, number, symbol } from "../expression";
import type { JsonValue } from "../../model/json";
import type { Trajectory } from "../../model/trajectory";
import type { Group } from "../signal";
import { derivedSignal } from "../series/derivedSignal";
import { missing } from "../series/modelInputs";
import { styleAccuracy, type StyleScores } from "./styleMatrix";

const three = (value: JsonValue | undefined): readonly number[] | undefined =>
  Array.isArray(value) && value.length === 3 && value.every((entry) => typeof entry === "number")
    ? (value as readonly number[])
    : undefined;

function scoresOf({ extra }: Trajectory): StyleScores | undefined {
  const chosen = three(extra["score_chosen"]);
  const rejected = three(extra["score_rejected"]);
  return chosen && rejected ? { chosen, rejected } : undefined;
}

/** A file of scores alone: three members of the group are the chosen response by style, three the rejected one. */
function scoresOfGroup({ members }: Group): StyleScores | undefined {
  const side = (wanted: boolean): readonly number[] =>
    members.flatMap(({ success, reward }) =>
      success === wanted && typeof reward === "number" ? [reward] : [],
    );
  const [chosen, rejected] = [side(true), side(false)];
  return members.length === 6 && chosen.length === 3 && rejected.length === 3
    ? { chosen, rejected }
    : undefined;
}

export const styleMatrix = derivedSignal({
  id: "style-matrix",
  title: "Accuracy by style (RM-Bench)",
  family: "reward",
  level: "dataset",
  unit: "share",
  signed: false,
  needs: ["text", "components", "group", "batch"],
  inputs: [
    { kind: "trajectory", name: "score_chosen", meaning: "three scores by style" },
    { kind: "trajectory", name: "score_rejected", meaning: "three scores by style" },
  ],
  parameters: [],
  presets: [
    {
      id: "rm-bench",
      title: "RM-Bench",
      values: {},
      source:
        "InternLM/InternLM-XComposer, InternLM-XComposer-2.5-Reward/evaluation/rm_bench/inference.py, compute_accuracy",
    },
  ],
  source:
    "Zang et al. 2025, InternLM-XComposer2.5-Reward; evaluation/rm_bench/inference.py, compute_accuracy",
  description:
    "Share of prompts whose chosen response scores strictly higher than the rejected one, over three styles of each: hard where the rejected one is more styled, normal on the diagonal, easy where the chosen one is; the mean of the three. Equal scores are wrong.",
  derive({ trajectory, group, batch }) {
    const groups = batch ?? (group ? [group] : []);
    const loaded = groups.flatMap(({ members }) => members.flatMap((member) => member.trajectory ?? []));
    const written = (loaded.length > 0 ? loaded : [trajectory]).flatMap((each) => scoresOf(each) ?? []);
    const scoresAlone = /^score_(?:chosen|rejected)$/u.test(trajectory.outcome.rewardSource ?? "");
    const rows =
      written.length === 0 && scoresAlone ? groups.flatMap((each) => scoresOfGroup(each) ?? []) : written;
    if (rows.length === 0)
      return missing(
        "components",
        "Needs three scores each for the chosen and the rejected response (score_chosen, score_rejected).",
      );
    const result = styleAccuracy(rows);
    return {
      values: Float64Array.of(result.average),
      parts: {
        hard: Float64Array.of(result.hard),
        normal: Float64Array.of(result.normal),
        easy: Float64Array.of(result.easy),
        ...Object.fromEntries(
          result.matrix.flatMap((row, i) =>
            [...row].map((share, j) => [`chosen ${i + 1}, rejected ${j + 1}`, Float64Array.of(share)]),
          ),
        ),
      },
      notes: [
        `${rows.length} prompts.`,
        ...(rows.length === 1 && loaded.length <= 1
          ? ["Only this prompt is at hand: open its whole group for the matrix of the set."]
          : []),
      ],
      convention: "strictly higher",
      lines: () => [
        {
          name: "average",
          expression: binary(
            "/",
            binary(
              "+",
              binary("+", symbol("hard", result.hard), symbol("normal", result.normal)),
              symbol("easy", result.easy),
            ),
            number(3),
          ),
          value: result.average,
        },
      ],
    };
  },
});
