import { readFileSync, existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import {
  machinePotentials,
  parseRewardMachine,
  runMachine,
} from "../../../../src/signals/control/rewardMachine";
import { parsePropositions, propositionTrace } from "../../../../src/signals/specification/propositions";
import { parseRewardMachineFile } from "../../../../src/signals/specification/rewardMachineText";
import {
  counterfactualRewards,
  runRewardMachine,
  type MachineRun,
} from "../../../../src/signals/specification/machineRun";
import { step, trajectory } from "../worlds";

/** A trajectory whose steps say which letters are true. */
const lettered = (labels: readonly string[]) =>
  trajectory("t", { steps: labels.map((label, index) => step(index, { action: label })) });
const letters = parsePropositions(
  Object.fromEntries([..."abcdefgnoxy"].map((letter) => [letter, `action ~ /${letter}/`])),
);

function run(machine: string, labels: readonly string[], semantics: "as coded" | "corrected"): MachineRun {
  const file = parseRewardMachineFile(machine);
  expect(file.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  const episode = lettered(labels);
  return runRewardMachine(file, episode, propositionTrace(episode, letters), semantics);
}

const coffee = `0 # initial state
[2] # terminal states
(0,0,'!f&!n',ConstantRewardFunction(0))
(0,1,'f&!n',ConstantRewardFunction(0.25))
(1,1,'!g&!n',ConstantRewardFunction(0))
(1,2,'g&!n',ConstantRewardFunction(1))
`;

describe("reward machines", () => {
  it("run as the released code does, step by step", () => {
    const golden = resolve("test/golden/cases/reward_machine.json");
    expect(existsSync(golden)).toBe(true);
    const { cases } = JSON.parse(readFileSync(golden, "utf8")) as {
      cases: {
        function: string;
        inputs: { machine?: string[]; labels?: string[]; gamma?: number; rs_gamma?: number | null };
      }[];
    };
    let compared = 0;
    let shapedCases = 0;
    for (const { inputs } of cases) {
      const { machine, labels } = inputs;
      if (!machine || !labels) continue;
      const reference = runMachine(parseRewardMachine(machine), labels);
      const own = run(machine.join("\n"), labels, "as coded");
      expect(own.steps.map(({ state, next, reward }) => ({ state, next, reward }))).toEqual(
        reference.map(({ state, next, reward }) => ({ state, next, reward })),
      );
      compared++;
      const { gamma = 0.9, rs_gamma: shapingGamma } = inputs;
      if (typeof shapingGamma !== "number") continue;
      const machineOf = parseRewardMachine(machine);
      const potentials = machinePotentials(machineOf, shapingGamma);
      const episode = lettered(labels);
      const shaped = runRewardMachine(
        parseRewardMachineFile(machine.join("\n")),
        episode,
        propositionTrace(episode, letters),
        "as coded",
        { gamma, shapingGamma },
      );
      expect(shaped.steps.map(({ reward }) => reward)).toEqual(
        runMachine(machineOf, labels, { gamma, potentials }).map(({ reward }) => reward),
      );
      shapedCases++;
    }
    expect(compared).toBeGreaterThan(5);
    expect(shapedCases).toBeGreaterThan(0);
  });

  it("pay for falling off as coded, and not when corrected", () => {
    const labels = ["", "f", "n"];
    const coded = run(coffee, labels, "as coded");
    expect(coded.steps.map(({ reward }) => reward)).toEqual([0, 0.25, 1]);
    const corrected = run(coffee, labels, "corrected");
    expect(corrected.steps.map(({ reward }) => reward)).toEqual([0, 0.25, 0]);
    expect(corrected.verdict).toBe("off");
    expect(run(coffee, ["f", "g", "f"], "corrected").verdict).toBe("success");
    expect(run(coffee, ["f"], "corrected").verdict).toBe("running");
  });

  it("keep both lines of one pair of states when corrected, and the last as coded", () => {
    const machine = "0\n[1]\n(0,1,'a',ConstantRewardFunction(1))\n(0,1,'b',ConstantRewardFunction(2))";
    expect(run(machine, ["a"], "corrected").steps[0]!.reward).toBe(1);
    // Only the second line is left, so nothing fires on "a", and falling off pays the pair (0, -1).
    expect(run(machine, ["a"], "as coded").steps[0]).toMatchObject({ reward: 2, end: "off" });
    expect(parseRewardMachineFile(machine).diagnostics.map(({ code }) => code)).toEqual(["overwritten-edge"]);
  });

  it("say what a step would have paid in the states that could have been reached before it", () => {
    const file = parseRewardMachineFile(coffee);
    const episode = lettered(["f", "g", ""]);
    const rewards = counterfactualRewards(file, episode, propositionTrace(episode, letters), "corrected");
    // Step 0 in both states; from both the machine is in state 1 afterwards; "g" ends it.
    expect([...rewards.keys()]).toEqual([0, 1]);
    expect(Array.from(rewards.get(0)!)).toEqual([0.25, NaN, NaN]);
    expect(Array.from(rewards.get(1)!)).toEqual([0, 1, NaN]);
  });

  it("do not guess where a proposition is not recorded", () => {
    const file = parseRewardMachineFile(
      "0\n[1]\n(0,1,'rich',ConstantRewardFunction(1))\n(0,0,'True',ConstantRewardFunction(0))",
    );
    const episode = lettered(["x"]);
    const trace = propositionTrace(episode, parsePropositions({ rich: "reward > 1" }));
    const [first] = runRewardMachine(file, episode, trace, "corrected").steps;
    expect(first!.reward).toBeNaN();
    expect(first!.end).toBe("unknown");
    expect(runRewardMachine(file, episode, trace, "as coded").steps[0]!.reward).toBe(0);
  });

  it.each([
    ["", "A reward machine starts with the number of its initial state."],
    ["zero\n[1]", "A state is a whole number."],
    ["0", "The second line lists the terminal states, as in [2]; write [] when there are none."],
    ["0\n[1]\n(0,1,a,ConstantRewardFunction(1))", "The formula of an edge stands in quotes."],
    ["0\n[1]\n(0,1,'a&',ConstantRewardFunction(1))", "A proposition is missing in this formula."],
    ["0\n[1]\n(0,1,'a',ConstantRewardFunction())", "ConstantRewardFunction takes one number."],
    ["0\n[1]\n(0,1,'a',RewardForward(1))", "RewardForward takes nothing."],
    ["0\n[1]\n(0,1,'a',ConstantRewardFunction(1)", 'The ")" that closes the edge is missing.'],
    ["0\n[1]\n(0,1,'a',ConstantRewardFunction(1)) x", "This does not belong to the line."],
  ])("say what is wrong with %j", (text, message) => {
    const { diagnostics } = parseRewardMachineFile(text);
    expect(diagnostics.map((found) => found.message)).toContain(message);
    for (const { range } of diagnostics) expect(range.end).toBeLessThanOrEqual(Math.max(1, text.length));
  });

  it("name reward functions that were misspelt, unreachable states and unknown propositions", () => {
    const text = "0\n[9]\n(0,9,'a',ConstantReward(1))\n(3,9,'solvd',ConstantRewardFunction(1))";
    const { diagnostics } = parseRewardMachineFile(text, new Set(["solved", "a"]));
    expect(diagnostics.map(({ code }) => code)).toEqual([
      "syntax",
      "unreachable-state",
      "no-way-out",
      "unknown-proposition",
    ]);
    expect(diagnostics.at(-1)!.message).toContain("did you mean solved?");
  });
});
