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
} from "../signals/signal";
import { conventionText } from "./convention";
import { defaultRequests } from "./defaultSignals";
import { modelName } from "./modelSearch";
import { runSettings } from "./runSettings";
import type { ScoreArrays } from "./scoreArrays";
import type { Datasets, SignalRequest, Signals, SignalTrack, Unsubscribe } from "./services";
import { completeGroups, SignalContexts } from "./signalContexts";

/** Trajectories of a list that are on their way at once. */
const AHEAD = 8;

/** The signals of the catalogue on indexed trajectories. */
export class CatalogueSignals implements Signals {
  private readonly contexts: SignalContexts;
  private readonly subscription: Unsubscribe;

  constructor(
    private readonly datasets: Datasets,
    tables?: ScoreArrays,
  ) {
    this.contexts = new SignalContexts(datasets, tables);
    this.subscription = datasets.onChange(() => this.contexts.forget());
  }

  async compute(trajectoryId: string, request: SignalRequest): Promise<SignalTrack> {
    const { signal, parameters } = resolveRequest(request);
    return track(request, signal, parameters, await this.contexts.gather(trajectoryId, signal, parameters));
  }

  async *computeRows(
    rows: readonly TrajectoryRow[],
    request: SignalRequest,
  ): AsyncGenerator<{ row: TrajectoryRow; track: SignalTrack }> {
    const { signal, parameters } = resolveRequest(request);
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
      yield { row, track: track(request, signal, parameters, context) };
    }
  }

  async explain(
    trajectoryId: string,
    request: SignalRequest,
    index: number,
  ): Promise<Explanation | undefined> {
    const { signal, parameters } = resolveRequest(request);
    const context = await this.contexts.gather(trajectoryId, signal, parameters);
    return signal.explain?.(context, parameters, index);
  }

  async defaults(trajectoryId: string): Promise<readonly SignalRequest[]> {
    const trajectory = await this.contexts.trajectory(trajectoryId);
    const run = trajectory.columns ? await runSettings(dirname(trajectory.source.path)) : {};
    return defaultRequests(trajectory, await this.datasets.scores(trajectoryId), run);
  }

  dispose(): void {
    this.subscription.dispose();
    this.contexts.forget();
  }
}

function track(
  request: SignalRequest,
  signal: Signal,
  parameters: ParameterValues,
  context: SignalContext,
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
    result: signal.compute(context, parameters),
  };
}

/** The signal and its parameters. @throws Failure naming what does not exist or does not fit */
export function resolveRequest(request: SignalRequest): { signal: Signal; parameters: ParameterValues } {
  const signal = catalogue.find((candidate) => candidate.id === request.signalId);
  if (!signal) {
    throw new Failure(
      "unknown-signal",
      `There is no signal "${request.signalId}".`,
      "List the signals with `trajectory-lens signals`.",
    );
  }
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
