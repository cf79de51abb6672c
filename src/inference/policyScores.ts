import { Failure } from "../model/failure";
import type { ContextPolicy } from "../model/modelDeclaration";
import type { ScoreArray, ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import { causalPass } from "./causalPass";
import type { TokenStatistics } from "./distribution";
import { flowDeviation, flowLayers, flowSettings } from "./flowDeviation";
import { hiddenOutputs } from "./hiddenOutputs";
import type { LoadedModel } from "./loadedModel";
import { contextLength } from "./modelConfig";
import { endsCall, prepareText, sentenceOf, tooLong, type PreparedText } from "./preparedText";
import type { Scorer } from "./scorer";
import { stepOfTokens } from "./stepMap";

interface Item {
  readonly trajectory: Trajectory;
  readonly prepared: PreparedText;
  /** 1 where the policy wrote the token. */
  readonly own: Uint8Array;
  readonly windows: readonly Window[];
}

/** Tokens [start, end) are run together; those from `from` on get their numbers here. */
interface Window {
  readonly start: number;
  readonly end: number;
  readonly from: number;
}

type BaseName = "logprob" | "entropy" | "rank";

const SERIES: readonly { readonly name: BaseName; readonly unit: string }[] = [
  { name: "logprob", unit: "nats" },
  { name: "entropy", unit: "nats" },
  { name: "rank", unit: "rank (1 = likeliest)" },
];

/** Units of the token series that a second model adds. */
const EXTRA_UNITS: Readonly<Record<string, string>> = {
  ref_logprob: "nats",
  kl: "nats",
  combined_logprob: "nats",
  backbone_logprob: "nats",
  guidance: "nats",
  overruled: "1 = another token would have come first",
};

type Part = { readonly window: Window; readonly result: TokenStatistics };

/**
 * Log-probability, entropy and rank of the tokens that the policy wrote, under a causal language model at
 * temperature 1. Prompt, tool and template tokens are NaN: nobody chose them. On demand also the likeliest
 * alternatives, hidden states, and what a reference or a backbone with the same tokenizer says.
 */
export const policyScores: Scorer = async (model, trajectories, context) => {
  const failures: { trajectoryId: string; message: string }[] = [];
  const items: Item[] = [];
  const { extras, second } = context;
  const tokenizer = await model.tokenizer();
  if (second) await checkSameTokens(model, second);
  const shown = hiddenOutputs(model, extras.hiddenLayers ?? []);
  const flow = context.flow && flowPlan(model, context.flow);
  const inFlow = hiddenOutputs(model, flow?.layers.map(({ layer }) => layer) ?? []);
  const hidden = [...shown, ...inFlow.filter(({ layer }) => !shown.some((one) => one.layer === layer))];
  for (const trajectory of trajectories) {
    try {
      const prepared = await prepareText(model, trajectory);
      items.push(itemOf(trajectory, prepared, contextLength(model.files.config), context.longText));
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  const fitting = items.filter((item) => {
    const message = item.windows.length === 0 ? tooLong(model, item.prepared.ids.length) : undefined;
    if (message !== undefined) failures.push({ trajectoryId: item.trajectory.id, message });
    return message === undefined;
  });
  const windows = fitting.flatMap((item) => item.windows.map((window) => ({ item, window })));
  const wanted = windows.map(({ item, window }) => {
    const mask = item.own.slice(window.start, window.end);
    mask.fill(0, 0, window.from - window.start);
    return mask;
  });
  const use = extras.reference !== undefined ? ("reference" as const) : ("backbone" as const);
  const { statistics, computedTokens } = await causalPass(
    model,
    windows.map(({ item, window }) => item.prepared.ids.slice(window.start, window.end)),
    wanted,
    {
      signal: context.signal,
      maxBatchTokens: context.maxBatchTokens,
      sharePrefixes: context.sharePrefixes,
      ...(second || extras.topK
        ? {
            extras: {
              topK: extras.topK ?? 0,
              weight: extras.composeWeight ?? 1,
              ...(second ? { second: use } : {}),
            },
          }
        : {}),
      ...(second ? { second } : {}),
      hidden,
      onBatch: (done, total) =>
        context.onProgress(
          Math.floor((trajectories.length * done) / Math.max(total, 1)),
          `${done.toLocaleString("en")} of ${total.toLocaleString("en")} tokens`,
        ),
    },
  );
  const series: ScoreSeries[] = [];
  const arrays: ScoreArray[] = [];
  let at = 0;
  for (const item of fitting) {
    const parts: Part[] = item.windows.map((window) => ({ window, result: statistics[at++]! }));
    if (hasGap(item, parts)) {
      failures.push({
        trajectoryId: item.trajectory.id,
        message: `${model.files.name} returned NaN where it should give a log-probability, so its numbers are not used.`,
      });
      continue;
    }
    const base = {
      trajectoryId: item.trajectory.id,
      level: "token" as const,
      modelPath: model.files.path,
      modelKind: "policy-lm" as const,
      provider: model.session.provider,
    };
    const method = methodOf(item, second && `${use} ${second.files.name}`);
    const add = (name: string, unit: string, values: Float64Array): void =>
      void series.push({ ...base, name, unit, values, tokenText: item.prepared.tokenText, method });
    for (const { name, unit } of SERIES) {
      add(
        name,
        unit,
        joined(item, parts, 1, (result) => result[name]),
      );
    }
    for (const [name, { width }] of parts[0]!.result.tables ?? []) {
      const data = joined(item, parts, width, (result) => result.tables!.get(name)!.data);
      if (EXTRA_UNITS[name] !== undefined) add(name, EXTRA_UNITS[name], data);
      else {
        const labels =
          name === "topk_id"
            ? { labels: [...data].map((id) => (Number.isNaN(id) ? "" : tokenizer.decode([id]))) }
            : {};
        arrays.push({ ...base, name, rows: item.prepared.ids.length, width, data, method, ...labels });
      }
    }
    const statesOf = (layer: number): { readonly width: number; readonly data: Float32Array } => {
      const { width } = parts[0]!.result.hidden!.get(layer)!;
      const data = joined(item, parts, width, (result) => result.hidden!.get(layer)!.data);
      return { width, data: Float32Array.from(data) };
    };
    const rows = item.prepared.ids.length;
    for (const { layer } of shown)
      arrays.push({
        ...base,
        name: "hidden_states",
        layer,
        rows,
        ...statesOf(layer),
        method: `${method}, after layer ${layer}`,
      });
    if (flow) {
      const draws = await flowDeviation(flow.network, {
        settings: flow.settings,
        layers: flow.layers.map(({ layer, share }) => ({ share, ...statesOf(layer) })),
        tokens: [...item.own.keys()].filter((token) => item.own[token] === 1),
        count: rows,
        draws: extras.flowDraws ?? DEFAULT_FLOW_DRAWS,
        signal: context.signal,
      });
      const how = `${flow.method}, ${method}`;
      const data = new Float64Array(draws.length * rows);
      draws.forEach((row, draw) => data.set(row, draw * rows));
      arrays.push({ ...base, name: "flow_deviation", rows: draws.length, width: rows, data, method: how });
      const mean = draws[0]!.map((_, t) => draws.reduce((sum, row) => sum + row[t]!, 0) / draws.length);
      series.push({
        ...base,
        name: "flow_deviation",
        unit: "squared error",
        values: mean,
        tokenText: item.prepared.tokenText,
        method: `mean over ${draws.length} draws of the noise, ${how}`,
      });
    }
  }
  return { series, arrays, failures, tokens: computedTokens };
};

/** Draws of a flow network's noise where nothing else is asked for: enough to see how far they differ. */
const DEFAULT_FLOW_DRAWS = 4;

/** What a flow network is fed with, and how that is said. */
function flowPlan(policy: LoadedModel, network: LoadedModel) {
  const settings = flowSettings(network);
  const layers = flowLayers(policy, settings);
  const contexts = settings.contexts.map(({ mode, shift }) => `${mode} ${shift}`).join(" + ");
  const method = `velocity deviation under ${network.files.name} at ${settings.times.join(" and ")}, layers ${layers.map(({ layer }) => layer).join(", ")}, ${contexts}`;
  return { network, settings, layers, method };
}

/** True when a token that the policy wrote got no number though it was read. */
function hasGap({ own }: Item, parts: readonly Part[]): boolean {
  for (let i = 1; i < own.length; i++) {
    if (own[i] !== 1) continue;
    let [read, found] = [false, false];
    for (const { window, result } of parts) {
      if (i < window.from || i >= window.end) continue;
      read ||= i > window.start;
      found ||= !Number.isNaN(result.logprob[i - window.start]!);
    }
    if (read && !found) return true;
  }
  return false;
}

/** @throws Failure when two models do not read the same tokens */
async function checkSameTokens(model: LoadedModel, second: LoadedModel): Promise<void> {
  const [own, other] = [await model.tokenizer(), await second.tokenizer()];
  const sample = "The answer is 12 + 7 = 19.\n<think> naïve 😀 </think>";
  const [a, b] = [own.encode(sample, false), other.encode(sample, false)];
  if (a.length === b.length && a.every((id, i) => id === b[i])) return;
  throw new Failure(
    "other-tokenizer",
    `${model.files.name} and ${second.files.name} cut text into different tokens, so their probabilities cannot be compared token by token.`,
    "Choose two models with the same tokenizer.",
  );
}

function itemOf(
  trajectory: Trajectory,
  prepared: PreparedText,
  limit: number | undefined,
  longText: ContextPolicy,
): Item {
  const length = prepared.ids.length;
  return {
    trajectory,
    prepared,
    own: ownTokens(trajectory, prepared),
    windows: windowsOf(length, limit, longText),
  };
}

/** Which tokens the policy wrote: the file's own mask, else the tokens of assistant steps. */
export function ownTokens(trajectory: Trajectory, prepared: PreparedText): Uint8Array {
  const mask = trajectory.tokens?.mask;
  if (prepared.fromFile && mask?.length === prepared.ids.length) return mask;
  const steps = stepOfTokens(prepared.tokens, prepared.spans);
  return Uint8Array.from(steps, (span) => (span >= 0 && prepared.spans[span]!.policy ? 1 : 0));
}

/** One window where the text fits; its end alone, or overlapping halves, where that was asked for; else none. */
function windowsOf(length: number, limit: number | undefined, longText: ContextPolicy): Window[] {
  if (limit === undefined || length <= limit) return [{ start: 0, end: length, from: 0 }];
  if (longText === "refuse") return [];
  if (longText === "truncate-head") return [{ start: length - limit, end: length, from: length - limit }];
  const windows: Window[] = [{ start: 0, end: limit, from: 0 }];
  const stride = Math.max(1, Math.floor(limit / 2));
  while (windows.at(-1)!.end < length) {
    const from = windows.at(-1)!.end;
    const end = Math.min(length, from + stride);
    windows.push({ start: end - limit, end, from });
  }
  return windows;
}

/** A table over the whole text from the windows' tables. */
function joined(
  item: Item,
  parts: readonly Part[],
  width: number,
  read: (result: TokenStatistics) => Float64Array | Float32Array,
): Float64Array {
  const [only] = parts;
  if (only && parts.length === 1 && only.window.end - only.window.from === item.prepared.ids.length) {
    const whole = read(only.result);
    if (whole instanceof Float64Array) return whole;
  }
  const values = new Float64Array(item.prepared.ids.length * width).fill(NaN);
  for (const { window, result } of parts)
    values.set(read(result).subarray((window.from - window.start) * width), window.from * width);
  return values;
}

function methodOf(item: Item, second: string | undefined): string {
  const [first] = item.windows;
  const slid =
    item.windows.length > 1
      ? `, ${item.windows.length} overlapping windows (longer than the context)`
      : first && first.start > 0
        ? `, the first ${first.start.toLocaleString("en")} of ${item.prepared.ids.length.toLocaleString("en")} tokens left out (longer than the context)`
        : "";
  return `temperature 1, ${item.prepared.method}, prompt masked${slid}${second === undefined ? "" : `, ${second}`}`;
}
