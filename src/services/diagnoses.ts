import { Failure } from "../model/failure";
import type { TrajectoryRow } from "../model/summary";
import type { Trajectory } from "../model/trajectory";
import { signals } from "../signals/index";
import type { Diagnostic, Finding } from "../signals/diagnostics/diagnostic";
import type { Group, ParameterValues, SignalContext } from "../signals/signal";
import { datasetRow, groupMember } from "./groups";
import type {
  Datasets,
  Diagnoses,
  DiagnoseReport,
  DiagnoseRequest,
  DiagnosticSummary,
  SignalRequest,
  Task,
} from "./services";
import { allRows, datasetById, fromRow } from "./signalContexts";
import { resolveRequest } from "./signals";
import { loadedRows } from "./trajectoryBatches";

/** What can be told from the rows of the index, without reading a trajectory. */
const FROM_ROWS = new Set(["group", "outcomeReward", "components", "dataset", "batch"]);

interface Running {
  readonly diagnostic: Diagnostic;
  readonly parameters: ParameterValues;
  readonly findings: Finding[];
  readonly missing: Record<string, number>;
}

/** Every diagnostic of the catalogue over a dataset; each trajectory is read once, and only where something needs it. */
export class DatasetDiagnoses implements Diagnoses {
  constructor(private readonly datasets: Datasets) {}

  async diagnose(
    request: DiagnoseRequest,
    task?: Task<{ done: number; total: number }>,
  ): Promise<DiagnoseReport> {
    const started = performance.now();
    const dataset = await datasetById(this.datasets, request.datasetId);
    const running = chosen(request);
    const rows = await allRows(this.datasets, { datasetId: dataset.id });
    const all = rows.map(datasetRow);
    const [first] = rows;
    for (const each of running)
      if (each.diagnostic.scope === "dataset" && first)
        run(each, { trajectory: fromRow(first), dataset: all });
    const groups = groupsOf(rows);
    for (const each of running) {
      if (each.diagnostic.scope !== "group" || !fromRows(each.diagnostic)) continue;
      for (const members of groups) {
        const [member] = members;
        if (member?.groupId !== undefined)
          run(each, { trajectory: fromRow(member), group: groupOf(members), dataset: all });
      }
    }
    await this.readTrajectories(running, groups, task);
    return {
      dataset,
      trajectories: rows.length,
      seconds: (performance.now() - started) / 1000,
      diagnostics: running.map(summary),
      findings: (["dataset", "group", "trajectory"] as const).flatMap((scope) =>
        running.filter(({ diagnostic }) => diagnostic.scope === scope).flatMap(({ findings }) => findings),
      ),
    };
  }

  /** The diagnostics that look into trajectories, group by group. */
  private async readTrajectories(
    running: readonly Running[],
    groups: readonly (readonly TrajectoryRow[])[],
    task: Task<{ done: number; total: number }> | undefined,
  ): Promise<void> {
    const ofGroups = running.filter(
      ({ diagnostic }) => diagnostic.scope === "group" && !fromRows(diagnostic),
    );
    const ofTrajectories = running.filter(({ diagnostic }) => diagnostic.scope === "trajectory");
    if (ofGroups.length + ofTrajectories.length === 0) return;
    for await (const { members, trajectories } of loadedRows(this.datasets, groups, "The diagnosis", task)) {
      for (const trajectory of trajectories) for (const each of ofTrajectories) run(each, { trajectory });
      const [trajectory] = trajectories;
      if (trajectory && members[0]?.groupId !== undefined)
        for (const each of ofGroups) run(each, { trajectory, group: groupOf(members, trajectories) });
    }
  }
}

const isDiagnostic = (signal: object): signal is Diagnostic => "inspect" in signal;
const fromRows = (diagnostic: Diagnostic): boolean => diagnostic.needs.every((need) => FROM_ROWS.has(need));

function chosen({ ids, parameters = {} }: DiagnoseRequest): readonly Running[] {
  const known = signals.filter(isDiagnostic);
  const wanted = ids ?? known.map(({ id }) => id);
  for (const id of [...wanted, ...Object.keys(parameters)])
    if (!known.some((diagnostic) => diagnostic.id === id))
      throw new Failure(
        "unknown-diagnostic",
        `There is no diagnostic "${id}".`,
        `There are ${known.map((diagnostic) => diagnostic.id).join(", ")}.`,
      );
  return known
    .filter(({ id }) => wanted.includes(id))
    .map((diagnostic) => {
      const request: SignalRequest = { signalId: diagnostic.id, parameters: parameters[diagnostic.id] ?? {} };
      return { diagnostic, parameters: resolveRequest(request).parameters, findings: [], missing: {} };
    });
}

function run({ diagnostic, parameters, findings, missing }: Running, context: SignalContext): void {
  const inspected = diagnostic.inspect(context, parameters);
  if ("missing" in inspected) missing[inspected.how] = (missing[inspected.how] ?? 0) + 1;
  else findings.push(...inspected.findings);
}

/** Groups in the file's order; a row without a group is alone. */
function groupsOf(rows: readonly TrajectoryRow[]): readonly (readonly TrajectoryRow[])[] {
  const groups = new Map<string, TrajectoryRow[]>();
  for (const row of rows) {
    const key = row.groupId === undefined ? `row ${row.id}` : `group ${row.groupId}`;
    const members = groups.get(key);
    if (members) members.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}

function groupOf(members: readonly TrajectoryRow[], loaded: readonly Trajectory[] = []): Group {
  const [first] = members;
  return {
    groupId: first!.groupId!,
    members: members.map((row, index) => groupMember(row, loaded[index])),
    ...(first!.trainingStep === undefined ? {} : { trainingStep: first!.trainingStep }),
    ...(first!.groupGuess === undefined ? {} : { guess: first!.groupGuess }),
  };
}

function summary({ diagnostic, findings, missing }: Running): DiagnosticSummary {
  return {
    id: diagnostic.id,
    title: diagnostic.title,
    scope: diagnostic.scope,
    findings: findings.length,
    rows: new Set(findings.flatMap(({ trajectoryIds }) => trajectoryIds)).size,
    missing,
  };
}
