import { dirname } from "node:path";
import { Failure } from "../model/failure";
import type { Trajectory } from "../model/trajectory";
import { signals as catalogue } from "../signals/index";
import {
  resolveParameters,
  type Explanation,
  type Group,
  type GroupMember,
  type Need,
  type ParameterValues,
  type Signal,
  type SignalContext,
} from "../signals/signal";
import { conventionText } from "./convention";
import { defaultRequests } from "./defaultSignals";
import { groupMember, signalGroup } from "./groups";
import { modelName } from "./modelSearch";
import { runSettings } from "./runSettings";
import type { Datasets, SignalRequest, Signals, SignalTrack, Unsubscribe } from "./services";

/** Inputs for which a batch-relative signal needs the other members in full, not only their rewards. */
const FULL_MEMBER_NEEDS: ReadonlySet<Need> = new Set([
  "rewards",
  "values",
  "logprobs",
  "refLogprobs",
  "entropies",
  "tokenMask",
  "stateKeys",
  "hiddenStates",
  "embeddings",
  "text",
  "observations",
  "actions",
  "judge",
]);
/** Trajectories kept in memory, newest use last. */
const KEPT_TRAJECTORIES = 24;
/** Groups kept in memory: the rows of a list come group by group. */
const KEPT_GROUPS = 8;
/** Rows asked for at once when a whole training step is gathered. */
const ROWS = 5_000;

/** The signals of the catalogue on indexed trajectories. */
export class CatalogueSignals implements Signals {
  private readonly trajectories = new Map<string, Trajectory>();
  private readonly groups = new Map<string, Group>();
  private readonly subscription: Unsubscribe;

  constructor(private readonly datasets: Datasets) {
    // A file that grew or was rewritten may hold other text under the same id.
    this.subscription = datasets.onChange(() => this.forget());
  }

  async compute(trajectoryId: string, request: SignalRequest): Promise<SignalTrack> {
    const { signal, parameters } = resolveRequest(request);
    const context = await this.context(trajectoryId, signal, parameters);
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

  async explain(
    trajectoryId: string,
    request: SignalRequest,
    index: number,
  ): Promise<Explanation | undefined> {
    const { signal, parameters } = resolveRequest(request);
    return signal.explain?.(await this.context(trajectoryId, signal, parameters), parameters, index);
  }

  async defaults(trajectoryId: string): Promise<readonly SignalRequest[]> {
    const trajectory = await this.trajectory(trajectoryId);
    const run = trajectory.columns ? await runSettings(dirname(trajectory.source.path)) : {};
    return defaultRequests(trajectory, await this.datasets.scores(trajectoryId), run);
  }

  dispose(): void {
    this.subscription.dispose();
    this.forget();
  }

  private forget(): void {
    this.trajectories.clear();
    this.groups.clear();
  }

  /** Gathers what a signal declares that it needs, and nothing else. */
  private async context(
    trajectoryId: string,
    signal: Signal,
    parameters: ParameterValues,
  ): Promise<SignalContext> {
    const trajectory = await this.trajectory(trajectoryId);
    const needs = new Set(signal.needs);
    // Most conventions stay within the group; only one that says "batch" pays for the whole training step.
    if (Object.values(parameters).includes("batch")) needs.add("batch");
    const full = signal.needs.some((need) => FULL_MEMBER_NEEDS.has(need));
    const scores = await this.datasets.scores(trajectoryId);
    const { groupId } = trajectory;
    const group =
      groupId !== undefined && (needs.has("group") || needs.has("batch"))
        ? await this.group(groupId, full)
        : undefined;
    const tree = groupId !== undefined && needs.has("tree") ? await this.datasets.tree(groupId) : undefined;
    const batch = needs.has("batch") && group ? await this.batch(trajectory, group) : undefined;
    return {
      trajectory,
      scores,
      ...(group === undefined ? {} : { group }),
      ...(tree === undefined ? {} : { tree }),
      ...(batch === undefined ? {} : { batch }),
    };
  }

  private async group(groupId: string, full: boolean): Promise<Group> {
    const key = `${full ? "full" : "rows"} ${groupId}`;
    const known = this.groups.get(key);
    if (known) return known;
    const { group, members } = await this.datasets.group(groupId);
    const gathered: GroupMember[] = [];
    for (const row of members)
      gathered.push(groupMember(row, full ? await this.trajectory(row.id) : undefined));
    const built = signalGroup(group, gathered);
    this.groups.set(key, built);
    keepNewest(this.groups, KEPT_GROUPS);
    return built;
  }

  /** All groups of the trajectory's training step, in the file's order; its own group is the one given. */
  private async batch(trajectory: Trajectory, own: Group): Promise<readonly Group[]> {
    const groups = new Map<string, GroupMember[]>();
    const query = {
      datasetId: trajectory.datasetId,
      ...(trajectory.trainingStep === undefined ? {} : { trainingStep: trajectory.trainingStep }),
      sort: "row" as const,
    };
    for (let start = 0; ; start += ROWS) {
      const { rows, total } = await this.datasets.rows(query, start, start + ROWS);
      for (const row of rows) {
        if (row.groupId === undefined) continue;
        const members = groups.get(row.groupId);
        if (members) members.push(groupMember(row));
        else groups.set(row.groupId, [groupMember(row)]);
      }
      if (rows.length === 0 || start + rows.length >= total) break;
    }
    return [...groups].map(([groupId, members]) =>
      groupId === own.groupId
        ? own
        : {
            groupId,
            members,
            ...(trajectory.trainingStep === undefined ? {} : { trainingStep: trajectory.trainingStep }),
          },
    );
  }

  private async trajectory(id: string): Promise<Trajectory> {
    const known = this.trajectories.get(id);
    if (known) {
      this.trajectories.delete(id);
      this.trajectories.set(id, known);
      return known;
    }
    const trajectory = await this.datasets.trajectory(id);
    this.trajectories.set(id, trajectory);
    keepNewest(this.trajectories, KEPT_TRAJECTORIES);
    return trajectory;
  }
}

function keepNewest(map: Map<string, unknown>, limit: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= limit) return;
    map.delete(oldest);
  }
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
    const code = request.presetId !== undefined && !known ? "unknown-preset" : "bad-parameter";
    throw new Failure(
      code,
      error instanceof Error ? error.message : String(error),
      "List presets and parameters with `trajectory-lens signals`.",
    );
  }
}
