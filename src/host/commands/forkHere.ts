import * as v from "valibot";
import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { ModelInfo } from "../../model/score";
import type { TrajectoryRow } from "../../model/summary";
import type { GenerationOptions } from "../../protocol/inferenceCalls";
import type { ForkReport, GeneratedBranch } from "../../services/generationContract";
import { lookAheadPresets } from "../../services/lookAheadPresets";
import { openTrajectory, openTree } from "../open";
import { counted } from "../ui/numbers";
import { settings } from "../ui/settings";
import type { Command, CommandParts } from "./command";
import { defaultOptions, optionsLine, readOptionsLine } from "./generationOptions";
import { lookAheadLine, readLookAheadLine, type LookAheadOptions } from "./lookAheadOptions";
import { pickPolicy, requireTrust } from "./policyChoice";
import { oneTrajectory } from "./target";

const index = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const stepSchema = v.object({ stepIndex: index, tokenIndex: v.optional(index) });
/** What a key binding or another extension may say beforehand; what it leaves out is asked. */
const givenSchema = v.object({
  model: v.optional(v.string()),
  /** As in the input box: `n 4, temperature 1`, or for a look-ahead tree `n 8, absolute 0.25`. */
  options: v.optional(v.string()),
  lookAhead: v.optional(v.boolean()),
  /** Bounds of a look-ahead tree to start from, by id. */
  preset: v.optional(v.picklist(lookAheadPresets.map(({ id }) => id))),
});

/** The step that a command is about: told by the caller, else where the shared cursor stands, else the prompt. */
export function stepOf(parts: CommandParts, row: TrajectoryRow, argument: unknown): number {
  const given = v.safeParse(stepSchema, argument);
  return given.success ? given.output.stepIndex : (parts.host.cursor.of(row.id) ?? 0);
}

/** Continues a trajectory from a step with a local policy; the branches appear in the tree. */
export const forkHereCommand: Command = {
  what: "continue the trajectory",
  make:
    (parts) =>
    async (...args): Promise<ForkReport | undefined> => {
      requireTrust();
      const row = await oneTrajectory(parts, args);
      const afterStep = stepOf(parts, row, args[0]);
      const told = v.safeParse(stepSchema, args[0]);
      const afterToken = told.success ? told.output.tokenIndex : undefined;
      const where = afterToken === undefined ? `step ${afterStep + 1}` : `token ${afterToken + 1}`;
      const parsed = v.safeParse(givenSchema, args[0]);
      const given = parsed.success ? parsed.output : {};
      const model = await pickPolicy(parts, given.model);
      if (!model) return undefined;
      const way = given.lookAhead === undefined ? await pickWay(model, where) : given;
      if (!way) return undefined;
      const options = way.lookAhead
        ? await askLookAhead(model, where, given)
        : await askSampling(model, where, given.options);
      if (!options) return undefined;
      const folder = settings.branchFolder();
      const base = {
        trajectoryId: row.id,
        model: model.path,
        provider: settings.provider(),
        point: afterToken === undefined ? { afterStep } : { afterToken },
        ...(folder === undefined ? {} : { folder }),
      };
      const report = await withStreaming(model, (task) =>
        "rule" in options
          ? parts.host.library.services.generation.lookAhead({ ...base, ...options }, task)
          : parts.host.library.services.generation.fork({ ...base, options }, task),
      );
      parts.host.log.info(
        `${counted(report.branches.length, "branch", "branches")} behind ${where} of ${row.id}, kept in ${report.file}.`,
      );
      await show(parts, row, report.branches);
      void offerUndo(parts, report);
      return report;
    },
};

async function pickWay(
  model: ModelInfo,
  where: string,
): Promise<{ readonly lookAhead: boolean } | undefined> {
  return vscode.window.showQuickPick(
    [
      { label: "Sample continuations", lookAhead: false },
      {
        label: "Grow a look-ahead tree",
        description: "LATR: greedy rows that branch where a runner-up is nearly as likely",
        lookAhead: true,
      },
    ],
    { title: `Fork Here: behind ${where}`, placeHolder: `with ${model.name}` },
  );
}

/** Temperature and the like. @throws Failure for options that were given and are wrong */
async function askSampling(
  model: ModelInfo,
  where: string,
  given: string | undefined,
): Promise<GenerationOptions | undefined> {
  const before = defaultOptions(model.declaration);
  return askLine(
    {
      title: `Fork Here: behind ${where} with ${model.name}`,
      prompt: "How tokens are drawn",
      value: optionsLine(before),
    },
    given,
    (text) => readOptionsLine(text, before),
  );
}

/** The rule of a look-ahead tree: a released set of bounds, which can be changed. @throws Failure as above */
async function askLookAhead(
  model: ModelInfo,
  where: string,
  given: v.InferOutput<typeof givenSchema>,
): Promise<LookAheadOptions | undefined> {
  const told = lookAheadPresets.find(
    ({ id }) => id === (given.preset ?? (given.options === undefined ? undefined : "default")),
  );
  const preset =
    told ??
    (
      await vscode.window.showQuickPick(
        lookAheadPresets.map((entry) => ({
          label: entry.title,
          description: entry.id,
          detail: entry.source,
          entry,
        })),
        { title: "Look-Ahead Tree: Bounds", placeHolder: "They can be changed in the next step" },
      )
    )?.entry;
  if (!preset) return undefined;
  const { count, maxNewTokens, stop } = defaultOptions(model.declaration);
  const before: LookAheadOptions = { maxNewTokens, stop, rule: { ...preset.rule, capacity: count } };
  return askLine(
    {
      title: `Look-Ahead Tree: behind ${where} with ${model.name}`,
      prompt: `${preset.title}. n = branches at most; a runner-up branches when its probability is above absolute and its gap to the likeliest is ${preset.rule.gap} relative; off = not pruned by that`,
      value: lookAheadLine(before),
    },
    given.options,
    (text) => readLookAheadLine(text, before),
  );
}

/** A line of options: the given one, or what the user writes. @throws Failure for one that was given and is wrong */
async function askLine<T extends object>(
  box: vscode.InputBoxOptions,
  given: string | undefined,
  read: (line: string) => T | string,
): Promise<T | undefined> {
  const line =
    given ??
    (await vscode.window.showInputBox({
      ...box,
      validateInput: (text) => {
        const found = read(text);
        return typeof found === "string" ? found : undefined;
      },
    }));
  if (line === undefined) return undefined;
  const found = read(line);
  if (typeof found === "string") throw new Failure("bad-parameter", found, "Correct the options.");
  return found;
}

type GenerationTask = NonNullable<
  Parameters<CommandParts["host"]["library"]["services"]["generation"]["fork"]>[1]
>;

/** Runs a generation with the newest words in a notification that can be cancelled. */
async function withStreaming<T>(model: ModelInfo, run: (task: GenerationTask) => Promise<T>): Promise<T> {
  const cancel = new AbortController();
  return vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: `Continuing with ${model.name}`,
      cancellable: true,
    },
    async (progress, token) => {
      const subscription = token.onCancellationRequested(() => cancel.abort());
      try {
        return await run({
          signal: cancel.signal,
          report: ({ done, total, texts }) => {
            const newest = (texts?.[0] ?? "").replace(/\s+/g, " ").slice(-60);
            progress.report({ message: `${done} of ${total} finished … ${newest}` });
          },
        });
      } finally {
        subscription.dispose();
      }
    },
  );
}

async function show(
  parts: CommandParts,
  row: TrajectoryRow,
  branches: readonly GeneratedBranch[],
): Promise<void> {
  if (row.groupId !== undefined) {
    await openTree(row.groupId, row.title, { selected: row.id, column: vscode.ViewColumn.Beside });
    return;
  }
  const first = branches.find((branch) => branch.indexedAs !== undefined)?.indexedAs;
  if (first !== undefined)
    await openTrajectory(parts.host, first, { preview: true, column: vscode.ViewColumn.Beside });
}

async function offerUndo(parts: CommandParts, report: ForkReport): Promise<void> {
  const answer = await vscode.window.showInformationMessage(
    `${counted(report.branches.length, "branch", "branches")} generated: ${counted(report.tokens, "token")} in ${report.seconds.toFixed(2)} s on ${report.provider}. They are kept apart from your data.`,
    "Delete Branches",
  );
  if (answer !== "Delete Branches") return;
  const { generation } = parts.host.library.services;
  const roots = report.branches.filter((branch) => branch.parentBranch === undefined);
  for (const branch of roots) await generation.deleteBranch(branch.id);
}

/** Deletes branches that were generated from a trajectory. */
export const deleteBranchCommand: Command = {
  what: "delete a generated branch",
  make:
    (parts) =>
    async (...args): Promise<number | undefined> => {
      const row = await oneTrajectory(parts, args);
      const { generation } = parts.host.library.services;
      const own = await generation.branches({ trajectoryId: row.id });
      const all = own.length > 0 ? own : await generation.branches({});
      if (all.length === 0) {
        void vscode.window.showInformationMessage("No branches were generated here.");
        return undefined;
      }
      const picked = await vscode.window.showQuickPick(
        [...all].reverse().map((branch) => ({
          label: branch.text.replace(/\s+/g, " ").trim().slice(0, 80) || "(nothing)",
          description: `behind step ${branch.afterStep + 1}, ${branch.stopReason}, ${branch.model}`,
          detail: `${branch.how}; ${branch.created}`,
          branch,
        })),
        { title: "Delete Generated Branches", canPickMany: true, matchOnDescription: true },
      );
      let gone = 0;
      for (const { branch } of picked ?? [])
        gone += await generation.deleteBranch(branch.id).catch((error: unknown) => {
          // It went with the branch that it had left.
          parts.host.failures.note(error, "delete a branch");
          return 0;
        });
      return gone;
    },
};
