import { explanationView } from "../../../src/host/editors/explanationView";
import type { FromTrajectoryView, ToTrajectoryView, TrackData } from "../../../src/protocol/webviewMessages";
import { encodeNumbers } from "../../../src/protocol/wireNumbers";
import { signals } from "../../../src/signals/index";
import { resolveParameters, type SignalContext } from "../../../src/signals/signal";
import { playDataset } from "./datasetHost";
import { trajectoryScenarios, type TrajectoryScenario } from "./scenarios";
import { playTree } from "./treeHost";

/**
 * Runs inside the page in place of VS Code: answers a view's messages from a scenario, with the real signals, the
 * host's own message code, and the loss that VS Code's own transport has (NaN in plain JSON becomes null).
 */
export type Answer = (message: unknown) => void;

interface Harness {
  /** Messages that the view sent, newest last. */
  readonly sent: { type: string; [key: string]: unknown }[];
  /** What was answered, newest last. */
  readonly answered: unknown[];
  post(message: unknown): void;
  /** Milliseconds before every answer; Infinity = never. */
  delay: number;
}

declare global {
  interface Window {
    harness: Harness;
    /** A trajectory read by the command line, put here before the page starts. */
    realScenario?: TrajectoryScenario;
    acquireVsCodeApi(): {
      postMessage(message: unknown): void;
      getState(): unknown;
      setState(state: unknown): void;
    };
  }
}

const path = new URLSearchParams(location.search);
const app = path.get("app") ?? "trajectory";
const name = path.get("scenario") ?? "puzzle";

function wire<T>(value: T): T {
  if (ArrayBuffer.isView(value)) return structuredClone(value);
  if (Array.isArray(value)) return value.map((item: unknown) => wire(item)) as T;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => [key, wire(item)]),
    ) as T;
  }
  return (typeof value === "number" && !Number.isFinite(value) ? null : value) as T;
}

const sent: Harness["sent"] = [];
const post = (message: unknown): void => window.postMessage(wire(encodeNumbers(message)), "*");
const answered: unknown[] = [];
window.harness = { sent, answered, post, delay: Number(path.get("delay") ?? 0) };
const later: Answer = (message) => {
  answered.push(message);
  if (Number.isFinite(window.harness.delay)) setTimeout(() => post(message), window.harness.delay);
};

/** Puts typed arrays back that JSON turned into objects. */
function revive(scenario: TrajectoryScenario): TrajectoryScenario {
  const numbers = (values: unknown): number[] =>
    Object.values(values as Record<string, number | string>).map(Number);
  const { trajectory } = scenario;
  const { tokens, columns } = trajectory;
  return {
    ...scenario,
    trajectory: {
      ...trajectory,
      ...(tokens
        ? {
            tokens: {
              ...tokens,
              ...(tokens.ids ? { ids: Int32Array.from(numbers(tokens.ids)) } : {}),
              ...(tokens.mask ? { mask: Uint8Array.from(numbers(tokens.mask)) } : {}),
              series: Object.fromEntries(
                Object.entries(tokens.series).map(([key, values]) => [
                  key,
                  Float64Array.from(numbers(values)),
                ]),
              ),
            },
          }
        : {}),
      ...(columns
        ? {
            columns: {
              ...columns,
              columns: columns.columns.map((column) => ({
                ...column,
                data: Float64Array.from(numbers(column.data)),
              })),
            },
          }
        : {}),
    },
  };
}

function playTrajectory(scenario: TrajectoryScenario, answer: Answer): (message: FromTrajectoryView) => void {
  const { trajectory, members } = scenario;
  const self = members.findIndex((member) => member.id === trajectory.id);
  const stepCount = Math.max(trajectory.steps.length, trajectory.columns?.steps ?? 0);
  const context: SignalContext = {
    trajectory,
    ...(members.length > 0
      ? {
          group: {
            groupId: "g0",
            members: members.map((member) => ({
              trajectoryId: member.id,
              reward: member.reward,
              components: {},
              stepCount: member.stepCount,
            })),
          },
        }
      : {}),
  };
  const presets = new Map(scenario.signals.map(([id, preset]) => [id, preset]));
  const compute = (id: string) => {
    const signal = signals.find((each) => each.id === id)!;
    return { signal, result: signal.compute(context, resolveParameters(signal, presets.get(id))) };
  };
  const track = (id: string): TrackData => {
    const { signal, result } = compute(id);
    const preset = signal.presets.find((each) => each.id === presets.get(id));
    const shared = {
      key: id,
      signalId: id,
      title: signal.title,
      convention: preset
        ? `${preset.title} · ${preset.source.slice(0, 60)}`
        : id.startsWith("recorded")
          ? "recorded"
          : "",
      unit: signal.unit,
      signed: signal.signed,
      source: id.startsWith("recorded") ? ("recorded" as const) : ("signal" as const),
      presets: signal.presets.map((each) => ({ id: each.id, title: each.title })),
      ...(preset ? { presetId: preset.id } : {}),
    };
    const level = (wanted: string): TrackData["level"] =>
      wanted === "token" || wanted === "step" ? wanted : "trajectory";
    if ("missing" in result) {
      const action = result.missing.includes("group")
        ? ("openGroup" as const)
        : result.missing.includes("logprobs") ||
            result.missing.includes("values") ||
            result.missing.includes("entropies")
          ? ("score" as const)
          : undefined;
      return {
        ...shared,
        level: level(signal.level),
        missing: { how: result.how, ...(action ? { action } : {}) },
        notes: [],
        explainable: false,
      };
    }
    return {
      ...shared,
      level: level(result.level),
      values: result.values,
      notes: result.notes,
      explainable: signal.explain !== undefined,
    };
  };
  let shown = scenario.signals.map(([id]) => id);
  let scored = false;
  /** What the model of the head gives: a number for each step of the policy. */
  const score = (): TrackData => ({
    key: "model:/models/prm:reward",
    title: "prm reward",
    convention: "process reward on webgpu",
    unit: "probability",
    signed: false,
    level: "step",
    source: "model",
    values: Float64Array.from({ length: stepCount }, (_, index) => (index === 0 ? NaN : 0.9 - index / 16)),
    notes: ["Probability that the steps up to here are correct."],
    explainable: false,
  });
  const policy = (): readonly TrackData[] => {
    const words = trajectory.tokens?.text ?? [];
    const series = (name: string, unit: string, value: (index: number) => number): TrackData => ({
      key: `model:/models/policy:${name}`,
      title: `policy ${name}`,
      convention: "causal LM on webgpu",
      unit,
      signed: false,
      level: "token",
      source: "model",
      tokenText: words,
      values: Float64Array.from(words, (_, index) => (index === 0 ? NaN : value(index))),
      notes: ["Each token given those before it."],
      explainable: false,
      alternatives: 3,
      partial: "the first 512 of 2,560 tokens left out (longer than the context of 2,048)",
    });
    const steps = (value: (index: number) => number): Float64Array =>
      Float64Array.from({ length: stepCount }, (_, index) => value(index));
    const value: TrackData = {
      key: "model:/models/policy:mc_value",
      title: "policy Monte-Carlo value",
      convention: "causal LM on webgpu",
      unit: "share of continuations",
      signed: false,
      level: "step",
      source: "model",
      values: steps(() => 0.5),
      interval: { low: steps(() => 0.28), high: steps(() => 0.72) },
      notes: ["mean over 16 continuations; 95 % interval: Wilson score"],
      explainable: false,
    };
    return words.length === 0
      ? []
      : [
          series("log-probability", "nats", (index) => Math.log(index % 4 === 3 ? 0.2 : 0.7)),
          series("rank", "rank (1 = likeliest)", (index) => (index % 4 === 3 ? 2 : 1)),
          value,
        ];
  };
  const sendTracks = (): void => {
    const tracks = [...shown.map(track), ...(scored ? [score(), ...policy()] : [])];
    const isLong = (each: TrackData): boolean => (each.values?.length ?? 0) > 5_000;
    answer({
      type: "tracks",
      tracks: tracks.map(({ values, ...rest }) =>
        values === undefined
          ? rest
          : isLong({ ...rest, values })
            ? { ...rest, valueCount: values.length }
            : { ...rest, values },
      ),
    });
    for (const { key, values } of tracks.filter(isLong)) {
      for (let start = 0; start < values!.length; start += 4_000)
        answer({ type: "trackValues", key, start, values: values!.slice(start, start + 4_000) });
    }
  };
  const head: Extract<ToTrajectoryView, { type: "head" }> = {
    type: "head",
    head: {
      row: {
        id: trajectory.id,
        datasetId: "d",
        path: trajectory.source.path,
        row: trajectory.source.row,
        part: 0,
        title: trajectory.task.prompt ?? trajectory.source.member ?? trajectory.id,
        stepCount,
        components: trajectory.outcome.components,
        ...(trajectory.trainingStep === undefined ? {} : { trainingStep: trajectory.trainingStep }),
        ...(members.length > 0 ? { groupId: "g0", memberIndex: self, groupSize: members.length } : {}),
      },
      format: trajectory.format,
      formatTitle: trajectory.format,
      datasetName: "rollouts",
      source: trajectory.source,
      prompt: trajectory.task.prompt,
      groundTruth:
        trajectory.task.groundTruth === undefined ? undefined : String(trajectory.task.groundTruth),
      outcome: trajectory.outcome,
      notes: trajectory.notes,
      stepCount,
      tokenCount: trajectory.tokens?.count ?? 0,
      tokenSeries: Object.keys(trajectory.tokens?.series ?? {}),
      columns: (trajectory.columns?.columns ?? []).map(({ data: _data, ...column }) => column),
      group: members,
      hasTree: members.length > 1,
      models: [
        {
          path: "/models/prm",
          name: "prm",
          kind: "process-reward",
          layout: "huggingface-folder",
          bytes: 3_100_000,
        },
      ],
      modelPath: "/models/prm",
      provider: "webgpu",
    },
  };
  return (message) => {
    switch (message.type) {
      case "ready":
        answer(head);
        sendTracks();
        return;
      case "steps": {
        const items = trajectory.steps
          .slice(message.start, Math.min(message.end, message.start + 500))
          .map((step) => {
            const cut = (["observation", "thought", "action"] as const).filter(
              (field) => (step[field]?.length ?? 0) > 4_000,
            );
            const texts = Object.fromEntries(cut.map((field) => [field, step[field]!.slice(0, 4_000)]));
            return {
              step: { ...step, ...texts },
              cut,
              totals: Object.fromEntries(cut.map((field) => [field, step[field]!.length])),
            };
          });
        return answer({ type: "steps", start: message.start, items });
      }
      case "text": {
        const text = trajectory.steps[message.stepIndex]?.[message.field] ?? "";
        return answer({
          ...message,
          text: text.slice(message.start, message.start + 60_000),
          total: text.length,
        });
      }
      case "tokens": {
        const { tokens } = trajectory;
        const series = Object.fromEntries(
          Object.entries(tokens?.series ?? {}).map(([key, values]) => [
            key,
            values.slice(message.start, message.end),
          ]),
        );
        return answer({
          type: "tokens",
          id: message.id,
          start: message.start,
          text: tokens?.text?.slice(message.start, message.end),
          ids: tokens?.ids?.slice(message.start, message.end),
          mask: tokens?.mask?.slice(message.start, message.end),
          series,
        });
      }
      case "alternatives": {
        const words = (trajectory.tokens?.text ?? []).slice(message.start, message.end);
        const second = (index: number): boolean => (message.start + index) % 4 === 3;
        return answer({
          type: "alternatives",
          id: message.id,
          key: message.key,
          start: message.start,
          width: 3,
          text: words.flatMap((word, index) =>
            message.start + index === 0
              ? ["", "", ""]
              : second(index)
                ? [" else", word, ""]
                : [word, " else", ""],
          ),
          logprob: Float64Array.from(
            words.flatMap((_, index) =>
              message.start + index === 0 ? [NaN, NaN, NaN] : [Math.log(0.7), Math.log(0.2), NaN],
            ),
          ),
        });
      }
      case "column": {
        const column = trajectory.columns?.columns.find((each) => each.name === message.name);
        if (column) answer({ type: "column", name: message.name, start: 0, data: column.data });
        return;
      }
      case "preset":
        presets.set(message.key, message.presetId);
        return sendTracks();
      case "removeTrack":
        shown = shown.filter((id) => id !== message.key);
        return sendTracks();
      case "explain": {
        const { signal, result } = compute(message.key);
        const explanation = signal.explain?.(
          context,
          resolveParameters(signal, presets.get(message.key)),
          message.index,
        );
        const group = { result } as Parameters<typeof explanationView>[2];
        const code = { label: "advantages.py:41", path: "/workspace/advantages.py", line: 41 };
        return answer({
          type: "explanation",
          id: message.id,
          key: message.key,
          index: message.index,
          explanation:
            explanation &&
            explanationView(explanation, "", group, trajectory.id, message.key === "grpo" ? code : undefined),
          why: explanation ? undefined : "There is no number here to explain.",
        });
      }
      case "score":
        answer({
          type: "scoring",
          state: "running",
          message: "Scoring 1 trajectory with prm.",
          done: 0,
          total: 2,
          provider: "webgpu",
        });
        answer({
          type: "scoring",
          state: "done",
          message: "Scored 1 trajectory with prm on webgpu: 82 tokens in 0.031 s.",
          done: 2,
          total: 2,
          provider: "webgpu",
        });
        scored = true;
        return sendTracks();
    }
  };
}

function player(): (message: never) => void {
  if (app === "dataset") return playDataset(name, later) as (message: never) => void;
  if (app === "tree") return playTree(name, later) as (message: never) => void;
  if (name === "real" && window.realScenario)
    return playTrajectory(revive(window.realScenario), later) as (message: never) => void;
  const scenario = trajectoryScenarios[name];
  if (!scenario) throw new Error(`There is no scenario ${name}.`);
  return playTrajectory(scenario(), later) as (message: never) => void;
}

const play = player();
const stateKey = `state of ${app} ${name}`;
let state: unknown = JSON.parse(sessionStorage.getItem(stateKey) ?? "null") ?? undefined;
window.acquireVsCodeApi = () => ({
  postMessage: (message) => {
    const copy = JSON.parse(JSON.stringify(message)) as Harness["sent"][number];
    sent.push(copy);
    play(copy as never);
  },
  getState: () => state,
  setState: (next) => {
    state = next;
    sessionStorage.setItem(stateKey, JSON.stringify(next));
  },
});
