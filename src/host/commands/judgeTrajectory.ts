import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { JudgeEstimate, JudgeReport, JudgeTemplate } from "../../services/judgingContract";
import { modelKey } from "../../services/modelRegistry";
import { setServerKey } from "../scoring/serverKeys";
import { counted } from "../ui/numbers";
import { showReadOnlyText } from "../ui/readOnlyText";
import { settings } from "../ui/settings";
import type { Command, CommandParts } from "./command";
import { requireTrust } from "./policyChoice";
import { resolveTarget } from "./target";

const PAGE = 5_000;
/** Requests that are sent without asking first. */
const ASK_ABOVE = 20;

/** Grades trajectories with a language model on a server or of the editor. */
export const judgeTrajectoryCommand: Command = {
  what: "judge the trajectory",
  make:
    (parts) =>
    async (...args): Promise<JudgeReport | undefined> => {
      requireTrust();
      const ids = await targetIds(parts, args);
      if (ids.length === 0) return undefined;
      const model = await pickJudge();
      const template = model === undefined ? undefined : await pickTemplate(parts);
      if (model === undefined || !template) return undefined;
      const { judging } = parts.host.library.services;
      const estimate = await judging.estimate(ids, model, template.id);
      if (!(await confirm(estimate, template))) return undefined;
      const cancel = new AbortController();
      const report = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Notification, title: "Judging", cancellable: true },
        async (progress, token) => {
          const subscription = token.onCancellationRequested(() => cancel.abort());
          try {
            return await judging.judge(ids, model, template.id, {
              signal: cancel.signal,
              report: ({ done, total }) => progress.report({ message: `${done} of ${total}` }),
            });
          } finally {
            subscription.dispose();
          }
        },
      );
      const said = `${counted(report.requests, "request")} (${report.cached} from before): ${counted(report.series.length, "trajectory", "trajectories")} judged.`;
      parts.host.scoreRuns.tell(ids, said, "remote");
      const [failure] = report.failures;
      void tell(parts, ids, said, failure?.message);
      return report;
    },
};

/** Says how it went; the raw replies are one click away. */
async function tell(
  parts: CommandParts,
  ids: readonly string[],
  said: string,
  failure: string | undefined,
): Promise<void> {
  const show = "Show Replies";
  const answer =
    failure === undefined
      ? await vscode.window.showInformationMessage(said, show)
      : await vscode.window.showWarningMessage(`${said} ${failure}`, show);
  if (answer === show) await showReplies(parts, ids);
}

async function targetIds(parts: CommandParts, args: readonly unknown[]): Promise<readonly string[]> {
  const target = await resolveTarget(parts, args);
  if (!target)
    throw new Failure("no-trajectory", "No trajectory is selected.", "Select one in the Trajectories view.");
  await parts.host.library.ready();
  if (target.kind === "trajectories") return target.ids;
  const query =
    target.kind === "file"
      ? { datasetId: (await parts.host.library.ofFile(target.uri.fsPath)).id }
      : target.query;
  const { rows } = await parts.host.library.services.datasets.rows(query, 0, PAGE);
  return rows.map((row) => row.id);
}

async function pickJudge(): Promise<string | undefined> {
  const judges = settings
    .declaredModels()
    .declarations.filter((entry) => entry.kind === "judge" || entry.api === "vscode");
  if (judges.length === 0)
    throw new Failure(
      "no-judge",
      "No judge is declared.",
      'Add one to trajectoryLens.models, for example { "name": "judge", "kind": "judge", "url": "http://localhost:8000/v1", "model": "…" } or { "name": "editor", "kind": "judge", "api": "vscode" }.',
    );
  if (judges.length === 1) return modelKey(judges[0]!);
  const picked = await vscode.window.showQuickPick(
    judges.map((entry) => ({
      label: entry.name ?? entry.model ?? modelKey(entry),
      description: entry.url ?? "the editor's language models",
      entry,
    })),
    { title: "Choose Judge" },
  );
  return picked && modelKey(picked.entry);
}

async function pickTemplate(parts: CommandParts): Promise<JudgeTemplate | undefined> {
  const { templates } = parts.host.library.services.judging;
  const [problem] = settings.judgeTemplates().problems;
  if (problem !== undefined) void vscode.window.showWarningMessage(problem);
  const picked = await vscode.window.showQuickPick(
    templates.map((template) => ({
      label: template.title,
      description: `${template.id}, per ${template.level}`,
      detail: template.user.replace(/\s+/g, " ").slice(0, 120),
      template,
    })),
    { title: "Choose Prompt", placeHolder: "Prompts are in the setting trajectoryLens.judge.templates" },
  );
  return picked?.template;
}

/** Says what a run would cost before it is paid for. */
async function confirm(estimate: JudgeEstimate, template: JudgeTemplate): Promise<boolean> {
  if (estimate.requests <= ASK_ABOVE) return true;
  const cost =
    estimate.cost === undefined
      ? ""
      : ` By the declared prices that is about ${estimate.cost.toPrecision(3)}.`;
  const answer = await vscode.window.showWarningMessage(
    `Send ${counted(estimate.requests, "request")} with the prompt “${template.title}”?`,
    {
      modal: true,
      detail: `About ${estimate.inputTokens.toLocaleString("en")} tokens go there (estimated from characters) and up to ${estimate.outputTokens.toLocaleString("en")} come back.${cost} ${estimate.cached} replies are there already.`,
    },
    "Send",
  );
  return answer === "Send";
}

/** Judges' replies as they came, with the prompt that each answers, in a text of their own. */
async function showReplies(parts: CommandParts, ids: readonly string[]): Promise<number> {
  const { judging } = parts.host.library.services;
  const all = [];
  for (const trajectory of ids)
    for (const reply of await judging.replies(trajectory))
      // A reply that could not be read has no score; JSON has no NaN.
      all.push({ trajectory, ...reply, score: Number.isNaN(reply.score) ? null : reply.score });
  if (all.length === 0) {
    void vscode.window.showInformationMessage("No judge has replied about this yet.");
    return 0;
  }
  await showReadOnlyText(
    parts.host.context,
    "Judges' replies.json",
    `${JSON.stringify(all, undefined, 2)}\n`,
  );
  return all.length;
}

/** Shows what judges said about the selected trajectories, word for word. */
export const showJudgeRepliesCommand: Command = {
  what: "show the judges' replies",
  make:
    (parts) =>
    async (...args): Promise<number> =>
      showReplies(parts, await targetIds(parts, args)),
};

/** Puts the key of a server into VS Code's secret storage. */
export const setServerKeyCommand: Command = {
  what: "set a server's key",
  make: (parts) => async () => {
    const servers = settings.declaredModels().declarations.filter((entry) => entry.url !== undefined);
    if (servers.length === 0)
      throw new Failure(
        "no-server",
        "No server is declared.",
        "Add one to the setting trajectoryLens.models.",
      );
    const origins = [...new Set(servers.map((entry) => new URL(entry.url!).origin))];
    const origin =
      origins.length === 1
        ? origins[0]
        : await vscode.window.showQuickPick(origins, { title: "Set Server Key", placeHolder: "Server" });
    if (origin === undefined) return;
    const key = await vscode.window.showInputBox({
      title: `Key for ${origin}`,
      prompt: "Kept in VS Code's secret storage; empty removes it",
      password: true,
      ignoreFocusOut: true,
    });
    if (key !== undefined) await setServerKey(parts.host.context.secrets, origin, key);
  },
};

/** Copies a judge's prompt into the settings, where it can be changed. */
export const editJudgePromptCommand: Command = {
  what: "edit a judge's prompt",
  make: (parts) => async () => {
    const template = await pickTemplate(parts);
    if (!template) return;
    await settings.keepTemplate(template);
    await vscode.commands.executeCommand("workbench.action.openSettings", "trajectoryLens.judge.templates");
  },
};
