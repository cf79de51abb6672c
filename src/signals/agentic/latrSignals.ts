import { editDistance, rougeL } from "../kernels/sequenceDistance";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import { binary, symbol } from "../expression";
import { groupMembers, missing, rowsOf, tokenNumbers } from "../series/modelInputs";
import { numberOf, optionalNumberOf, textOf } from "../series/parameters";
import type { Parameter, SignalContext } from "../signal";
import type { Trajectory } from "../../model/trajectory";
import { opensBranch, suffixMatch, type BranchRule } from "./latr";

const source = "LATR, look-ahead tree rollouts; starreeze/latr, model/sample_filter.py";

const ruleParameters: readonly Parameter[] = [
  {
    name: "absolute",
    description: "The runner-up's probability must be above this.",
    type: "number",
    minimum: 0,
    maximum: 1,
    default: 0.25,
  },
  {
    name: "relative",
    description: "Bound on the gap between the likeliest token and the runner-up.",
    type: "number",
    minimum: 0,
    maximum: 1,
    default: 0.15,
  },
  {
    name: "gap",
    description: "The gap must be below the bound (since 23 January 2026), or above it (earlier commits).",
    type: "choice",
    choices: ["below", "above"],
    default: "below",
  },
];

/** Largest and second largest next-token probability at every token, from a model's output or the file. */
function topTwo(context: SignalContext): readonly [Float64Array, Float64Array] | undefined {
  const count = context.trajectory.tokens?.count;
  for (const [name, probability] of [
    ["top_probabilities", (value: number): number => value],
    ["topk_logprob", Math.exp],
  ] as const) {
    const matrix = context.inputs?.arrays?.[name];
    if (!matrix || matrix.width < 2 || (count !== undefined && matrix.rows !== count)) continue;
    // A row without numbers (the prompt) stays without.
    const rows = rowsOf(matrix).map((row) => Array.from(row, probability).sort((a, b) => b - a));
    return [Float64Array.from(rows, (row) => row[0]!), Float64Array.from(rows, (row) => row[1]!)];
  }
  const top = tokenNumbers(context, ["top1_probability"]);
  const second = tokenNumbers(context, ["top2_probability"]);
  return top && second && top.length === second.length ? [top, second] : undefined;
}

export const latrFork = derivedSignal({
  id: "latr-fork",
  title: "Branch test (LATR)",
  family: "agentic",
  level: "token",
  unit: "flag",
  signed: false,
  needs: ["logprobs"],
  inputs: [
    {
      kind: "array",
      name: "top_probabilities",
      meaning: "[tokens][>= 2], largest next-token probabilities before each token",
    },
    { kind: "array", name: "topk_logprob", meaning: "[tokens][>= 2], the same as log-probabilities" },
    { kind: "token", name: "top1_probability", meaning: "likeliest next token, where there is no array" },
    { kind: "token", name: "top2_probability", meaning: "runner-up, where there is no array" },
  ],
  parameters: ruleParameters,
  presets: [
    {
      id: "default",
      title: "LATR, defaults",
      values: {},
      source: "starreeze/latr, model/sample_filter.py, ProbFilter",
    },
    {
      id: "math",
      title: "LATR, math scripts",
      values: { absolute: 0.15, relative: 0.25 },
      source: "starreeze/latr, scripts/grpo-kt-math.sh",
    },
    {
      id: "before-2026-01-23",
      title: "LATR, before the test was turned around",
      values: { gap: "above" },
      source: "starreeze/latr, model/sample_filter.py before commit 2adb0ed",
    },
  ],
  source,
  description:
    "1 where the second likeliest next token would open a branch: its probability is above one bound and its gap to the likeliest token is below (or, before 23 January 2026, above) the other. Both tests are strict.",
  derive(context, parameters) {
    const found = topTwo(context);
    if (!found)
      return missing(
        "logprobs",
        "Needs the two largest next-token probabilities at every token (top_probabilities): choose a policy model.",
      );
    const [top, second] = found;
    const rule: BranchRule = {
      absolute: numberOf(parameters, "absolute"),
      relative: numberOf(parameters, "relative"),
      gap: textOf(parameters, "gap") as BranchRule["gap"],
    };
    const mask = context.trajectory.tokens?.mask;
    const values = top.map((p, t) =>
      Number.isNaN(p) || Number.isNaN(second[t]!) || (mask && mask[t] === 0)
        ? NaN
        : Number(opensBranch(p, second[t]!, rule)),
    );
    const forks = values.reduce((sum, value) => sum + (value === 1 ? 1 : 0), 0);
    return {
      values,
      parts: { likeliest: top, "runner-up": second, gap: top.map((p, t) => p - second[t]!) },
      notes: [`${forks} tokens would open a branch; capacity and look-ahead pruning are not applied here.`],
      convention: `p > ${rule.absolute} and gap ${rule.gap === "below" ? "<" : ">"} ${rule.relative}`,
      lines: (index) => [
        {
          name: `fork_${index}`,
          expression: symbol("fork", values[index]!, "1 = both tests passed"),
          value: values[index]!,
        },
        {
          name: "gap",
          expression: binary(
            "-",
            symbol("p_top", top[index]!, "likeliest next token", {
              trajectoryId: context.trajectory.id,
              tokenIndex: index,
            }),
            symbol("p_2", second[index]!, "runner-up"),
          ),
          value: top[index]! - second[index]!,
        },
      ],
    };
  },
});

/** Token at which a branch left its parent: recorded, or the first token of the step at which it branched. */
function birthToken(branch: Trajectory): number | undefined {
  const recorded = branch.extra["birth_step"] ?? branch.extra["birth_token"];
  if (typeof recorded === "number") return recorded;
  return branch.branchAt === undefined ? undefined : branch.steps[branch.branchAt]?.tokenStart;
}

export const latrPrune = unexplainedSignal({
  id: "latr-prune",
  title: "Look-ahead pruning (LATR)",
  family: "agentic",
  level: "trajectory",
  unit: "flag",
  signed: false,
  needs: ["group", "tokenMask"],
  inputs: [
    {
      kind: "trajectory",
      name: "birth_step",
      meaning: "token at which the branch left its parent; else the step at which it branched",
    },
  ],
  parameters: [
    {
      name: "ages",
      description: "Tokens after its birth at which a branch is compared with its parent.",
      type: "string",
      default: "20,30,50",
    },
    {
      name: "edit",
      description: "Pruned when the edit distance per token is below this; 0 = off.",
      type: "number",
      minimum: 0,
      default: 0.4,
    },
    {
      name: "suffix",
      description: "Pruned when the suffix match is above this; empty = off.",
      type: "number",
      minimum: 0,
      default: null,
    },
    {
      name: "rouge",
      description: "Pruned when ROUGE-L is above this; empty = off.",
      type: "number",
      minimum: 0,
      default: null,
    },
  ],
  presets: [
    {
      id: "default",
      title: "LATR, defaults",
      values: {},
      source: "starreeze/latr, model/sample_filter.py, RolloutFilter",
    },
    {
      id: "math",
      title: "LATR, math scripts",
      values: { edit: 0, suffix: 0.2, rouge: 0.5 },
      source: "starreeze/latr, scripts/grpo-kt-math.sh",
    },
  ],
  source,
  description:
    "1 when a branch repeats its parent and would be pruned: their tokens since the branch's birth are compared at several ages by edit distance, suffix match and ROUGE-L. Roots are never pruned.",
  derive(context, parameters) {
    const { trajectory, group } = context;
    if (trajectory.parentId === undefined)
      return missing("tree", "This rollout is a root: only a branch is compared with its parent.");
    const parent = group?.members.find(
      ({ trajectoryId }) => trajectoryId === trajectory.parentId,
    )?.trajectory;
    if (!parent) return missing("group", "Needs the parent of this branch: open the group that holds it.");
    const mine = trajectory.tokens?.ids;
    const theirs = parent.tokens?.ids;
    const birth = birthToken(trajectory);
    if (!mine || !theirs || birth === undefined)
      return missing(
        "tokenMask",
        "Needs the token ids of the branch and its parent, and where the branch begins.",
      );
    const edit = numberOf(parameters, "edit");
    const suffix = optionalNumberOf(parameters, "suffix");
    const rouge = optionalNumberOf(parameters, "rouge");
    const notes: string[] = [];
    let pruned = 0;
    let compared = 0;
    let last = { edit: NaN, suffix: NaN, rouge: NaN };
    for (const age of parseAges(textOf(parameters, "ages"))) {
      const a = Array.from(mine.subarray(birth, birth + age));
      const b = Array.from(theirs.subarray(birth, birth + age));
      if (a.length < age || b.length < age) continue;
      compared++;
      last = { edit: editDistance(a, b) / age, suffix: suffixMatch(a, b), rouge: rougeL(a, b) };
      const why = [
        last.edit < edit ? `edit distance ${last.edit} below ${edit}` : undefined,
        suffix !== undefined && last.suffix > suffix
          ? `suffix match ${last.suffix} above ${suffix}`
          : undefined,
        rouge !== undefined && last.rouge > rouge ? `ROUGE-L ${last.rouge} above ${rouge}` : undefined,
      ].filter((reason) => reason !== undefined);
      if (why.length === 0) continue;
      pruned = 1;
      notes.push(`Pruned at age ${age}: ${why.join(", ")}.`);
      break;
    }
    if (compared === 0)
      return missing("tokenMask", "The branch ends before the first age at which it would be compared.");
    return {
      values: Float64Array.of(pruned),
      parts: {
        "edit distance": Float64Array.of(last.edit),
        "suffix match": Float64Array.of(last.suffix),
        "ROUGE-L": Float64Array.of(last.rouge),
      },
      group: groupMembers(context),
      notes,
      convention: `ages ${textOf(parameters, "ages")}`,
    };
  },
});

/**
 * Whole numbers above 0, separated by commas.
 * @throws Error with one sentence when one is not
 */
function parseAges(text: string): readonly number[] {
  return text.split(",").map((part) => {
    const age = Number(part);
    if (!Number.isInteger(age) || age <= 0)
      throw new Error(`Parameter ages must hold whole numbers above 0 such as "20,30,50", not "${text}".`);
    return age;
  });
}
