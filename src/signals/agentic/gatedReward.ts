import { binary, call, number, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { decisionIndices, missing, onSteps, recordedStepRewards, stepNumbers } from "../series/modelInputs";
import { flagOf, numberOf, textOf } from "../series/parameters";
import type { Missing } from "../series/episode";
import type { ParameterValues, SignalContext } from "../signal";

/** One kind of reward in the order of priority: its numbers, and the total that opens the gate for those below it. */
export interface RewardLevel {
  readonly name: string;
  /** Rewards of the steps, [T]; NaN = none there. */
  readonly rewards: ArrayLike<number>;
  /** Least total at which the levels below count; undefined = it gates nothing. */
  readonly gate?: number;
}

/** Whether a total opens its gate: above the bound, or at it too. */
function gateOpen(total: number, bound: number, strict: boolean): boolean {
  return strict ? total > bound : total >= bound;
}

/** Reward of an episode under gates. */
export interface GatedReward {
  /** Whether each level counts, in order of priority. */
  readonly open: readonly boolean[];
  /** Sum of each level, in order of priority. */
  readonly totals: readonly number[];
  /** What the steps earn from the levels that count, [T]. */
  readonly steps: Float64Array;
  readonly gated: number;
  /** Everything added up without gates (the baseline D-RA). */
  readonly ungated: number;
}

/**
 * Gated reward accumulation: a level counts only when the outcome and every level of higher priority reach their gates;
 * `R = outcome + [outcome reaches delta] * sum_t step_t` for one level.
 *
 * @param levels in order of priority below the outcome, equally long
 */
export function gatedAccumulation(
  outcome: number,
  delta: number,
  levels: readonly RewardLevel[],
  strict: boolean,
): GatedReward {
  const size = levels[0]?.rewards.length ?? 0;
  const steps = new Float64Array(size);
  const open: boolean[] = [];
  const totals: number[] = [];
  let allowed = gateOpen(outcome, delta, strict);
  let gated = outcome;
  let ungated = outcome;
  for (const { rewards, gate } of levels) {
    let total = 0;
    for (let t = 0; t < size; t++) {
      const reward = rewards[t]!;
      if (Number.isNaN(reward)) continue;
      total += reward;
      if (allowed) steps[t]! += reward;
    }
    open.push(allowed);
    totals.push(total);
    ungated += total;
    if (allowed) gated += total;
    if (gate !== undefined) allowed = allowed && gateOpen(total, gate, strict);
  }
  return { open, totals, steps, gated, ungated };
}

/** How a software-engineering episode can end; each is a parameter with its value. */
type OutcomeClass = "noSubmit" | "emptyPatch" | "testsFail" | "testsPass";
const classFields = ["outcome_class", "outcomeClass", "stop_reason", "exit_status"] as const;
const classWords: readonly (readonly [RegExp, OutcomeClass])[] = [
  [/^(?:no[ _-]?submi)/iu, "noSubmit"],
  [/^(?:empty[ _-]?patch)/iu, "emptyPatch"],
  [/^(?:tests?[ _-]?fail|fail|unresolved)/iu, "testsFail"],
  [/^(?:tests?[ _-]?pass|pass|resolved)/iu, "testsPass"],
];

function outcomeOf(context: SignalContext, parameters: ParameterValues): number | Missing {
  const { trajectory } = context;
  if (textOf(parameters, "outcome") === "recorded")
    return typeof trajectory.outcome.reward === "number"
      ? trajectory.outcome.reward
      : missing("outcomeReward");
  const told = [trajectory.outcome.stopReason, ...classFields.map((name) => trajectory.extra[name])];
  for (const word of told) {
    if (typeof word !== "string") continue;
    const found = classWords.find(([pattern]) => pattern.test(word.trim()));
    if (found) return numberOf(parameters, found[1]);
  }
  if (typeof trajectory.outcome.success === "boolean")
    return numberOf(parameters, trajectory.outcome.success ? "testsPass" : "testsFail");
  return missing(
    "outcomeReward",
    "The file does not say how the episode ended (no submit, empty patch, tests fail, tests pass): take outcome=recorded.",
  );
}

/**
 * Levels below the outcome. Empty = the steps' own rewards as one level.
 * @throws Error with one sentence when a gate is no number
 */
export function parseLevels(text: string): readonly { readonly name: string; readonly gate?: number }[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const colon = part.lastIndexOf(":");
      if (colon < 0) return { name: part };
      const gate = Number(part.slice(colon + 1));
      if (part.slice(colon + 1).trim() === "" || Number.isNaN(gate))
        throw new Error(
          `Parameter levels must look like "format:1, scaffold"; "${part}" has no numeric gate.`,
        );
      return { name: part.slice(0, colon).trim(), gate };
    });
}

export const gatedReward = derivedSignal({
  id: "gated-reward",
  title: "Gated reward (G-RA)",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "outcomeReward"],
  inputs: [
    {
      kind: "trajectory",
      name: "outcome_class",
      meaning: "how the episode ended: no submit, empty patch, tests fail, tests pass",
    },
  ],
  parameters: [
    { name: "delta", description: "Outcome at which step rewards count.", type: "number", default: 0 },
    {
      name: "strict",
      description: "The outcome must be above delta, not at it (both readings exist).",
      type: "boolean",
      default: false,
    },
    {
      name: "outcome",
      description: "The recorded outcome reward, or a value by how the episode ended.",
      type: "choice",
      choices: ["recorded", "class"],
      default: "recorded",
    },
    {
      name: "noSubmit",
      description: "Value of an episode that submitted nothing (open point: not published).",
      type: "number",
      default: -1,
    },
    {
      name: "emptyPatch",
      description: "Value of an empty patch (open point: not published).",
      type: "number",
      default: -0.5,
    },
    {
      name: "testsFail",
      description: "Value of a patch that fails the tests (open point: not published).",
      type: "number",
      default: 0,
    },
    {
      name: "testsPass",
      description: "Value of a patch that passes the tests (open point: not published).",
      type: "number",
      default: 1,
    },
    {
      name: "levels",
      description:
        'Kinds of step rewards in order of priority with the total that opens the gate below: "format:1, scaffold"; empty takes the steps\' rewards as one kind.',
      type: "string",
      default: "",
    },
    {
      name: "gate",
      description: "Off gives the ungated sum that the paper compares with (D-RA).",
      type: "boolean",
      default: true,
    },
  ],
  presets: [
    {
      id: "paper",
      title: "G-RA, as in the paper",
      values: {},
      source: "G-RA, paper (R = outcome + [outcome >= delta] * sum of step rewards); no code is published",
      asDescribed: true,
    },
    {
      id: "third-party",
      title: "G-RA, a third party's reading",
      values: { strict: true },
      source: "A third-party implementation that drops step rewards when outcome <= threshold",
      asDescribed: true,
    },
    {
      id: "d-ra",
      title: "D-RA, ungated",
      values: { gate: false },
      source: "G-RA, paper, baseline of direct accumulation; no code is published",
      asDescribed: true,
    },
  ],
  source: "Gated Reward Accumulation (G-RA), paper; no code is published",
  description:
    "Step rewards of lower priority count only when the outcome, and every kind of step reward above them, reaches its gate. The outcome stands on the last step, so the series adds up to the gated total. The authors' outcome values and step magnitudes are not published: they are parameters.",
  derive(context, parameters) {
    const outcome = outcomeOf(context, parameters);
    if (typeof outcome !== "number") return outcome;
    const { trajectory } = context;
    const indices = decisionIndices(trajectory);
    if (indices.length === 0) return missing("rewards");
    const wanted = parseLevels(textOf(parameters, "levels"));
    const levels: RewardLevel[] = [];
    if (wanted.length === 0) {
      const rewards = recordedStepRewards(trajectory);
      if (!rewards) return missing("rewards");
      levels.push({ name: "step rewards", rewards: indices.map((index) => rewards[index]!) });
    }
    for (const { name, gate } of wanted) {
      const rewards = stepNumbers(context, [name]);
      if (!rewards) return missing("rewards", `No step has a number named "${name}".`);
      levels.push({
        name,
        rewards: indices.map((index) => rewards[index]!),
        ...(gate === undefined ? {} : { gate }),
      });
    }
    const delta = flagOf(parameters, "gate") ? numberOf(parameters, "delta") : -Infinity;
    const own = flagOf(parameters, "gate")
      ? levels
      : levels.map(({ name, rewards }): RewardLevel => ({ name, rewards }));
    const strict = flagOf(parameters, "strict") && flagOf(parameters, "gate");
    const result = gatedAccumulation(outcome, delta, own, strict);
    const last = indices.length - 1;
    const values = result.steps.slice();
    values[last]! += outcome;
    const unknown = indices.filter((_, t) => levels.every(({ rewards }) => Number.isNaN(rewards[t]!))).length;
    const plain = Float64Array.from(indices, (_, t) =>
      levels.reduce((sum, { rewards }) => sum + (Number.isNaN(rewards[t]!) ? 0 : rewards[t]!), 0),
    );
    return {
      values: onSteps(trajectory, indices, values),
      parts: {
        "ungated step reward": onSteps(trajectory, indices, plain),
        "counted step reward": onSteps(trajectory, indices, result.steps),
      },
      notes: [
        ...own.map(
          ({ name }, k) => `${name}: gate ${result.open[k] ? "open" : "closed"}, total ${result.totals[k]}.`,
        ),
        `Gated total ${result.gated}, ungated total ${result.ungated}.`,
        ...(unknown > 0 ? [`${unknown} of ${indices.length} steps have no reward; they add nothing.`] : []),
      ],
      convention: `outcome ${strict ? ">" : ">="} ${delta} opens the gate`,
      lines(index) {
        const t = indices.indexOf(index);
        const at = { trajectoryId: trajectory.id, stepIndex: index };
        const terms = own.flatMap(({ name, rewards }, k) =>
          Number.isNaN(rewards[t]!)
            ? []
            : [
                binary(
                  "*",
                  symbol(`g(${name})`, result.open[k] ? 1 : 0, "1 = the gates above are open"),
                  symbol(`${name}_${index}`, rewards[t]!, "step reward", at),
                ),
              ],
        );
        const steps = terms.length === 0 ? number(0) : call("sum", ...terms);
        return [
          {
            name: `r_${index}`,
            expression:
              t === last
                ? binary("+", steps, symbol("outcome", outcome, "value of the episode's end"))
                : steps,
            value: values[t]!,
          },
        ];
      },
    };
  },
});
