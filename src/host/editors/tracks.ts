import { basename } from "node:path";
import type { ScoreSeries } from "../../model/score";
import type { TrackData } from "../../protocol/webviewMessages";
import type { Services, SignalRequest, SignalTrack } from "../../services/services";
import { resolveRequest } from "../../services/signals";
import { signals as catalogue } from "../../signals/index";
import type { Need } from "../../signals/signal";
import { failureData } from "../../model/failure";
import { kindTitles } from "../scoring/modelChoice";
import { shownTokens } from "../ui/credentialMask";
import { settings } from "../ui/settings";

/** A track that a view shows: a signal of the catalogue, or a series that a model produced. */
export type TrackRequest =
  | { readonly kind: "signal"; readonly key: string; readonly request: SignalRequest }
  | {
      readonly kind: "model";
      readonly key: string;
      readonly series: ScoreSeries;
      /** Bounds of its confidence interval, where the model's run told them. */
      readonly bounds?: readonly [low: ScoreSeries, high: ScoreSeries];
    };

const recordedPrefix = "recorded-";
const modelSignal = "model-score";

/** Key of a signal's track. The preset is no part of it: choosing another preset changes the track, not its place. */
const signalKey = (request: SignalRequest): string =>
  request.parameters && Object.keys(request.parameters).length > 0
    ? `${request.signalId}?${JSON.stringify(request.parameters)}`
    : request.signalId;

/** A request with the preset that the user's settings name for its signal, where the signal has such a preset. */
function withUserPreset(request: SignalRequest): SignalRequest {
  const wanted = settings.presets()[request.signalId];
  const known = catalogue
    .find((signal) => signal.id === request.signalId)
    ?.presets.some((preset) => preset.id === wanted);
  return wanted !== undefined && known ? { ...request, presetId: wanted } : request;
}

/** The tracks to show first: the service's defaults, the models' series, and what the settings add. */
export async function defaultTracks(services: Services, trajectoryId: string): Promise<TrackRequest[]> {
  const [requests, scores] = await Promise.all([
    services.signals.defaults(trajectoryId),
    services.datasets.scores(trajectoryId),
  ]);
  const tracks = new Map<string, TrackRequest>();
  const add = (request: SignalRequest): void => {
    const key = signalKey(request);
    if (!tracks.has(key)) tracks.set(key, { kind: "signal", key, request: withUserPreset(request) });
  };
  for (const request of requests) {
    if (request.signalId === modelSignal) continue;
    add(request);
  }
  for (const track of modelTracks(scores)) tracks.set(track.key, track);
  for (const entry of settings.tracks()) {
    const [signalId, presetId] = entry.split(":");
    if (signalId && catalogue.some((signal) => signal.id === signalId))
      add({ signalId, ...(presetId ? { presetId } : {}) });
  }
  return [...tracks.values()];
}

/** One track for each quantity of each model; of several runs of one model the newest counts. */
function modelTracks(scores: readonly ScoreSeries[]): Extract<TrackRequest, { kind: "model" }>[] {
  const newest = new Map<string, Extract<TrackRequest, { kind: "model" }>>();
  const keyOf = (modelPath: string, name: string): string => `model:${modelPath}:${name}`;
  for (const series of scores) {
    const key = keyOf(series.modelPath, series.name);
    newest.set(key, { kind: "model", key, series });
  }
  return [...newest.values()].flatMap((track) => {
    const { modelPath, name } = track.series;
    // Bounds are drawn with the number that they belong to.
    const bounded = /^(.+)_(?:low|high)$/.exec(name)?.[1];
    if (bounded !== undefined && newest.has(keyOf(modelPath, bounded))) return [];
    const low = newest.get(keyOf(modelPath, `${name}_low`))?.series;
    const high = newest.get(keyOf(modelPath, `${name}_high`))?.series;
    return low && high ? [{ ...track, bounds: [low, high] as const }] : [track];
  });
}

/** Computes one track. What is missing becomes a sentence in the track, never an error of the whole view. */
export async function computeTrack(
  services: Services,
  trajectoryId: string,
  track: TrackRequest,
): Promise<{ data: TrackData; computed: SignalTrack | undefined }> {
  if (track.kind === "model") return { data: modelTrack(track), computed: undefined };
  const { request, key } = track;
  const signal = catalogue.find((candidate) => candidate.id === request.signalId);
  const presets = signal?.presets.map(({ id, title }) => ({ id, title })) ?? [];
  const common = {
    key,
    signalId: request.signalId,
    ...(request.presetId === undefined ? {} : { presetId: request.presetId }),
    ...(presets.length === 0 ? {} : { presets }),
    source: request.signalId.startsWith(recordedPrefix) ? ("recorded" as const) : ("signal" as const),
  };
  try {
    const computed = await services.signals.compute(trajectoryId, request);
    const { result } = computed;
    const shared = {
      ...common,
      title: computed.title,
      convention: computed.convention || (common.source === "recorded" ? "recorded" : ""),
      unit: computed.unit,
      signed: computed.signed,
      explainable: signal?.explain !== undefined && !("missing" in result),
    };
    if ("missing" in result) {
      return {
        data: {
          ...shared,
          level: viewLevel(signal?.level),
          missing: missing(result.missing, result.how),
          notes: [],
        },
        computed,
      };
    }
    return {
      data: { ...shared, level: viewLevel(result.level), values: result.values, notes: result.notes },
      computed,
    };
  } catch (error) {
    const { message, hint } = failureData(error);
    const data: TrackData = {
      ...common,
      title: signal?.title ?? request.signalId,
      convention: "",
      unit: signal?.unit ?? "",
      signed: signal?.signed ?? false,
      level: viewLevel(signal?.level),
      missing: { how: `${message} ${hint}` },
      notes: [],
      explainable: false,
    };
    return { data, computed: undefined };
  }
}

/** Series whose own name says little to a reader. */
const seriesTitles: Readonly<Record<string, string>> = {
  mc_value: "Monte-Carlo value",
  logprob: "log-probability",
};

/** "prm reward": the model first, so that what it says is never taken for what the file records. */
function modelTitle({ modelPath, name }: ScoreSeries): string {
  const model = basename(modelPath).replace(/\.onnx$/iu, "");
  const quantity = seriesTitles[name] ?? name.replaceAll("_", " ");
  return model === quantity ? `${quantity} model` : `${model} ${quantity}`;
}

function modelTrack({ key, series, bounds }: Extract<TrackRequest, { kind: "model" }>): TrackData {
  const cut = notReadAtOnce.exec(series.method)?.[0];
  return {
    key,
    title: modelTitle(series),
    convention: `${kindTitles[series.modelKind]} on ${series.provider}`,
    unit: series.unit,
    signed: series.name === "advantage",
    level: series.level,
    source: "model",
    values: series.values,
    ...(cut === undefined ? {} : { partial: cut }),
    ...(bounds === undefined ? {} : { interval: { low: bounds[0].values, high: bounds[1].values } }),
    ...(series.tokenText === undefined ? {} : { tokenText: shownTokens(series.tokenText) }),
    notes: [series.method],
    explainable: false,
  };
}

/** How a method tells that a text was longer than the model's context. */
const notReadAtOnce =
  /the first [\d,]+ of [\d,]+ tokens left out \([^)]*\)|\d+ overlapping windows \([^)]*\)/;

/** Levels that one trajectory's view can draw; a group's or dataset's number is one number here. */
const viewLevel = (level: string | undefined): TrackData["level"] =>
  level === "token" || level === "step" ? level : "trajectory";

const byModel: ReadonlySet<Need> = new Set([
  "values",
  "logprobs",
  "refLogprobs",
  "entropies",
  "hiddenStates",
  "embeddings",
  "judge",
  "outcomeReward",
]);

function missing(needs: readonly Need[], how: string): NonNullable<TrackData["missing"]> {
  if (needs.includes("group")) return { how, action: "openGroup" };
  // Scoring fills what a model can give; where none is chosen yet, the command asks for one.
  return needs.some((need) => byModel.has(need)) ? { how, action: "score" } : { how };
}

/** The same track under another preset. @throws Failure when there is no such preset */
export function withPreset(track: TrackRequest, presetId: string): TrackRequest {
  if (track.kind !== "signal") return track;
  const request = { ...track.request, presetId };
  resolveRequest(request);
  return { ...track, request };
}
