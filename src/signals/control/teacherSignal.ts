import { binary, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import { stepSymbol } from "./controlSeries";
import { policyAdvantages, teacherScore } from "./rewardDesign";
import { occupancy } from "./tabularMdp";
import { greatest, tableOf, tabularParameters, worldOf } from "./tabularWorld";

export const adaptiveTeacher = derivedSignal({
  id: "adaptive-teacher",
  title: "What a reward teaches this learner",
  family: "control",
  level: "step",
  unit: "score",
  signed: true,
  needs: ["observations", "actions", "components"],
  parameters: [
    ...tabularParameters,
    {
      name: "expected",
      description:
        "The learner's expected reward of a state: over its own actions, or as released, where the table is read column by column.",
      type: "choice",
      choices: ["corrected", "released"],
      default: "corrected",
    },
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { expected: "released" },
      source:
        "machine-teaching-group/aamas2024-informativeness-of-reward-functions, linekey_reward_design.py, reward_design_model_based_Ada_TL",
    },
    {
      id: "paper",
      title: "As in the paper",
      values: { expected: "corrected" },
      source: "Devidze et al. 2024, Informativeness of Reward Functions in Reinforcement Learning (h = 1)",
    },
  ],
  source: "Devidze et al. 2024, Informativeness of Reward Functions in Reinforcement Learning",
  description:
    "For the state and action of each step: positive where the designed reward pushes this learner towards what the target policy values, negative where it misleads it. The sum over all pairs is the teacher's score. Needs inputs start, learner_policy, target_policy, original_reward, designed_reward.",
  derive(context, parameters) {
    const world = worldOf(context, parameters);
    if ("missing" in world) return world;
    const { mdp } = world;
    const tables: (readonly Float64Array[])[] = [];
    for (const name of ["target_policy", "learner_policy", "original_reward", "designed_reward"]) {
      const table = tableOf(context, name, mdp);
      if ("missing" in table) return table;
      tables.push(table);
    }
    const start = context.inputs?.arrays?.["start"];
    if (!start || start.data.length !== mdp.states)
      return missing(
        "observations",
        `Needs a model input named start with ${mdp.states} probabilities of the first state.`,
      );
    const [target, learner, original, designed] = tables as [
      Float64Array[],
      Float64Array[],
      Float64Array[],
      Float64Array[],
    ];
    const advantages = policyAdvantages(mdp, target.map(greatest), original);
    const visits = occupancy(mdp, start.data, target);
    const kind = textOf(parameters, "expected") === "released" ? "released" : "corrected";
    const { terms, score } = teacherScore(mdp, advantages, visits, learner, designed, start.data, kind);
    const values = Float64Array.from(world.states, (s, t) => terms[s]![world.actions[t]!]!);
    return {
      values,
      notes: [`The teacher's score of this reward for this learner is ${score}.`],
      convention: `h = 1, expected reward ${kind}`,
      lines(index) {
        const s = world.states[index]!;
        const a = world.actions[index]!;
        const share = learner[s]![a]!;
        const term = terms[s]![a]!;
        const weight = visits[s]! * (occupancy(mdp, start.data, learner)[s]! * share);
        const lead = advantages[s]![a]! - learner[s]!.reduce((sum, p, b) => sum + p * advantages[s]![b]!, 0);
        const push = share * weight * lead === 0 ? 0 : term / (share * weight * lead);
        const expression = binary(
          "*",
          binary(
            "*",
            binary(
              "*",
              stepSymbol(context, "pi_L", index, share, "learner's probability of the action"),
              symbol("mu_T mu_L", weight, "how often target and learner come here"),
            ),
            symbol("A_T - E A_T", lead, "lead of the action under the target policy"),
          ),
          symbol("R - E R", push, "lead of its designed reward"),
        );
        return [{ name: `I_${index}`, expression, value: term }];
      },
    };
  },
});
