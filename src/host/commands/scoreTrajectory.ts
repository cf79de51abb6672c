import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { ModelInfo, ScoreReport } from "../../model/score";
import type { TrajectoryRow } from "../../model/summary";
import type { RowQuery } from "../../protocol/storeCalls";
import type { ModelDomain } from "../scoring/modelChoice";
import { openTrajectory } from "../open";
import { reportSentence } from "../scoring/scoreReport";
import { counted } from "../ui/numbers";
import type { Command, CommandParts } from "./command";
import { pickDataset, resolveTarget, type Target } from "./target";

/** Above this many trajectories the user is asked which of them to score. */
const ASK_ABOVE = 64;
const PAGE = 5_000;

export const scoreTrajectoryCommand: Command = {
  what: "score the trajectory",
  make:
    (parts) =>
    async (...args): Promise<ScoreReport | undefined> => {
      if (!vscode.workspace.isTrusted) {
        throw new Failure(
          "untrusted",
          "Models are not loaded in a folder that is not trusted.",
          "Trust the folder first (Manage Workspace Trust).",
        );
      }
      const target = (await resolveTarget(parts, args)) ?? (await askForDataset(parts));
      const ids = target && (await trajectoryIds(parts, target));
      const first = ids?.[0];
      if (!ids || first === undefined) return undefined;
      const model = await parts.host.models.forScoring(await domainOf(parts, first));
      return model && score(parts, ids, model);
    },
};

async function askForDataset(parts: CommandParts): Promise<Target | undefined> {
  const dataset = await pickDataset(parts, "Score Trajectory");
  return dataset && { kind: "query", query: { datasetId: dataset.id }, label: dataset.name };
}

async function domainOf(parts: CommandParts, trajectoryId: string): Promise<ModelDomain> {
  const row = await parts.host.library.services.datasets.row(trajectoryId);
  const dataset = row && (await parts.host.library.dataset(row.datasetId));
  return dataset?.numeric ? "numeric" : "text";
}

/** Ids of what is to be scored; asks when that is a lot. Undefined when the user gave up. */
async function trajectoryIds(parts: CommandParts, target: Target): Promise<readonly string[] | undefined> {
  const { library } = parts.host;
  if (target.kind === "trajectories") {
    await library.ready();
    return target.ids;
  }
  if (target.kind === "file") {
    const dataset = await library.ofFile(target.uri.fsPath);
    return choose(parts, { datasetId: dataset.id }, dataset.name);
  }
  await library.ready();
  return choose(parts, target.query, target.label);
}

async function choose(
  parts: CommandParts,
  query: RowQuery,
  label: string,
): Promise<readonly string[] | undefined> {
  const { datasets } = parts.host.library.services;
  const { total } = await datasets.rows(query, 0, 1);
  if (total === 0)
    throw new Failure(
      "nothing-to-score",
      `There are no trajectories in ${label}.`,
      "Choose another file or entry.",
    );
  if (total <= ASK_ABOVE) return rowIds(parts, query, total);
  const steps =
    query.datasetId === undefined || query.trainingStep !== undefined
      ? []
      : await datasets.trainingSteps(query.datasetId);
  const newest = [...steps]
    .filter((step) => step.trainingStep !== undefined)
    .sort((a, b) => (b.trainingStep ?? 0) - (a.trainingStep ?? 0))[0];
  const choices = [
    { label: `First ${counted(ASK_ABOVE, "trajectory", "trajectories")}`, query, limit: ASK_ABOVE },
    ...(newest?.trainingStep === undefined
      ? []
      : [
          {
            label: `Newest training step (${newest.trainingStep})`,
            description: counted(newest.trajectories, "trajectory", "trajectories"),
            query: { ...query, trainingStep: newest.trainingStep },
            limit: newest.trajectories,
          },
        ]),
    { label: `All ${counted(total, "trajectory", "trajectories")}`, description: label, query, limit: total },
  ];
  const picked = await vscode.window.showQuickPick(choices, {
    title: "Score Trajectory",
    placeHolder: `${label} holds many trajectories; which of them?`,
  });
  return picked && rowIds(parts, picked.query, picked.limit);
}

async function rowIds(parts: CommandParts, query: RowQuery, limit: number): Promise<readonly string[]> {
  const ids: string[] = [];
  while (ids.length < limit) {
    const { rows } = await parts.host.library.services.datasets.rows(
      { ...query, sort: "row" },
      ids.length,
      Math.min(limit, ids.length + PAGE),
    );
    if (rows.length === 0) break;
    ids.push(...rows.map((row: TrajectoryRow) => row.id));
  }
  return ids;
}

async function score(parts: CommandParts, ids: readonly string[], model: ModelInfo): Promise<ScoreReport> {
  const { host } = parts;
  const cancel = new AbortController();
  const what = ids.length === 1 ? "trajectory" : counted(ids.length, "trajectory", "trajectories");
  const report = await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: `Scoring ${what} with ${model.name}`,
      cancellable: true,
    },
    async (progress, token) => {
      const subscription = token.onCancellationRequested(() => cancel.abort());
      let shown = 0;
      try {
        return await host.scoreRuns.run(ids, model, cancel, ({ done, total, provider, message }) => {
          const share = total === 0 ? 0 : (100 * done) / total;
          progress.report({
            message: [provider, message].filter((part) => part !== undefined && part !== "").join(": "),
            increment: Math.max(0, share - shown),
          });
          shown = Math.max(shown, share);
        });
      } finally {
        subscription.dispose();
      }
    },
  );
  host.log.info(reportSentence(report, model));
  for (const failure of report.failures) host.log.warn(`${failure.trajectoryId}: ${failure.message}`);
  void tell(parts, report, model, ids);
  return report;
}

async function tell(
  parts: CommandParts,
  report: ScoreReport,
  model: ModelInfo,
  ids: readonly string[],
): Promise<void> {
  const only = ids.length === 1 ? ids[0] : undefined;
  const shown = only !== undefined && parts.trajectoryEditor.openTrajectoryIds.includes(only);
  const actions = only === undefined || shown ? [] : ["Open"];
  const failed = report.failures[0];
  const answer = failed
    ? await vscode.window.showWarningMessage(
        `${reportSentence(report, model)} ${counted(report.failures.length, "trajectory was", "trajectories were")} left out: ${failed.message}`,
        ...actions,
        "Show Log",
      )
    : await vscode.window.showInformationMessage(reportSentence(report, model), ...actions);
  if (answer === "Open" && only !== undefined) await openTrajectory(parts.host, only);
  if (answer === "Show Log") parts.host.log.show();
}
