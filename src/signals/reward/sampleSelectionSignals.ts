import { binary, symbol } from "../expression";
import { meanAndSpread } from "../kernels/groupNormalisation";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { groupMembers, missing, trajectoryNumber } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { GroupMember, Parameter, ParameterValues, SignalContext } from "../signal";
import { bestOfNCurve, bestOfNDivergence } from "./rewardModelUses";

/** The survey that lists the uses of reward models. */
const survey =
  "Sun & van der Schaar 2025, Inverse Reinforcement Learning Meets Large Language Model Post-Training";

const proxyParameter: Parameter = {
  name: "proxy",
  description: "Component, field or model score by which one chooses; empty takes the outcome reward.",
  type: "string",
  default: "",
};
const goldParameter: Parameter = {
  name: "gold",
  description: "Component or field that is really wanted; empty takes success, else the outcome reward.",
  type: "string",
  default: "",
};

interface Samples {
  readonly proxy: Float64Array;
  readonly gold: Float64Array;
  readonly own: number;
}

/** A number of a member under a name: a component, or a field or score where its trajectory is loaded. */
function memberNumber(context: SignalContext, member: GroupMember, name: string): number | undefined {
  const component = member.components[name];
  if (typeof component === "number") return component;
  if (member.trajectoryId === context.trajectory.id) return trajectoryNumber(context, [name]);
  return member.trajectory && trajectoryNumber({ trajectory: member.trajectory }, [name]);
}

function samplesOf(context: SignalContext, parameters: ParameterValues): Samples | Missing {
  const members = context.group?.members ?? [];
  const own = members.findIndex(({ trajectoryId }) => trajectoryId === context.trajectory.id);
  if (own < 0) return missing("group");
  const [proxyName, goldName] = [textOf(parameters, "proxy"), textOf(parameters, "gold")];
  const read = (member: GroupMember, name: string, gold: boolean): number | undefined => {
    if (name !== "") return memberNumber(context, member, name);
    const success = member.success ?? member.trajectory?.outcome.success;
    if (gold && typeof success === "boolean") return Number(success);
    return typeof member.reward === "number" ? member.reward : undefined;
  };
  const proxy = members.map((member) => read(member, proxyName, false));
  const gold = members.map((member) => read(member, goldName, true));
  const broken = members.findIndex((_, k) =>
    [proxy[k], gold[k]].some((value) => value === undefined || Number.isNaN(value)),
  );
  if (broken >= 0)
    return missing(
      "outcomeReward",
      `Needs both rewards of every sample of the prompt; ${members[broken]!.trajectoryId} lacks one.`,
    );
  return { proxy: Float64Array.from(proxy as number[]), gold: Float64Array.from(gold as number[]), own };
}

export const bestOfNCurveSignal = unexplainedSignal({
  id: "best-of-n-curve",
  title: "Best-of-n curve",
  family: "reward",
  level: "group",
  unit: "reward",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [proxyParameter, goldParameter],
  presets: [
    {
      id: "survey",
      title: "Test-time filtering",
      values: {},
      source: `${survey}, sections 3 and 4 (best-of-N)`,
    },
  ],
  source: `${survey}, best-of-N`,
  description:
    "Gold reward that is expected when the proxy chooses the best of n samples, for n from 1 to the size of the group, over all draws without replacement. Beside it the proxy's own expectation and the divergence from the policy: where the proxy rises and the gold falls, the proxy is being over-optimised.",
  derive(context, parameters) {
    const samples = samplesOf(context, parameters);
    if ("missing" in samples) return samples;
    const { proxy, gold } = bestOfNCurve(samples.proxy, samples.gold);
    const best = gold.indexOf(Math.max(...gold));
    return {
      values: gold,
      parts: { proxy, divergence: Float64Array.from(gold, (_, k) => bestOfNDivergence(k + 1)) },
      group: groupMembers(context),
      notes: [
        `Index k is the best of k + 1 of ${gold.length} samples.`,
        ...(best < gold.length - 1 && gold[best]! > gold.at(-1)! + 1e-12
          ? [
              `The gold reward is highest at n = ${best + 1} and falls after it: over-optimisation of the proxy.`,
            ]
          : []),
      ],
      convention: "all draws without replacement",
    };
  },
});

export const proxyGap = derivedSignal({
  id: "proxy-gold-gap",
  title: "Gap between proxy and gold reward",
  family: "reward",
  level: "trajectory",
  unit: "deviations",
  signed: true,
  needs: ["group", "outcomeReward"],
  parameters: [proxyParameter, goldParameter],
  presets: [
    {
      id: "survey",
      title: "Over-optimisation check",
      values: {},
      source: `${survey}, section on over-optimisation`,
    },
  ],
  source: `${survey}, over-optimisation checks`,
  description:
    "How much better the proxy finds a sample than the gold reward does, each measured in deviations (n) from its mean in the group. Large positive numbers are where a policy would be led astray.",
  derive(context, parameters) {
    const samples = samplesOf(context, parameters);
    if ("missing" in samples) return samples;
    const score = (
      values: Float64Array,
    ): { readonly own: number; readonly mean: number; readonly std: number; readonly z: number } => {
      const { mean, spread: std } = meanAndSpread(values, "population");
      const own = values[samples.own]!;
      return { own, mean, std, z: (own - mean) / std };
    };
    const [proxy, gold] = [score(samples.proxy), score(samples.gold)];
    if (proxy.std === 0 || gold.std === 0)
      return missing(
        "group",
        `The ${proxy.std === 0 ? "proxy" : "gold"} rewards of the group are all equal: there is no scale to compare on.`,
      );
    const value = proxy.z - gold.z;
    return {
      values: Float64Array.of(value),
      parts: { proxy: Float64Array.of(proxy.own), gold: Float64Array.of(gold.own) },
      group: groupMembers(context),
      notes: [],
      convention: "population deviation of the group",
      lines: () => [
        {
          name: "gap",
          expression: binary(
            "-",
            binary(
              "/",
              binary("-", symbol("p", proxy.own, "proxy reward"), symbol("mean(p)", proxy.mean)),
              symbol("std(p)", proxy.std),
            ),
            binary(
              "/",
              binary("-", symbol("g", gold.own, "gold reward"), symbol("mean(g)", gold.mean)),
              symbol("std(g)", gold.std),
            ),
          ),
          value,
        },
      ],
    };
  },
});
