import * as vscode from "vscode";
import type { ModelInfo } from "../../model/score";
import type { TrajectoryRow } from "../../model/summary";
import type { GenerationOptions } from "../../protocol/inferenceCalls";
import type { ValueGrader, ValueReport } from "../../services/generationContract";
import { pythonInterpreter } from "../tasks/pythonInterpreter";
import { digits } from "../ui/numbers";
import { showReadOnlyText } from "../ui/readOnlyText";
import { settings } from "../ui/settings";
import type { Command, CommandParts } from "./command";
import { defaultOptions, optionsLine, readOptionsLine } from "./generationOptions";
import { pickPolicy, requireTrust } from "./policyChoice";
import { oneTrajectory } from "./target";

/** Monte-Carlo values of the states along a trajectory, shown as a track. */
export const valueOfStepsCommand: Command = {
  what: "value the steps",
  make:
    (parts) =>
    async (...args): Promise<ValueReport | undefined> => {
      requireTrust();
      const row = await oneTrajectory(parts, args);
      const model = await pickPolicy(parts);
      const grader = model && (await pickGrader(parts, row));
      if (!model || !grader) return undefined;
      const before = {
        ...defaultOptions(model.declaration),
        count: model.declaration?.generation?.count ?? 16,
      };
      const line = await vscode.window.showInputBox({
        title: `Value of Steps with ${model.name}`,
        prompt: "n continuations from behind the prompt and each step",
        value: optionsLine(before),
        validateInput: (text) => {
          const read = readOptionsLine(text, before);
          return typeof read === "string" ? read : undefined;
        },
      });
      const options = line === undefined ? undefined : readOptionsLine(line, before);
      if (options === undefined || typeof options === "string") return undefined;
      const cancel = new AbortController();
      const report = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Notification, title: "Valuing steps", cancellable: true },
        async (progress, token) => {
          const subscription = token.onCancellationRequested(() => cancel.abort());
          try {
            return await parts.host.library.services.generation.value(
              { trajectoryId: row.id, model: model.path, provider: settings.provider(), options, grader },
              {
                signal: cancel.signal,
                report: ({ done, total, texts }) =>
                  progress.report({ message: `${done} of ${total} states${newest(texts)}` }),
              },
            );
          } finally {
            subscription.dispose();
          }
        },
      );
      const [worst] = report.values
        .filter((state) => Number.isFinite(state.value))
        .sort((a, b) => a.value - b.value);
      const said =
        worst === undefined
          ? "No state could be valued."
          : `Lowest value ${digits(worst.value)} behind step ${worst.afterStep + 1} (95 % ${digits(worst.interval[0])} to ${digits(worst.interval[1])}, ${worst.method ?? ""}, n ${worst.trials}).`;
      parts.host.scoreRuns.tell([row.id], said, report.provider);
      void tell(parts, row, model, options, grader, report, said);
      return report;
    },
};

/** Says the lowest value; all of them with their intervals are one click away. */
async function tell(
  parts: CommandParts,
  row: TrajectoryRow,
  model: ModelInfo,
  options: GenerationOptions,
  grader: ValueGrader,
  report: ValueReport,
  said: string,
): Promise<void> {
  const show = "Show Values";
  if ((await vscode.window.showInformationMessage(said, show)) !== show) return;
  const lines = [
    `# Value of steps: ${row.title.replace(/\s+/g, " ")}`,
    "",
    `${model.name} on ${report.provider}: ${optionsLine(options)}; graded by ${graderText(grader)}.`,
    "",
    "| behind step | value | 95 % from | to | by | n | successes |",
    "| ---: | ---: | ---: | ---: | --- | ---: | ---: |",
    ...report.values.map(({ afterStep, value, interval, method, trials, successes }) =>
      [
        "",
        afterStep + 1,
        digits(value),
        digits(interval[0]),
        digits(interval[1]),
        method ?? "",
        trials,
        successes ?? "",
        "",
      ]
        .join(" | ")
        .trim(),
    ),
    "",
  ];
  await showReadOnlyText(parts.host.context, "Value of steps.md", lines.join("\n"));
}

function graderText(grader: ValueGrader): string {
  switch (grader.kind) {
    case "numeric":
      return `last number ${grader.answer}`;
    case "exact":
      return `last line “${grader.answer}”`;
    case "regex":
      return `regular expression ${grader.pattern}`;
    case "python":
      return `${grader.functionName} in ${vscode.workspace.asRelativePath(grader.file)}`;
  }
}

/** The newest words of the continuations, where they are told while they are written. */
const newest = (texts: readonly string[] | undefined): string =>
  texts?.[0] === undefined ? "" : ` … ${texts[0].replace(/\s+/g, " ").slice(-60)}`;

/** How continuations are graded; the recorded ground truth is offered first. */
async function pickGrader(parts: CommandParts, row: TrajectoryRow): Promise<ValueGrader | undefined> {
  const { groundTruth } = (await parts.host.library.services.datasets.trajectory(row.id)).task;
  const truth = typeof groundTruth === "string" || typeof groundTruth === "number" ? String(groundTruth) : "";
  const kind = await vscode.window.showQuickPick(
    [
      { label: "Last number is the answer", grader: "numeric" as const },
      { label: "Last line is the answer", grader: "exact" as const },
      { label: "Text matches a regular expression", grader: "regex" as const },
      { label: "My own Python reward function…", grader: "python" as const },
    ],
    { title: "What counts as success?", placeHolder: truth === "" ? "" : `recorded answer: ${truth}` },
  );
  if (!kind) return undefined;
  if (kind.grader === "python") return pickFunction();
  const answer = await vscode.window.showInputBox({
    title: kind.label,
    value: kind.grader === "regex" ? "" : truth,
    validateInput: (text) => wrongAnswer(kind.grader, text),
  });
  if (answer === undefined) return undefined;
  if (kind.grader === "numeric") return { kind: "numeric", answer: Number(answer) };
  return kind.grader === "exact" ? { kind: "exact", answer } : { kind: "regex", pattern: answer };
}

/** What is wrong with an answer to grade by, in one sentence. */
function wrongAnswer(grader: "numeric" | "exact" | "regex", text: string): string | undefined {
  if (text === "")
    return grader === "regex" ? "Write a regular expression." : "Write what a success ends with.";
  if (grader === "regex") {
    try {
      new RegExp(text);
    } catch (error) {
      return `That is no regular expression: ${error instanceof Error ? error.message : String(error)}.`;
    }
  }
  if (grader === "numeric" && (text.trim() === "" || Number.isNaN(Number(text)))) return "Write a number.";
  return undefined;
}

async function pickFunction(): Promise<ValueGrader | undefined> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      title: "Python file of the reward function",
      filters: { Python: ["py"] },
    })) ?? [];
  if (!uri) return undefined;
  const functionName = await vscode.window.showInputBox({
    title: "Reward function",
    value: "compute_score",
    validateInput: (text) => (/^[A-Za-z_]\w*$/.test(text) ? undefined : "Write the name of a function."),
  });
  if (functionName === undefined) return undefined;
  const python = await pythonInterpreter(vscode.Uri.joinPath(uri, "..").fsPath);
  return { kind: "python", file: uri.fsPath, functionName, python };
}
