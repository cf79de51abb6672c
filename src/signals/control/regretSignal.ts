import { binary, number, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, recordedStepRewards, stepNumbers } from "../series/modelInputs";
import { numberOf, optionalNumberOf, textOf } from "../series/parameters";
import { nameParameter, namedNumbers } from "./controlSeries";
import { regretRewards, regretRewardsOf, trajectoryRegret, type RegretReward } from "./regret";

export const optimisationRegret = derivedSignal({
  id: "optimisation-regret",
  title: "Regret of an optimisation run (NAP)",
  family: "control",
  level: "step",
  unit: "regret",
  signed: true,
  needs: ["rewards"],
  parameters: [
    nameParameter(
      "found",
      "Value of each query, or the best so far; empty = a column found or best_so_far, else the recorded rewards.",
      "",
    ),
    {
      name: "optimum",
      description: "Best value that exists; empty = the best of this run, which makes its last regret 0.",
      type: "number",
      default: null,
    },
    {
      name: "kind",
      description:
        "Regret itself, minus it, minus its logarithm, its running sum, or the sparse reward at the end.",
      type: "choice",
      choices: regretRewards,
      default: "neg_log10",
    },
    { name: "horizon", description: "Queries of an episode.", type: "integer", minimum: 1, default: 24 },
  ],
  presets: [
    {
      id: "released",
      title: "As released (dense)",
      values: { kind: "neg_log10", horizon: 24 },
      source: "huawei-noah/HEBO, NAP/scripts/nap/train_nap_hpo.py; function_gym_nap.py, get_reward",
    },
    {
      id: "sparse",
      title: "Sparse",
      values: { kind: "best_regret_timed", horizon: 24 },
      source: "huawei-noah/HEBO, NAP/nap/environment/function_gym_nap.py, get_reward (best_regret_timed)",
    },
  ],
  source:
    "Maraval et al. 2023, End-to-End Meta-Bayesian Optimisation with Transformer Neural Processes (NAP)",
  description:
    "Reward of every query of an optimisation run: by how much the best value so far falls short of the optimum, in the forms that the code offers. none and cumulative give regret itself, where higher is worse. Parts hold the best value so far and the simple regret.",
  derive(context, parameters) {
    const found =
      namedNumbers(context, parameters, "found") ??
      stepNumbers(context, ["found", "best_so_far"]) ??
      recordedStepRewards(context.trajectory);
    if (!found)
      return missing(
        "rewards",
        "Needs the value of every query: a column of found values, or recorded rewards.",
      );
    const kind = textOf(parameters, "kind") as RegretReward;
    const given = optionalNumberOf(parameters, "optimum");
    const optimum = given ?? found.reduce((most, value) => (value > most ? value : most), -Infinity);
    const horizon = numberOf(parameters, "horizon");
    const values = regretRewardsOf(found, optimum, kind, horizon);
    const regret = trajectoryRegret(found, optimum);
    return {
      values,
      parts: { "simple regret": regret, "best so far": regret.map((value) => optimum - value) },
      notes: [
        ...(given === undefined
          ? [
              `The optimum is taken to be ${optimum}, the best value of this run; set parameter optimum to the true one.`,
            ]
          : []),
        ...(kind === "none" || kind === "cumulative"
          ? ["Regret is given as the reward: higher is worse, as released."]
          : []),
      ],
      convention: `${kind}, optimum ${optimum}`,
      lines(index) {
        const rho = symbol(`rho_${index}`, regret[index]!, "smallest regret so far");
        let expression: Expression;
        switch (kind) {
          case "none":
            expression = rho;
            break;
          case "neg_linear":
            expression = { kind: "negate", of: rho };
            break;
          case "neg_log10":
            expression = {
              kind: "negate",
              of: binary(
                "/",
                {
                  kind: "call",
                  name: "log",
                  arguments: [{ kind: "call", name: "max", arguments: [number(1e-20), rho] }],
                },
                { kind: "call", name: "log", arguments: [number(10)] },
              ),
            };
            break;
          default:
            expression = symbol(
              kind === "cumulative" ? "sum of regrets" : "timed reward",
              values[index]!,
              "see the source",
            );
        }
        return [{ name: `r_${index}`, expression, value: values[index]! }];
      },
    };
  },
});
