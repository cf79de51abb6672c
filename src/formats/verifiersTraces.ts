import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { Step, TokenColumns } from "../model/trajectory";
import type { TreeNode } from "../model/tree";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { FormatRecord } from "./format";
import {
  isList,
  isObject,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { contentOf, messageStep } from "./messages";

interface GraphNode {
  readonly parent: number;
  readonly message: JsonObject;
  readonly node: JsonObject;
}

/** Arrays that hold one number per trained token (mask true) of their node. */
const COMPACT: Readonly<Record<string, string>> = {
  logprobs: "logprob",
  advantages: "advantage",
  reference_logprobs: "ref_logprob",
  trainer_logprobs: "trainer_logprob",
  entropies: "entropy",
};

function nodesOf(trace: JsonObject): readonly GraphNode[] {
  const nodes = isList(trace["nodes"]) ? trace["nodes"] : [];
  return nodes.map((node, index) => {
    const own = isObject(node) ? node : {};
    const parent = wholeNumber(own["parent"]) ?? -1;
    // Parents come before their children; anything else would be a circle.
    return {
      parent: parent < index ? parent : -1,
      message: isObject(own["message"]) ? own["message"] : {},
      node: own,
    };
  });
}

function leavesOf(nodes: readonly GraphNode[]): readonly number[] {
  const parents = new Set(nodes.map((node) => node.parent));
  return nodes.flatMap((_, index) => (parents.has(index) ? [] : [index]));
}

function pathTo(nodes: readonly GraphNode[], leaf: number): readonly number[] {
  const path: number[] = [];
  for (let index = leaf; index >= 0; index = nodes[index]?.parent ?? -1) path.unshift(index);
  return path;
}

function tracesOf(record: FormatRecord): {
  readonly episode: JsonObject;
  readonly traces: readonly JsonObject[];
} {
  const value = record.kind === "value" && isObject(record.value) ? record.value : undefined;
  if (value === undefined)
    throw new Failure(
      "unfit-record",
      "The line is not a JSON object.",
      "Check that the file is a verifiers traces.jsonl.",
    );
  if (isList(value["nodes"])) return { episode: {}, traces: [value] };
  if (!isList(value["traces"]))
    throw new Failure(
      "missing-field",
      "The line has no `traces`.",
      "Check that the file is a verifiers traces.jsonl.",
    );
  return { episode: value, traces: value["traces"].filter(isObject) };
}

/** Tokens along a path: each node's ids are what it adds; compact arrays are laid on its trained tokens. */
function tokensOf(path: readonly GraphNode[]): {
  readonly tokens: TokenColumns | undefined;
  readonly ranges: readonly (readonly [number, number])[];
} {
  const ids: number[] = [];
  const mask: number[] = [];
  const ranges: (readonly [number, number])[] = [];
  for (const { node } of path) {
    const own = isList(node["token_ids"]) ? node["token_ids"].map(Number) : [];
    const flags = isList(node["mask"]) ? node["mask"] : [];
    ranges.push([ids.length, ids.length + own.length]);
    for (const [index, id] of own.entries()) {
      ids.push(id);
      mask.push(recordedNumber(flags[index]) === 1 ? 1 : 0);
    }
  }
  if (ids.length === 0) return { tokens: undefined, ranges };
  const series: Record<string, Float64Array> = {};
  for (const [position, { node }] of path.entries()) {
    const [start, end] = ranges[position] ?? [0, 0];
    const trained = Array.from({ length: end - start }, (_, index) => start + index).filter(
      (index) => mask[index] === 1,
    );
    // Weights of the loss are named streams with a number for each of the node's tokens.
    const weights = isObject(node["loss_weights"]) ? Object.entries(node["loss_weights"]) : [];
    const streams = [
      ...Object.entries(COMPACT).map(([key, name]) => [name, node[key]] as const),
      ...weights.map(([name, values]) => [`loss_weights.${name}`, values] as const),
    ];
    for (const [name, values] of streams) {
      // null says that nothing was assigned, which is not zero; an empty list is a node without trained tokens.
      if (!isList(values) || values.length === 0) continue;
      const target = (series[name] ??= new Float64Array(ids.length).fill(Number.NaN));
      const places =
        values.length === trained.length
          ? trained
          : values.length === end - start
            ? Array.from({ length: end - start }, (_, index) => start + index)
            : [];
      for (const [index, place] of places.entries())
        target[place] = recordedNumber(values[index]) ?? Number.NaN;
    }
  }
  return {
    tokens: { count: ids.length, ids: Int32Array.from(ids), mask: Uint8Array.from(mask), series },
    ranges,
  };
}

function sameNumber(values: readonly number[]): number | undefined {
  const numbers = values.filter((value) => !Number.isNaN(value));
  return numbers.length > 0 && numbers.every((value) => value === numbers[0]) ? numbers[0] : undefined;
}

function rewardOf(trace: JsonObject): {
  readonly reward: number | null | undefined;
  readonly components: Record<string, number | null>;
} {
  const components: Record<string, number | null> = {};
  let sum = 0;
  let scored = 0;
  const rewards = isObject(trace["rewards"]) ? trace["rewards"] : {};
  for (const [name, value] of Object.entries(rewards)) {
    const score = isObject(value) ? recordedNumber(value["score"]) : recordedNumber(value);
    if (score === undefined) continue;
    components[name] = score;
    if (score === null) continue;
    const weight = isObject(value) ? recordedNumber(value["weight"]) : 1;
    sum += score * (weight ?? 1);
    scored++;
  }
  const metrics = isObject(trace["metrics"]) ? trace["metrics"] : {};
  for (const [name, value] of Object.entries(metrics)) {
    const number = recordedNumber(value);
    if (number !== undefined && !(name in components)) components[name] = number;
  }
  return { reward: Object.keys(rewards).length === 0 ? undefined : scored === 0 ? null : sum, components };
}

/** A limit of the framework stopped the trace, its history could not be compacted, or its last answer was cut. */
function isTruncated(trace: JsonObject, stopReason: string): boolean {
  if (/max|length|limit|truncat|compaction_failed/i.test(stopReason)) return true;
  const calls = isList(trace["calls"]) ? trace["calls"].filter(isObject) : [];
  return calls.findLast((call) => !isObject(call["error"]))?.["finish_reason"] === "length";
}

function draftsOf(record: FormatRecord): TrajectoryDraft[] {
  const { episode, traces } = tracesOf(record);
  const run = isObject(episode["run"]) ? episode["run"] : {};
  const work = isObject(run["work"]) ? run["work"] : {};
  const group = isObject(episode["group"]) ? textOf(episode["group"]["id"]) : undefined;
  return traces.flatMap((trace) => {
    const nodes = nodesOf(trace);
    const task = isObject(trace["task"]) ? trace["task"] : isObject(episode["task"]) ? episode["task"] : {};
    const data = isObject(task["data"]) ? task["data"] : {};
    const question = textOf(data["question"]) ?? textOf(data["prompt"]) ?? textOf(data["problem"]);
    const { reward, components } = rewardOf(trace);
    const stopReason = textOf(trace["stop_condition"]);
    const agent = isObject(trace["agent"]) ? textOf(trace["agent"]["name"]) : undefined;
    const leaves = leavesOf(nodes);
    return leaves.map((leaf): TrajectoryDraft => {
      const path = pathTo(nodes, leaf);
      const along = path.map((index) => nodes[index] as GraphNode);
      const { tokens, ranges } = tokensOf(along);
      const firstSampled = along.findIndex(({ node }) => recordedFlag(node["sampled"]) === true);
      const steps = along.map(({ message, node }, position): Step => {
        const step = messageStep(
          message,
          position,
          position < (firstSampled < 0 ? along.length : firstSampled) ? "prompt" : undefined,
        );
        const [start, end] = ranges[position] ?? [0, 0];
        const advantages = tokens?.series["advantage"]?.subarray(start, end);
        const advantage =
          advantages === undefined || !isList(node["advantages"])
            ? node["advantages"] === null && recordedFlag(node["sampled"]) === true
              ? null
              : undefined
            : sameNumber([...advantages]);
        return {
          ...step,
          ...(end > start ? { tokenStart: start, tokenEnd: end } : {}),
          ...given("advantage", advantage),
        };
      });
      const advantage =
        tokens?.series["advantage"] === undefined ? undefined : sameNumber([...tokens.series["advantage"]]);
      return {
        ...given("ownId", textOf(trace["id"]) ?? textOf(episode["id"])),
        groupKey: `${group ?? textOf(task["hash"]) ?? textOf(task["key"]) ?? question ?? ""}/${agent ?? ""}`,
        ...(group === undefined ? { groupGuess: "episodes of one training step with the same task" } : {}),
        title: titleOf(question ?? steps.find((step) => step.role === "user")?.observation ?? ""),
        task: {
          ...given("id", textOf(task["key"])),
          ...given("prompt", question),
          ...given("groundTruth", data["answer"]),
        },
        ...given("trainingStep", wholeNumber(work["step"])),
        ...given("split", textOf(work["type"]) ?? textOf(run["type"])),
        steps,
        ...given("tokens", tokens),
        outcome: {
          ...(reward === undefined
            ? {}
            : { reward, rewardSource: "sum of score times weight (functions that gave null are left out)" }),
          ...given("stopReason", stopReason),
          ...(stopReason === undefined ? {} : { truncated: isTruncated(trace, stopReason) }),
          components,
        },
        ...given("advantage", advantage),
        extra: {
          ...without(trace, new Set(["nodes", "rewards", "metrics"])),
          episode: without(episode, new Set(["traces"])),
        },
        notes:
          leaves.length > 1
            ? [
                {
                  code: "branches",
                  message: `The trace has ${leaves.length} branches; this is the path to one of its leaves.`,
                },
              ]
            : [],
      };
    });
  });
}

/** verifiers v1 traces, which prime-rl writes too: one episode a line, a graph of messages with per-token numbers. */
export const verifiersTraces = draftedFormat({
  id: "verifiers-traces",
  title: "verifiers traces",
  source: "PrimeIntellect-ai/verifiers v1 and prime-rl, traces.jsonl",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: true,
  recordsAdvantage: "token",

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    if (isList(row["traces"]) && "task" in row && ("env" in row || "ok" in row))
      return { confidence: 0.95, reason: "keys traces, env, task, ok" };
    const first = isList(row["nodes"]) ? row["nodes"][0] : undefined;
    return isObject(first) && "parent" in first && "message" in first && "sampled" in first
      ? { confidence: 0.9, reason: "nodes of {parent, message, sampled}" }
      : undefined;
  },

  drafts: draftsOf,

  tree(record, context, trajectoryId) {
    const { traces } = tracesOf(record);
    const nodes: TreeNode[] = [];
    let part = 0;
    for (const trace of traces) {
      const own = nodesOf(trace);
      const leaves = new Set(leavesOf(own));
      const offset = nodes.length;
      const { reward } = rewardOf(trace);
      const depth: number[] = [];
      for (const [index, { parent, message, node }] of own.entries()) {
        depth.push(parent < 0 ? 0 : (depth[parent] ?? 0) + 1);
        const advantages = isList(node["advantages"])
          ? node["advantages"].map((value) => recordedNumber(value) ?? Number.NaN)
          : undefined;
        const leaf = leaves.has(index);
        const logprobs =
          isList(node["logprobs"]) && node["logprobs"].length > 0
            ? node["logprobs"].reduce<number>((sum, value) => sum + (recordedNumber(value) ?? Number.NaN), 0)
            : undefined;
        nodes.push({
          parent: parent < 0 ? -1 : parent + offset,
          depth: depth[index] ?? 0,
          text: contentOf(message["content"]).text,
          ...given(
            "advantage",
            advantages === undefined
              ? node["advantages"] === null && recordedFlag(node["sampled"]) === true
                ? null
                : undefined
              : sameNumber(advantages),
          ),
          ...(leaf && reward !== undefined ? { reward, value: reward } : {}),
          leaf,
          status: "kept",
          ...(leaf ? { trajectoryId: trajectoryId(part++) } : {}),
          stepIndex: depth[index] ?? 0,
          ...given("tokenCount", isList(node["token_ids"]) ? node["token_ids"].length : undefined),
          ...given("logprob", logprobs),
        });
      }
    }
    return {
      id: context.groupId ?? `${context.relativePath}#${context.row}`,
      title: "branches of the trace",
      datasetId: context.datasetId,
      ...given("groupId", context.groupId),
      origin: "file",
      valueSource: "reward of the trace at its leaves",
      advantageSource: "recorded per token, where a node's tokens share one",
      nodes,
    };
  },
});
