import { dirname } from "node:path";
import { Failure } from "../model/failure";
import type { TrajectoryRow } from "../model/summary";
import { signals as catalogue } from "../signals/index";
import {
  resolveParameters,
  type Explanation,
  type ParameterValues,
  type Signal,
  type SignalContext,
  type SignalResult,
} from "../signals/signal";
import { conventionText } from "./convention";
import { defaultRequests } from "./defaultSignals";
import { modelName } from "./modelSearch";
import { nearestName } from "../signals/specification/sourceText";
import { nanEntries } from "./nanEntries";
import { runSettings } from "./runSettings";
import type { ScoreArrays } from "./scoreArrays";
import type { Datasets, SignalRequest, Signals, SignalTrack, Unsubscribe } from "./services";
import { completeGroups, SignalContexts } from "./signalContexts";
import type { UserSignalList, UserSignals } from "./userSignals/userSignals";

/** Trajectories of a list that are on their way at once. */
const AHEAD = 8;

/** The signals of the catalogue on indexed trajectories. */
export class CatalogueSignals implements Signals {
  private readonly contexts: SignalContexts;
  private readonly subscription: Unsubscribe;

  constructor(
    private readonly datasets: Datasets,
    tables?: ScoreArrays,
    /** Signals of the workspace's own files; absent where there are none. */
    private readonly own?: UserSignals,
  ) {
    this.contexts = new SignalContexts(datasets, tables);
    this.subscription = datasets.onChange(() => this.contexts.forget());
  }

  async compute(trajectoryId: string, request: SignalRequest): Promise<SignalTrack> {
    const { signal, parameters } = await this.resolve(request);
    return this.track(
      request,
      signal,
      parameters,
      await this.contexts.gather(trajectoryId, signal, parameters),
    );
  }

  async *computeRows(
    rows: readonly TrajectoryRow[],
    request: SignalRequest,
  ): AsyncGenerator<{ row: TrajectoryRow; track: SignalTrack }> {
    const { signal, parameters } = await this.resolve(request);
    const unscored = (await this.datasets.query("SELECT 1 FROM scores LIMIT 1")).rows.length === 0;
    const groups = completeGroups(rows);
    const gather = (row: TrajectoryRow): Promise<SignalContext> =>
      this.contexts.gather(row.id, signal, parameters, { row, groups, unscored });
    const ahead: Promise<SignalContext>[] = [];
    for (const [index, row] of rows.entries()) {
      while (ahead.length < AHEAD && index + ahead.length < rows.length) {
        const next = rows[index + ahead.length];
        if (!next) break;
        const context = gather(next);
        // Told when its turn comes; until then it is not a rejection that nobody handles.
        context.catch(() => undefined);
        ahead.push(context);
      }
      const context = await (ahead.shift() ?? gather(row));
      yield { row, track: await this.track(request, signal, parameters, context) };
    }
  }

  async explain(
    trajectoryId: string,
    request: SignalRequest,
    index: number,
  ): Promise<Explanation | undefined> {
    const { signal, parameters } = await this.resolve(request);
    const context = await this.contexts.gather(trajectoryId, signal, parameters);
    return signal.explain?.(context, parameters, index);
  }

  async defaults(trajectoryId: string): Promise<readonly SignalRequest[]> {
    const trajectory = await this.contexts.trajectory(trajectoryId);
    const run = trajectory.columns ? await runSettings(dirname(trajectory.source.path)) : {};
    return defaultRequests(trajectory, await this.datasets.scores(trajectoryId), run);
  }

  async userSignals(): Promise<UserSignalList> {
    return (await this.own?.list()) ?? { signals: [], problems: [] };
  }

  /** As {@link resolveRequest}, the workspace's own signals included. */
  private async resolve(request: SignalRequest): Promise<{ signal: Signal; parameters: ParameterValues }> {
    return this.own && request.signalId.startsWith("user-")
      ? resolveWith(await this.own.find(request.signalId), request)
      : resolveRequest(request);
  }

  private async track(
    request: SignalRequest,
    signal: Signal,
    parameters: ParameterValues,
    context: SignalContext,
  ): Promise<SignalTrack> {
    return this.own && signal.family === "user"
      ? trackOf(request, signal, parameters, context, await this.own.compute(signal.id, context, parameters))
      : trackOf(request, signal, parameters, context, signal.compute(context, parameters));
  }

  dispose(): void {
    this.subscription.dispose();
    this.contexts.forget();
  }
}

function trackOf(
  request: SignalRequest,
  signal: Signal,
  parameters: ParameterValues,
  context: SignalContext,
  result: SignalResult,
): SignalTrack {
  // A model's series has its own unit and is named after the model, not after the signal that shows it.
  const scored =
    signal.id === "model-score"
      ? context.scores?.find((series) => series.name === parameters["name"])
      : undefined;
  return {
    signalId: signal.id,
    title: scored ? scored.name : signal.title,
    presetId: request.presetId,
    convention: scored
      ? `${modelName(scored.modelPath)} on ${scored.provider}`
      : conventionText(signal, request.presetId, parameters),
    parameters,
    unit: scored ? scored.unit : signal.unit,
    signed: signal.signed,
    result: "missing" in result ? result : { ...result, nanAt: nanEntries(context, result) },
  };
}

/** The signal and its parameters. @throws Failure naming what does not exist or does not fit */
export function resolveRequest(request: SignalRequest): { signal: Signal; parameters: ParameterValues } {
  const signal = catalogue.find((candidate) => candidate.id === request.signalId);
  if (!signal) {
    const near = nearestName(
      request.signalId,
      catalogue.map(({ id }) => id),
    );
    throw new Failure(
      "unknown-signal",
      `There is no signal "${request.signalId}".`,
      `${near === undefined ? "" : `Did you mean ${near}? `}List the signals with \`trajectory-lens signals\`.`,
    );
  }
  return resolveWith(signal, request);
}

function resolveWith(
  signal: Signal,
  request: SignalRequest,
): { signal: Signal; parameters: ParameterValues } {
  try {
    return { signal, parameters: resolveParameters(signal, request.presetId, request.parameters) };
  } catch (error) {
    const known = signal.presets.some((preset) => preset.id === request.presetId);
    throw new Failure(
      request.presetId !== undefined && !known ? "unknown-preset" : "bad-parameter",
      error instanceof Error ? error.message : String(error),
      "List presets and parameters with `trajectory-lens signals`.",
    );
  }
}
