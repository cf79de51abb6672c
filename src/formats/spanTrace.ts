import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome, Step } from "../model/trajectory";
import { given, type TrajectoryDraft } from "./draft";
import { isList, isObject, recordedNumber, titleOf } from "./jsonFields";
import { unpacked } from "./spanMessages";
import { contentOf, messageStep, promptOfMessages, roleOf, toolCallsOf } from "./messages";

/** A span of a trace, as every tracer has it once its names are read. */
export interface Span {
  readonly id: string;
  readonly parent: string | undefined;
  readonly trace: string;
  readonly name: string;
  readonly kind: "model" | "tool" | "other";
  /** Nanoseconds since the epoch as digits, or an ISO time. */
  readonly start: string;
  readonly end: string;
  /** Messages that a model read and wrote. */
  readonly input: readonly JsonObject[];
  readonly output: readonly JsonObject[];
  /** Name and arguments of a tool, and what it gave. */
  readonly tool?: string;
  readonly arguments?: JsonValue;
  readonly result?: JsonValue;
  readonly error?: string;
  /** Everything else that the tracer recorded. */
  readonly attributes: JsonObject;
  /** Numbers that judge the span or its trace, by name. */
  readonly scores?: Readonly<Record<string, number | null>>;
}

/** What stands in `extra.spans` of a span that is no step; longer texts repeat what its children say. */
const LONGEST_ATTRIBUTE = 2000;

const sortable = (time: string): string => (/^\d+$/.test(time) ? time.padStart(24, "0") : time);

function milliseconds(span: Span): number | undefined {
  if (/^\d+$/.test(span.start) && /^\d+$/.test(span.end))
    return Number(BigInt(span.end) - BigInt(span.start)) / 1e6;
  const spent = Date.parse(span.end) - Date.parse(span.start);
  return Number.isNaN(spent) ? undefined : spent;
}

/** What makes two messages the same one: a conversation repeats what was said before at each call of the model. */
function messageKey(message: JsonObject): string {
  const text = contentOf(message["content"]).text.trim();
  const calls = toolCallsOf(message["tool_calls"]).map(
    (call) => `${call.name}${JSON.stringify(call.arguments)}`,
  );
  return `${roleOf(message) ?? ""}\n${text}\n${calls.join()}`;
}

function depthOf(span: Span, byId: ReadonlyMap<string, Span>): number {
  let depth = 0;
  const seen = new Set<string>();
  for (
    let at = byId.get(span.parent ?? "");
    at !== undefined && !seen.has(at.id);
    at = byId.get(at.parent ?? "")
  ) {
    seen.add(at.id);
    depth++;
  }
  return depth;
}

function shortened(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value === "string" && value.length > LONGEST_ATTRIBUTE)
    return `${value.slice(0, LONGEST_ATTRIBUTE)}… (${value.length} characters)`;
  if (isList(value)) return value.map((item) => shortened(item) ?? null);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shortened(item)]));
  return value;
}

const textOfResult = (value: JsonValue | undefined): string =>
  typeof value === "string" ? value : contentOf(value).text;

/**
 * Two instrumentations of one call give two model spans, one in the other: by parents, or by time with the same output
 * where the context was lost between them. The inner one is the call itself.
 */
function outerCalls(spans: readonly Span[], byId: ReadonlyMap<string, Span>): ReadonlySet<string> {
  const outer = new Set<string>();
  const byOutput = new Map<string, Span[]>();
  for (const span of spans) {
    if (span.kind !== "model") continue;
    const seen = new Set<string>();
    for (
      let at = byId.get(span.parent ?? "");
      at !== undefined && !seen.has(at.id);
      at = byId.get(at.parent ?? "")
    ) {
      seen.add(at.id);
      if (at.kind === "model") outer.add(at.id);
    }
    if (span.output.length === 0 || span.end === "") continue;
    const key = span.output.map(messageKey).join("\n");
    // Spans come by their start, so a later one of the same output lies inside when it ends earlier.
    const before = byOutput.get(key);
    for (const earlier of before ?? [])
      if (sortable(span.end) <= sortable(earlier.end)) outer.add(earlier.id);
    if (before === undefined) byOutput.set(key, [span]);
    else before.push(span);
  }
  return outer;
}

/** Every text inside a value: what a tool gave may stand in an envelope. */
function textsIn(value: JsonValue | undefined): string[] {
  const known = unpacked(value);
  if (isList(known)) return known.flatMap(textsIn);
  if (isObject(known)) return Object.values(known).flatMap(textsIn);
  return typeof known === "string" ? [known.trim()] : [];
}

function stepsOf(spans: readonly Span[], byId: ReadonlyMap<string, Span>): Step[] {
  const outer = outerCalls(spans, byId);
  const shown = spans.filter(
    (span) => (span.kind === "model" && !outer.has(span.id)) || span.kind === "tool",
  );
  const results = shown
    .filter((span) => span.kind === "tool")
    .flatMap((span) => [textOfResult(span.result).trim(), ...textsIn(span.result)]);
  const steps: Step[] = [];
  const said = new Set<string>();
  const of = (span: Span): JsonObject => ({
    span: span.name,
    span_id: span.id,
    ...(span.parent === undefined ? {} : { parent_span_id: span.parent }),
    depth: depthOf(span, byId),
  });
  const whole = (span: Span): JsonObject => ({
    ...of(span),
    ...given("duration_ms", milliseconds(span)),
    ...(span.error === undefined ? {} : { error: span.error }),
    ...(Object.keys(span.attributes).length === 0 ? {} : { attributes: span.attributes }),
  });
  let spoken = false;
  for (const span of shown) {
    if (span.kind === "tool") {
      const observation = textOfResult(span.result);
      steps.push({
        index: steps.length,
        role: "tool",
        kind: "observe",
        observation,
        extra: {
          ...whole(span),
          ...(span.tool === undefined ? {} : { tool: span.tool }),
          ...(span.arguments === undefined ? {} : { arguments: span.arguments }),
        },
      });
      continue;
    }
    for (const message of span.input) {
      const key = messageKey(message);
      if (said.has(key)) continue;
      said.add(key);
      if (roleOf(message) === "tool") {
        const texts = textsIn(contentOf(message["content"]).text);
        // The tool's own span has shown it.
        if (
          texts.some(
            (text) =>
              text !== "" &&
              results.some((result) => result === text || (text.length >= 40 && result.includes(text))),
          )
        )
          continue;
      }
      const step = messageStep(message, steps.length, spoken ? undefined : "prompt");
      steps.push({ ...step, extra: { ...step.extra, ...of(span) } });
    }
    for (const message of span.output) {
      said.add(messageKey(message));
      const step = messageStep({ ...message, role: "assistant" }, steps.length);
      steps.push({ ...step, extra: { ...step.extra, ...whole(span) } });
    }
    spoken = true;
  }
  // A trace without calls of a model is shown span by span.
  if (steps.length === 0)
    for (const span of spans)
      steps.push({
        index: steps.length,
        role: "environment",
        kind: "observe",
        observation: [
          ...span.input.map((message) => contentOf(message["content"]).text),
          ...span.output.map((message) => contentOf(message["content"]).text),
        ].join("\n"),
        extra: whole(span),
      });
  const last = steps.findLastIndex((step) => step.role === "assistant" && step.kind === "act");
  const answer = steps[last];
  if (answer !== undefined && answer.toolCalls === undefined) steps[last] = { ...answer, kind: "answer" };
  return steps;
}

const REWARD = /^(?:.*[._])?reward(?:[._]value)?$/;

function outcomeOf(spans: readonly Span[], scores: Readonly<Record<string, number | null>>): Outcome {
  const components: Record<string, number | null> = { ...scores };
  for (const span of spans) Object.assign(components, span.scores ?? {});
  const own = Object.keys(components).filter((name) => REWARD.test(name));
  const attribute = spans
    .flatMap((span) => Object.entries(span.attributes))
    .find(([key, value]) => REWARD.test(key) && recordedNumber(value) !== undefined);
  const name = own.length === 1 ? own[0] : undefined;
  const reward = name === undefined ? recordedNumber(attribute?.[1]) : components[name];
  const error = spans.find(
    (span) => span.error !== undefined && !spans.some((one) => one.id === span.parent),
  )?.error;
  return {
    ...(reward === undefined ? {} : { reward, rewardSource: name ?? attribute?.[0] ?? "reward" }),
    ...(error === undefined ? {} : { stopReason: `error: ${titleOf(error)}` }),
    components: Object.fromEntries(Object.entries(components).filter(([key]) => key !== name)),
  };
}

/** The traces of a list of spans, each a trajectory; spans of one trace may stand anywhere in the list. */
export function traceDrafts(
  all: readonly Span[],
  more: (
    trace: string,
    spans: readonly Span[],
  ) => Partial<TrajectoryDraft> & {
    readonly scores?: Readonly<Record<string, number | null>>;
  } = () => ({}),
): TrajectoryDraft[] {
  const traces = new Map<string, Span[]>();
  for (const span of all) {
    const known = traces.get(span.trace);
    if (known === undefined) traces.set(span.trace, [span]);
    else known.push(span);
  }
  return [...traces].map(([trace, list]) => {
    const spans = list.sort((a, b) =>
      sortable(a.start) < sortable(b.start) ? -1 : sortable(a.start) > sortable(b.start) ? 1 : 0,
    );
    const byId = new Map(spans.map((span) => [span.id, span]));
    const steps = stepsOf(spans, byId);
    const shown = new Set(
      steps.flatMap((step) => (step.extra?.["duration_ms"] === undefined ? [] : [step.extra["span_id"]])),
    );
    const first = spans.find((span) => span.kind === "model" && span.input.length > 0) ?? spans[0];
    const prompt = promptOfMessages(first?.input ?? []);
    const root = spans.find((span) => !byId.has(span.parent ?? "")) ?? spans[0];
    const { scores = {}, extra, notes, ...rest } = more(trace, spans);
    return {
      ownId: trace,
      title: titleOf(prompt ?? root?.name ?? trace),
      task: { ...given("prompt", prompt) },
      steps,
      outcome: outcomeOf(spans, scores),
      ...rest,
      extra: {
        ...extra,
        spans: spans
          .filter((span) => !shown.has(span.id))
          .map((span) => ({
            id: span.id,
            parent: span.parent ?? null,
            name: span.name,
            start: span.start,
            ...given("duration_ms", milliseconds(span)),
            ...(span.error === undefined ? {} : { error: span.error }),
            attributes: shortened(span.attributes) ?? {},
          })),
      },
      notes: [
        ...(notes ?? []),
        ...(spans.every((span) => span.parent === undefined || byId.has(span.parent))
          ? []
          : [
              {
                code: "missing-spans",
                message: "Parents of some spans are not in the file: the trace may be incomplete.",
              },
            ]),
      ],
    };
  });
}
