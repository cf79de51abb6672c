import { numberOf, textOf } from "../series/parameters";
import type { DatasetRow } from "../signal";
import { diagnostic, percentOf, plain, type Finding } from "./diagnostic";
import { ends, isNumber, meanOf, stepsOverTime, stepsText, type StepRows } from "./trainingSteps";

const seriesParts = (steps: readonly StepRows[]): { "training step": Float64Array } => ({
  "training step": Float64Array.from(steps, (step) => step.trainingStep!),
});

const numbersOf = (
  steps: readonly StepRows[],
  read: (row: DatasetRow) => number | null | undefined,
): number[] => steps.flatMap(({ rows }) => rows.map(read).filter(isNumber));

const newestIds = (steps: readonly StepRows[], size: (row: DatasetRow) => number): string[] =>
  steps
    .flatMap(({ rows }) => rows)
    .sort((a, b) => size(b) - size(a))
    .map((row) => row.trajectoryId);

/** Answers that grow over the run. */
export const lengthBloat = diagnostic({
  id: "length-bloat",
  scope: "dataset",
  title: "Length bloat",
  unit: "length",
  needs: ["dataset"],
  parameters: [
    {
      name: "ratio",
      description: "Length at the end over length at the start from which on it is a finding.",
      type: "number",
      minimum: 1,
      default: 1.5,
    },
  ],
  source:
    "Liu et al. 2025, Understanding R1-Zero-Like Training: length grows through the length bias of the loss",
  description:
    "Mean length of the rollouts per training step, in tokens where recorded, otherwise in characters of the policy's text. The first and last fifth of the run are compared, with what the reward did meanwhile.",
  inspect(context, parameters) {
    const steps = stepsOverTime(context, 2);
    if ("missing" in steps) return steps;
    const inTokens = context.dataset!.every((row) => row.tokenCount !== undefined);
    const length = (row: DatasetRow): number | undefined =>
      inTokens ? row.tokenCount : row.responseCharacters;
    const values = steps.map(({ rows }) => meanOf(rows.map(length).filter(isNumber)).mean);
    if (values.every(Number.isNaN)) return { missing: ["dataset"], how: "The file records no lengths." };
    const { first, last } = ends(steps);
    const before = meanOf(numbersOf(first, length)).mean;
    const after = meanOf(numbersOf(last, length)).mean;
    const rewardBefore = meanOf(numbersOf(first, (row) => row.reward)).mean;
    const rewardAfter = meanOf(numbersOf(last, (row) => row.reward)).mean;
    const ratio = after / before;
    return {
      values: Float64Array.from(values),
      parts: seriesParts(steps),
      findings:
        ratio >= numberOf(parameters, "ratio")
          ? [
              {
                diagnosticId: "length-bloat",
                severity: "warning",
                message: `Rollouts grew ${plain(ratio)} times, from ${plain(before)} to ${plain(after)} ${inTokens ? "tokens" : "characters"} (${stepsText(first)} to ${stepsText(last)}), while the mean reward went from ${plain(rewardBefore)} to ${plain(rewardAfter)}.`,
                trajectoryIds: newestIds(last, (row) => length(row) ?? -1),
                trainingStep: last.at(-1)!.trainingStep!,
                value: ratio,
              },
            ]
          : [],
    };
  },
});

/** The mean of a format component that falls. */
export const formatDrift = diagnostic({
  id: "format-drift",
  scope: "dataset",
  title: "Format drift",
  unit: "share",
  needs: ["dataset", "components"],
  parameters: [
    {
      name: "component",
      description:
        'Component that tells whether the format is kept; empty takes those with "format" in their name.',
      type: "string",
      default: "",
    },
    {
      name: "drop",
      description:
        "Fall below the best stretch of the run from which on it is a finding, as a share of the component's range.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.1,
    },
  ],
  source:
    "Format rewards of rule-based reward functions: a policy that forgets its format is scored 0 whatever it knows",
  description:
    "Mean of the format component per training step. A fall below its best stretch means that the policy is unlearning the format, and with it every reward that is parsed out of the answer.",
  inspect(context, parameters) {
    const steps = stepsOverTime(context, 2);
    if ("missing" in steps) return steps;
    const wanted = textOf(parameters, "component");
    const names = [...new Set(context.dataset!.flatMap((row) => Object.keys(row.components)))].filter(
      (name) => (wanted === "" ? /format/iu.test(name) : name === wanted),
    );
    if (names.length === 0)
      return {
        missing: ["components"],
        how:
          wanted === ""
            ? 'No component has "format" in its name; set the parameter component.'
            : `The file records no component ${wanted}.`,
      };
    const read = (name: string) => (row: DatasetRow) =>
      Object.hasOwn(row.components, name) ? row.components[name] : undefined;
    const means = names.map((name) =>
      steps.map(({ rows }) => meanOf(rows.map(read(name)).filter(isNumber)).mean),
    );
    const findings: Finding[] = [];
    for (const name of names) {
      const all = numbersOf(steps, read(name));
      const low = all.reduce((a, b) => Math.min(a, b), Infinity);
      const range = all.reduce((a, b) => Math.max(a, b), -Infinity) - low;
      const { last } = ends(steps);
      const window = last.length;
      // The best stretch is as long as the last one, so that one lucky step does not set the mark.
      let best = { mean: -Infinity, at: 0 };
      for (let start = 0; start + window <= steps.length - window; start++) {
        const { mean } = meanOf(numbersOf(steps.slice(start, start + window), read(name)));
        if (mean > best.mean) best = { mean, at: start };
      }
      const now = meanOf(numbersOf(last, read(name))).mean;
      const drop = (best.mean - now) / range;
      if (!(range > 0) || !(drop >= numberOf(parameters, "drop"))) continue;
      findings.push({
        diagnosticId: "format-drift",
        severity: "warning",
        message: `${name} fell from ${plain(best.mean)} (${stepsText(steps.slice(best.at, best.at + window))}) to ${plain(now)} (${stepsText(last)}), ${percentOf(drop)} of its range.`,
        trajectoryIds: newestIds(last, (row) => -(read(name)(row) ?? Infinity)),
        trainingStep: last.at(-1)!.trainingStep!,
        value: drop,
      });
    }
    return {
      values: Float64Array.from(means[0]!),
      parts: {
        ...seriesParts(steps),
        ...Object.fromEntries(names.map((name, n) => [name, Float64Array.from(means[n]!)])),
      },
      findings,
    };
  },
});

/** Names of components that usually are the truth behind a shaped reward. */
const truthNames =
  /^(?:acc|accuracy|correct|correctness|success|solved|pass|exact_match|em|true_reward|gold(?:_reward)?)$/iu;

/** The reward, or a part of it, that rises while the truth falls. */
export const rewardDivergence = diagnostic({
  id: "reward-divergence",
  scope: "dataset",
  title: "Proxy up, truth down",
  unit: "reward",
  needs: ["dataset", "outcomeReward"],
  parameters: [
    {
      name: "proxy",
      description: "Component that is optimised; empty takes the total reward and every component.",
      type: "string",
      default: "",
    },
    {
      name: "truth",
      description:
        "Component that is meant; empty takes the recorded success, else a component named like accuracy, correct or success.",
      type: "string",
      default: "",
    },
    {
      name: "errors",
      description: "Standard errors by which each of the two must have moved.",
      type: "number",
      minimum: 0,
      default: 2,
    },
  ],
  source:
    "Gao et al. 2023, Scaling Laws for Reward Model Overoptimization: the proxy rises while the gold reward falls",
  description:
    "Mean of the proxy per training step, with the truth beside it. A finding when from the first to the last fifth of the run, or from the truth's best stretch to the last, the proxy rose and the truth fell by more than the given number of standard errors.",
  inspect(context, parameters) {
    const steps = stepsOverTime(context, 2);
    if ("missing" in steps) return steps;
    const names = [...new Set(context.dataset!.flatMap((row) => Object.keys(row.components)))];
    const component = (name: string) => (row: DatasetRow) =>
      Object.hasOwn(row.components, name) ? row.components[name] : undefined;
    const wantedTruth = textOf(parameters, "truth");
    const success = context.dataset!.some((row) => typeof row.success === "boolean");
    const truthName =
      wantedTruth === "" ? (success ? "success" : names.find((name) => truthNames.test(name))) : wantedTruth;
    if (truthName === undefined || (truthName !== "success" && !names.includes(truthName)))
      return {
        missing: ["components"],
        how:
          truthName === undefined
            ? "The file records neither success nor a component named like accuracy; set the parameter truth."
            : `The file records no component ${truthName}.`,
      };
    const truth =
      truthName === "success" && success && !names.includes("success")
        ? (row: DatasetRow) => (typeof row.success === "boolean" ? Number(row.success) : undefined)
        : component(truthName);
    const wantedProxy = textOf(parameters, "proxy");
    const proxies: readonly (readonly [string, (row: DatasetRow) => number | null | undefined])[] =
      wantedProxy === ""
        ? [
            ["reward", (row) => row.reward],
            ...names.filter((name) => name !== truthName).map((name) => [name, component(name)] as const),
          ]
        : [[wantedProxy, component(wantedProxy)]];
    const limit = numberOf(parameters, "errors");
    const { first, last } = ends(steps);
    const window = last.length;
    const stretches = steps
      .slice(0, Math.max(1, steps.length - 2 * window + 1))
      .map((_, start) => steps.slice(start, start + window));
    const best = stretches.reduce((a, b) =>
      meanOf(numbersOf(b, truth)).mean > meanOf(numbersOf(a, truth)).mean ? b : a,
    );
    const findings: Finding[] = [];
    for (const [name, proxy] of proxies) {
      for (const from of best === first ? [first] : [first, best]) {
        const rise = moved(numbersOf(from, proxy), numbersOf(last, proxy));
        const fall = moved(numbersOf(from, truth), numbersOf(last, truth));
        if (!(rise.errors > limit && fall.errors < -limit)) continue;
        findings.push({
          diagnosticId: "reward-divergence",
          severity: "warning",
          message: `${name} rose from ${plain(rise.from)} to ${plain(rise.to)} while ${truthName} fell from ${plain(fall.from)} to ${plain(fall.to)} (${stepsText(from)} to ${stepsText(last)}): the policy may be exploiting ${name}.`,
          trajectoryIds: newestIds(last, (row) => (proxy(row) ?? 0) - 1e6 * (truth(row) ?? 0)),
          trainingStep: last.at(-1)!.trainingStep!,
          value: rise.to - rise.from,
        });
        break;
      }
    }
    const [, shown] = proxies[0]!;
    return {
      values: Float64Array.from(steps, ({ rows }) => meanOf(rows.map(shown).filter(isNumber)).mean),
      parts: {
        ...seriesParts(steps),
        [truthName]: Float64Array.from(steps, ({ rows }) => meanOf(rows.map(truth).filter(isNumber)).mean),
      },
      findings,
    };
  },
});

/** Change of a mean in standard errors of the difference; NaN when it cannot be told. */
function moved(
  before: readonly number[],
  after: readonly number[],
): { readonly from: number; readonly to: number; readonly errors: number } {
  const a = meanOf(before);
  const b = meanOf(after);
  const error = Math.hypot(a.error, b.error);
  const change = b.mean - a.mean;
  return { from: a.mean, to: b.mean, errors: error === 0 ? Math.sign(change) * Infinity : change / error };
}
