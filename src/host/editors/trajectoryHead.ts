import type { TrajectoryRow } from "../../model/summary";
import type { Trajectory } from "../../model/trajectory";
import type { TrajectoryHead } from "../../protocol/webviewMessages";
import type { Host } from "../host";
import { cutText } from "./messageSize";
import { stepCount } from "./stepWindow";

const GROUP_LIMIT = 500;
const PROMPT_LIMIT = 16_000;

/** What a view shows of a trajectory before any step: everything but its long parts. */
export async function buildHead(
  host: Host,
  row: TrajectoryRow,
  trajectory: Trajectory,
): Promise<TrajectoryHead> {
  const { datasets, scoring } = host.library.services;
  const [dataset, group] = await Promise.all([
    host.library.dataset(row.datasetId),
    row.groupId === undefined ? undefined : datasets.group(row.groupId),
  ]);
  // Looking for models starts a process; a view opens with those that are known and hears of the others later.
  const models = host.models.known;
  const chosen = host.models.chosenOf(models, dataset?.numeric ? "numeric" : "text");
  const { groundTruth, prompt } = trajectory.task;
  const runsOn =
    chosen !== undefined && scoring.state.modelPath === chosen.path ? scoring.state.provider : undefined;
  const members = (group?.members ?? []).slice(0, GROUP_LIMIT);
  return {
    row,
    format: trajectory.format,
    formatTitle: dataset?.formatTitle ?? trajectory.format,
    datasetName: dataset?.name ?? "",
    source: trajectory.source,
    prompt: prompt === undefined ? undefined : cutText(prompt, PROMPT_LIMIT),
    groundTruth:
      groundTruth === undefined
        ? undefined
        : cutText(typeof groundTruth === "string" ? groundTruth : JSON.stringify(groundTruth), PROMPT_LIMIT),
    outcome: trajectory.outcome,
    notes: trajectory.notes.slice(0, 50),
    stepCount: stepCount(trajectory),
    tokenCount: trajectory.tokens?.count ?? 0,
    tokenSeries: Object.keys(trajectory.tokens?.series ?? {}),
    columns: (trajectory.columns?.columns ?? []).map(({ data: _data, ...column }) => column),
    group: members.map(({ id, reward, success, truncated, stepCount: steps }) => ({
      id,
      stepCount: steps,
      ...(reward === undefined ? {} : { reward }),
      ...(success === undefined ? {} : { success }),
      ...(truncated === undefined ? {} : { truncated }),
    })),
    hasTree:
      row.groupId !== undefined &&
      dataset?.numeric !== true &&
      ((row.groupSize ?? 1) > 1 || dataset?.nativeTree === true),
    models: models.filter((model) => model.problem === undefined),
    modelPath: chosen?.path,
    ...(runsOn === undefined ? {} : { provider: runsOn }),
  };
}
