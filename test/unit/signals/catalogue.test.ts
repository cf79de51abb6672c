import { describe, expect, it } from "vitest";
import { evaluate, expressionText } from "../../../src/signals/expression";
import { signals } from "../../../src/signals/index";
import {
  needHow,
  resolveParameters,
  type DatasetRow,
  type Signal,
  type SignalContext,
} from "../../../src/signals/signal";
import { prefixTree } from "../../../src/signals/prefixTree";
import { modelContexts, smallSettings } from "./modelWorlds";
import { controlContexts } from "./controlWorlds";
import { episode, groupOf, numericEpisode, outcomeGroup, random, tokens, trajectory } from "./worlds";

/** Contexts that between them give every signal of the catalogue something to work on. */
function contexts(): readonly SignalContext[] {
  const next = random(7);
  const numbers = (count: number): number[] => Array.from({ length: count }, () => next() * 2 - 1);
  const size = 9;
  const members = Array.from({ length: 4 }, (_, i) =>
    trajectory(`t${i}`, {
      groupId: "g",
      steps: [
        { index: 0, role: "user", action: "Make 24 from 3 7 8 2." },
        {
          index: 1,
          role: "assistant",
          action: i < 2 ? "First add them." : "First multiply.",
          reward: next(),
          value: next(),
          stateKey: "s0",
        },
        {
          index: 2,
          role: "assistant",
          action: `Then ${i % 2}.`,
          reward: next(),
          value: next(),
          stateKey: `s${i % 2}`,
        },
      ],
      tokens: {
        ...tokens(
          {
            reward: numbers(size),
            value: numbers(size),
            logprob: numbers(size).map((x) => -Math.abs(x)),
            trainer_logprob: numbers(size).map((x) => -Math.abs(x)),
            rm_logprob: numbers(size).map((x) => -Math.abs(x)),
            ref_logprob: numbers(size).map((x) => -Math.abs(x)),
            entropy: numbers(size).map(Math.abs),
            flow_deviation: numbers(size).map(Math.abs),
            advantage: numbers(size),
            return: numbers(size),
            sum_pi_squared: numbers(size).map(Math.abs),
          },
          [0, 1, 1, 0, 1, 1, 1, 1, 1],
        ),
      },
      outcome: {
        reward: i === 3 ? 0.25 : i % 2,
        truncated: i === 2,
        components: { accuracy: i % 2, format: 0.5 },
      },
      advantage: next(),
    }),
  );
  const group = groupOf(members);
  const tree = prefixTree(group, "d");
  const language = members.map((member) => ({
    trajectory: member,
    group,
    batch: [group],
    tree,
    scores: [
      {
        trajectoryId: member.id,
        name: "reward",
        level: "step" as const,
        unit: "reward",
        values: Float64Array.of(NaN, 0.5, 0.75),
        modelPath: "/models/prm",
        modelKind: "process-reward" as const,
        provider: "cpu" as const,
        method: "sigmoid",
      },
      ...(["answer_logprob", "combined_logprob", "backbone_logprob"] as const).map((name) => ({
        trajectoryId: member.id,
        name,
        level: name === "answer_logprob" ? ("step" as const) : ("token" as const),
        unit: "nats",
        values: Float64Array.from(numbers(name === "answer_logprob" ? 3 : size).map((x) => -Math.abs(x))),
        modelPath: "/models/policy",
        modelKind: "policy-lm" as const,
        provider: "cpu" as const,
        method: "teacher forcing",
      })),
    ],
  }));
  const control = numericEpisode("c0", {
    reward: numbers(6),
    value: numbers(7),
    terminated: [0, 0, 0, 0, 0, 0],
    truncated: [0, 0, 0, 0, 0, 1],
    logprob: numbers(6).map((x) => -Math.abs(x)),
  });
  const scored = {
    trajectoryId: "c0",
    name: "logprob",
    level: "step" as const,
    unit: "nats",
    values: Float64Array.from(numbers(6).map((x) => -Math.abs(x))),
    modelPath: "/models/policy.onnx",
    modelKind: "policy-gaussian" as const,
    provider: "cpu" as const,
    method: "density",
  };
  const ended = numericEpisode("c1", {
    reward: numbers(4),
    value: numbers(4),
    terminated: [0, 0, 0, 1],
    truncated: [0, 0, 0, 0],
  });
  return [
    ...language,
    ...controlContexts(),
    ...outcomeGroup([1]),
    ...outcomeGroup([1, 1, 1]),
    { trajectory: members[0]!, group, dataset: datasetRows(next) },
    {
      trajectory: trajectory("l0", {
        steps: [{ index: 0, role: "assistant", action: "one two three four five six seven eight nine ten" }],
      }),
    },
    { trajectory: control, scores: [scored] },
    { trajectory: ended },
    { trajectory: episode("e0", [0.5, -1, 2]) },
    ...modelContexts(),
  ];
}

/** Two training steps of three groups, with everything that a row of the index can hold. */
function datasetRows(next: () => number): readonly DatasetRow[] {
  return Array.from({ length: 24 }, (_, i) => ({
    trajectoryId: `r${i}`,
    reward: next(),
    success: i % 2 === 0,
    truncated: i % 5 === 0,
    tokenCount: 100 + i,
    components: { acc: i % 2, format: i % 3 === 0 ? 0 : 1 },
    stepCount: 1,
    trainingStep: i < 12 ? 1 : 2,
    groupId: `g${Math.floor(i / 4)}`,
  }));
}

const relativeError = (got: number, wanted: number): number =>
  got === wanted ? 0 : Math.abs(got - wanted) / Math.max(Math.abs(wanted), 1e-300);

type Setting = readonly [string, Readonly<Record<string, unknown>>];

/** Every preset of a signal, and every choice of every parameter on top of the defaults. */
function settingsOf(signal: Signal): readonly Setting[] {
  const base: Setting[] =
    signal.presets.length === 0
      ? [["defaults", {}]]
      : signal.presets.map((preset) => [preset.id, preset.values]);
  const extra = signal.parameters.flatMap((parameter): Setting[] => {
    if (parameter.type === "choice")
      return (parameter.choices ?? []).map((choice) => [
        `${parameter.name}=${choice}`,
        { [parameter.name]: choice },
      ]);
    if (parameter.type === "boolean")
      return [true, false].map((flag) => [`${parameter.name}=${flag}`, { [parameter.name]: flag }]);
    if (smallSettings[parameter.name] !== undefined)
      return [[`small ${parameter.name}`, { [parameter.name]: smallSettings[parameter.name] }]];
    if (parameter.name === "formula") return [["formula", { formula: "F last" }]];
    if (parameter.name === "machine")
      return [["machine", { machine: "0\n[1]\n(0,0,'True',ConstantRewardFunction(0.5))" }]];
    if (parameter.name === "column") return [["column", { column: "step + 1" }]];
    if (parameter.name === "greedyReward") return [["greedyReward=0.3", { greedyReward: 0.3 }]];
    if (parameter.name === "constraints")
      return [["constraints", { constraints: "in_lava<=0.25, action>=0.25" }]];
    if (parameter.name === "functions") return [["functions", { functions: "accuracy:1, format:0.5" }]];
    return [];
  });
  return [...base, ...extra];
}

describe("the catalogue", () => {
  it("has unique ids, titles, sources and descriptions", () => {
    expect(new Set(signals.map((signal) => signal.id)).size).toBe(signals.length);
    for (const signal of signals) {
      expect(signal.id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/u);
      expect(signal.source.length, signal.id).toBeGreaterThan(10);
      expect(signal.description.length, signal.id).toBeGreaterThan(30);
      expect(new Set(signal.presets.map((preset) => preset.id)).size).toBe(signal.presets.length);
      for (const preset of signal.presets)
        expect(preset.source.length, `${signal.id} ${preset.id}`).toBeGreaterThan(10);
    }
  });

  it("has presets whose values fit the parameter schema", () => {
    for (const signal of signals) {
      for (const preset of signal.presets)
        expect(
          () => resolveParameters(signal, undefined, preset.values),
          `${signal.id} ${preset.id}`,
        ).not.toThrow();
    }
  });

  it("says what is missing on an empty trajectory instead of giving a zero", () => {
    const bare = trajectory("bare");
    for (const signal of signals) {
      const result = signal.compute({ trajectory: bare }, resolveParameters(signal, undefined));
      if ("missing" in result) {
        expect(result.how.length, signal.id).toBeGreaterThan(10);
        for (const need of result.missing) expect(needHow[need]).toBeDefined();
      } else {
        expect(Array.from(result.values), signal.id).toEqual([]);
      }
      expect(signal.explain?.({ trajectory: bare }, resolveParameters(signal, undefined), 0)).toBeUndefined();
    }
  });
});

describe.each(signals.map((signal) => [signal.id, signal] as const))("%s", (_id, signal) => {
  it.each(settingsOf(signal))("explains every number it gives (%s)", (_name, values) => {
    for (const context of contexts()) {
      const parameters = resolveParameters(signal, undefined, values);
      const before = JSON.stringify(context.trajectory.steps);
      const result = signal.compute(context, parameters);
      expect(JSON.stringify(context.trajectory.steps)).toBe(before);
      if ("missing" in result) {
        expect(result.how).toMatch(/\.$/u);
        continue;
      }
      for (const part of Object.values(result.parts ?? {})) expect(part.length).toBe(result.values.length);
      if (!signal.explain) continue;
      result.values.forEach((value, index) => {
        const explanation = signal.explain!(context, parameters, index);
        if (Number.isNaN(value)) {
          expect(explanation).toBeUndefined();
          return;
        }
        expect(explanation, `${signal.id} at ${index} of ${context.trajectory.id}`).toBeDefined();
        expect(relativeError(explanation!.lines[0]!.value, value)).toBeLessThan(1e-12);
        for (const line of explanation!.lines) {
          const evaluated = evaluate(line.expression);
          const text = `${line.name} = ${expressionText(line.expression, true)} = ${line.value}`;
          expect(evaluated, text).toBeDefined();
          expect(relativeError(evaluated!, line.value), `${text}, evaluated ${evaluated}`).toBeLessThan(
            1e-12,
          );
        }
      });
    }
  });

  it("gives numbers on at least one of the test worlds", () => {
    const some = settingsOf(signal).some(([, values]) =>
      contexts().some((context) => {
        const result = signal.compute(context, resolveParameters(signal, undefined, values));
        return "values" in result && result.values.some((value) => !Number.isNaN(value));
      }),
    );
    expect(some).toBe(true);
  });
});
