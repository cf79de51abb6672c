import { optionalNumberOf, numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, Preset, Signal, SignalContext, SignalResult } from "../signal";
import { parseLtlfFile } from "./ltlfText";
import { counterfactualRewards, runRewardMachine, type MachineSemantics } from "./machineRun";
import {
  propositionsFromJson,
  propositionTrace,
  type Propositions,
  type PropositionTrace,
} from "./propositions";
import { parseRewardMachineFile } from "./rewardMachineText";
import { placeText, SpecificationError } from "./sourceText";
import { formulaOutcome, truthAsCoded } from "./specification";
import { suffixTruth } from "./ltlfMonitor";

const propositionsParameter: Parameter = {
  name: "propositions",
  description:
    'Propositions as a JSON object of expressions over a step, such as {"solved": "reward > 0"}; the editor puts the setting trajectoryLens.propositions here.',
  type: "string",
  default: "",
};

const semanticsParameter: Parameter = {
  name: "semantics",
  description: "As the authors' code computes it, or corrected.",
  type: "choice",
  choices: ["as coded", "corrected"],
  default: "corrected",
};

const presets = (asCoded: string, corrected: string): readonly Preset[] => [
  { id: "as-coded", title: "as coded", values: { semantics: "as coded" }, source: asCoded },
  { id: "corrected", title: "corrected", values: { semantics: "corrected" }, source: corrected },
];

interface Prepared {
  readonly trace: PropositionTrace;
  readonly notes: readonly string[];
}

type Refusal = Extract<SignalResult, { missing: readonly unknown[] }>;

const refuse = (how: string): Refusal => ({ missing: [], how });

/** Propositions over the trajectory, or why there are none. */
function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Refusal {
  let propositions: Propositions;
  try {
    propositions = propositionsFromJson(textOf(parameters, "propositions"));
  } catch (error) {
    if (error instanceof SpecificationError) return refuse(error.message);
    throw error;
  }
  return {
    trace: propositionTrace(context.trajectory, propositions),
    notes: propositions.problems.map(({ diagnostic }) => diagnostic.message),
  };
}

/** Names that a specification uses and nobody defines: unknown when corrected, false as coded. */
function undefinedNote(names: Iterable<string>, trace: PropositionTrace, semantics: string): string[] {
  const absent = [...new Set(names)].filter((name) => !trace.names.includes(name));
  return absent.length === 0
    ? []
    : [
        `Not defined, and therefore ${semantics === "as coded" ? "false" : "unknown"} at every step: ${absent.join(", ")}.`,
      ];
}

export const ltlfTruth: Signal = {
  id: "ltlf-truth",
  title: "LTLf truth",
  family: "specification",
  level: "step",
  unit: "truth",
  signed: false,
  needs: [],
  parameters: [
    {
      name: "formula",
      description: "Formula, or the text of a .ltlf file.",
      type: "string",
      default: "",
    },
    {
      name: "name",
      description: "Which formula of the text, by its name; empty takes the first.",
      type: "string",
      default: "",
    },
    propositionsParameter,
    semanticsParameter,
  ],
  presets: presets(
    "whitemech/flloat, flloat/ltlf.py: a trace is a list of sets of true propositions",
    "De Giacomo and Vardi 2013: non-empty traces; what is not recorded is unknown (Kleene)",
  ),
  source:
    "De Giacomo and Vardi 2013, Linear Temporal Logic and Linear Dynamic Logic on Finite Traces; whitemech/flloat",
  description:
    "Truth of a formula of linear temporal logic on finite traces if the trajectory ended at each step; the last number is the verdict. Beside it the truth of the formula read at each step, and the step from which on nothing can change the verdict.",
  compute(context, parameters) {
    const text = textOf(parameters, "formula");
    if (text.trim() === "")
      return refuse(
        "Set the parameter formula, or open a .ltlf file: a signal of truth needs something to be true.",
      );
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const { statements, diagnostics } = parseLtlfFile(text);
    const wanted = textOf(parameters, "name");
    const statement = wanted === "" ? statements[0] : statements.find(({ name }) => name === wanted);
    const error = diagnostics.find(({ severity }) => severity === "error");
    if (!statement)
      return refuse(
        error
          ? `The formula cannot be read at ${placeText(text, error.range.start)}: ${error.message}`
          : `There is no formula named ${wanted} in the text.`,
      );
    const { trace } = prepared;
    const semantics = textOf(parameters, "semantics") as MachineSemantics;
    const truthOf = semantics === "as coded" ? truthAsCoded(trace) : (name: string) => trace.truthOf(name);
    try {
      const { values, decided, note } = formulaOutcome(statement.formula, trace, semantics);
      return {
        level: "step",
        values,
        parts: { "truth from here on": suffixTruth(statement.formula, truthOf, trace.length), decided },
        notes: [
          ...prepared.notes,
          ...undefinedNote(usedNames(statement.formula), trace, semantics),
          ...(note === undefined ? [] : [note]),
          ...(error ? [`Another formula of the text cannot be read: ${error.message}`] : []),
        ],
      };
    } catch (problem) {
      if (problem instanceof SpecificationError) return refuse(problem.message);
      throw problem;
    }
  },
};

type Formula = ReturnType<typeof parseLtlfFile>["statements"][number]["formula"];

function usedNames(formula: Formula): string[] {
  if (formula.kind === "atom") return [formula.name];
  if ("of" in formula) return usedNames(formula.of);
  return "left" in formula ? [...usedNames(formula.left), ...usedNames(formula.right)] : [];
}

export const rewardMachineSignal: Signal = {
  id: "reward-machine",
  title: "Reward machine",
  family: "specification",
  level: "step",
  unit: "reward",
  signed: true,
  needs: [],
  parameters: [
    { name: "machine", description: "Text of a .rm file.", type: "string", default: "" },
    propositionsParameter,
    semanticsParameter,
    {
      name: "shapingGamma",
      description:
        "Discount of the value iteration that gives the potentials of the shaping; empty = no shaping.",
      type: "number",
      minimum: 0,
      maximum: 0.9999,
      default: null,
    },
    {
      name: "gamma",
      description: "Discount of the shaped reward: r + gamma Phi(u') - Phi(u).",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.9,
    },
    {
      name: "counterfactual",
      description: "Also what each step would have paid in the other machine states (CRM).",
      type: "boolean",
      default: false,
    },
  ],
  presets: presets(
    "RodrigoToroIcarte/reward_machines, reward_machine.py: reward looked up by the two states; terminal states merged",
    "Toro Icarte et al. 2022, Reward Machines: reward of the edge that fired; falling off pays nothing",
  ),
  source: "Toro Icarte et al. 2022, Reward Machines; RodrigoToroIcarte/reward_machines, reward_machine.py",
  description:
    "Reward that a reward machine pays at each step, with the machine's state before it. As coded, falling off the machine in a state with a terminal edge pays that edge; corrected, it pays nothing and is told apart from success.",
  compute(context, parameters) {
    const text = textOf(parameters, "machine");
    if (text.trim() === "")
      return refuse("Set the parameter machine to the text of a .rm file, or open one.");
    const file = parseRewardMachineFile(text);
    const error = file.diagnostics.find(({ severity }) => severity === "error");
    if (error)
      return refuse(`The machine cannot be read at ${placeText(text, error.range.start)}: ${error.message}`);
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const { trace } = prepared;
    const semantics = textOf(parameters, "semantics") as MachineSemantics;
    const shapingGamma = optionalNumberOf(parameters, "shapingGamma");
    const { steps, verdict } = runRewardMachine(
      file,
      context.trajectory,
      trace,
      semantics,
      shapingGamma === undefined ? undefined : { gamma: numberOf(parameters, "gamma"), shapingGamma },
    );
    const track = (): Float64Array => new Float64Array(trace.length).fill(NaN);
    const [values, states, next] = [track(), track(), track()];
    steps.forEach((step, t) => {
      values[t] = step.reward;
      states[t] = step.state;
      next[t] = step.next;
    });
    const counterfactual =
      parameters["counterfactual"] === true
        ? Object.fromEntries(
            [...counterfactualRewards(file, context.trajectory, trace, semantics)].map(([state, rewards]) => [
              `reward in state ${state}`,
              rewards,
            ]),
          )
        : {};
    const names = file.edges.flatMap((edge) => edge.guard.flat().map(({ name }) => name));
    const said = {
      success: `The machine ended at step ${steps.length - 1} through a terminal edge.`,
      off: `No edge fired at step ${steps.length - 1}: the machine was left without success.`,
      unknown: `At step ${steps.length - 1} an edge compares something that is not recorded.`,
      running: "The trajectory ended before the machine did.",
    };
    return {
      level: "step",
      values,
      parts: { state: states, "next state": next, ...counterfactual },
      notes: [
        ...prepared.notes,
        ...undefinedNote(names, trace, semantics),
        ...(trace.length === 0 ? [] : [said[verdict]]),
      ],
    };
  },
};
