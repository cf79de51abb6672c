/** How much data decides an objective. */
export type DecidableFrom =
  "one trajectory" | "a set of trajectories" | "the policy" | "two sets or policies";

/** One way to say what an agent should want (Subramani et al. 2023, arXiv 2310.11840). */
export interface Formalism {
  readonly id: string;
  readonly name: string;
  readonly objective: string;
  readonly decidableFrom: DecidableFrom;
  /** What the objective comes to on that data; what is lost on one trajectory. */
  readonly remark: string;
  /** Signals that compute it. */
  readonly signals: readonly string[];
  /** Preset of the signal `objective` that computes it. */
  readonly preset?: string;
  /** Formalisms of the same expressivity, by id. */
  readonly equivalent: readonly string[];
}

const objectivePresets: Readonly<Record<string, string>> = {
  MR: "markov",
  LAR: "average",
  INMR: "inner-nonlinear",
  IMORL: "inner-multi",
  RRL: "regularised",
};

const row = (
  id: string,
  name: string,
  objective: string,
  decidableFrom: DecidableFrom,
  remark: string,
  signals: readonly string[] = [],
  equivalent: readonly string[] = [],
): Formalism => {
  const preset = objectivePresets[id];
  return {
    id,
    name,
    objective,
    decidableFrom,
    remark,
    signals,
    equivalent,
    ...(preset === undefined ? {} : { preset }),
  };
};

/** The seventeen formalisms, weakest use of data first. Equivalences as the paper's published summary states them. */
export const formalisms: readonly Formalism[] = [
  row("MR", "Markov rewards", "E sum gamma^t r(s, a, s')", "one trajectory", "Discounted return.", [
    "objective",
    "return",
  ]),
  row(
    "LAR",
    "limit average reward",
    "lim (1/T) sum r",
    "one trajectory",
    "Only the finite average of the recorded steps; the limit is not in the data.",
    ["objective", "return-expression"],
  ),
  row(
    "LTL",
    "linear temporal logic",
    "Pr(trajectory satisfies phi)",
    "one trajectory",
    "Verdict on the finite trace, and on each prefix; the probability needs a set.",
    ["ltlf-truth"],
  ),
  row(
    "RM",
    "reward machines",
    "Markov rewards over the product with an automaton",
    "one trajectory",
    "Reward per step, given propositions that label the steps.",
    ["reward-machine"],
  ),
  row(
    "INMR",
    "inner nonlinear Markov rewards",
    "E f(sum gamma^t r)",
    "one trajectory",
    "f of the return.",
    ["objective", "return-expression"],
    ["IMORL", "FTR"],
  ),
  row(
    "IMORL",
    "inner multi-objective RL",
    "E f(G_1, ..., G_k)",
    "one trajectory",
    "f of the returns of k reward columns.",
    ["objective", "return-expression"],
    ["INMR", "FTR"],
  ),
  row(
    "FTR",
    "functions from trajectories to reals",
    "E f(trajectory)",
    "one trajectory",
    "A function of the user's own: a signal of the workspace, see Adding a signal.",
    [],
    ["INMR", "IMORL"],
  ),
  row(
    "RRL",
    "regularised RL",
    "E sum gamma^t (r - alpha F[pi(s)])",
    "one trajectory",
    "Needs the policy's distribution at each step; with token entropies or a reference policy recorded, the entropy and KL forms.",
    ["objective", "entropy", "kl"],
  ),
  row(
    "ONMR",
    "outer nonlinear Markov rewards",
    "f(E G)",
    "a set of trajectories",
    "f of the mean return over the group (part function of the mean return).",
    ["objective"],
  ),
  row(
    "OMORL",
    "outer multi-objective RL",
    "f(E G_1, ..., E G_k)",
    "a set of trajectories",
    "f of the mean returns over the group (part function of the mean return).",
    ["objective"],
    ["FOMR", "FTLR"],
  ),
  row(
    "FOMR",
    "functions from occupancy measures to reals",
    "f(occupancy of pi)",
    "a set of trajectories",
    "From the empirical occupancy.",
    [],
    ["OMORL", "FTLR"],
  ),
  row(
    "FTLR",
    "functions from trajectory lotteries to reals",
    "f(distribution of trajectories)",
    "a set of trajectories",
    "From the empirical distribution.",
    [],
    ["OMORL", "FOMR"],
  ),
  row(
    "FPR",
    "functions from policies to reals",
    "f(pi)",
    "the policy",
    "Trajectories only sample the policy.",
  ),
  row(
    "GOMORL",
    "generalised outer multi-objective RL",
    "an order on (E G_1, ..., E G_k)",
    "two sets or policies",
    "A comparison of mean returns, for example lexicographic.",
    [],
    ["OMO", "TLO"],
  ),
  row(
    "OMO",
    "occupancy measure orderings",
    "an order on occupancies",
    "two sets or policies",
    "A comparison of empirical occupancies.",
    [],
    ["GOMORL", "TLO"],
  ),
  row(
    "TLO",
    "trajectory lottery orderings",
    "an order on distributions of trajectories",
    "two sets or policies",
    "A comparison of empirical distributions.",
    [],
    ["GOMORL", "OMO"],
  ),
  row(
    "PO",
    "policy orderings",
    "an order on policies",
    "two sets or policies",
    "Trajectories only sample both.",
  ),
];

/** The formalisms as a Markdown table, for the documentation. */
export function formalismTable(): string {
  return [
    "| formalism | objective | decidable from | what that gives | signals | as expressive as |",
    "| --- | --- | --- | --- | --- | --- |",
    ...formalisms.map(
      ({ id, name, objective, decidableFrom, remark, signals, equivalent, preset }) =>
        `| ${id}: ${name} | ${objective} | ${decidableFrom} | ${remark} | ${signals.map((signal) => `\`${signal}\`${signal === "objective" && preset !== undefined ? ` (preset \`${preset}\`)` : ""}`).join(", ")} | ${equivalent.join(", ")} |`,
    ),
  ].join("\n");
}
