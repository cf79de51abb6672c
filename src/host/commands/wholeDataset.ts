import * as vscode from "vscode";
import type { DatasetInfo } from "../../model/summary";
import { count } from "../ui/numbers";
import type { CommandParts } from "./command";
import { isEntry, pickDataset, resolveTarget } from "./target";

/** The dataset that a command is about: the entry or table it was called on, else one that the user picks. */
export async function wholeDataset(
  parts: CommandParts,
  args: readonly unknown[],
  title: string,
): Promise<DatasetInfo | undefined> {
  const [first] = args;
  const { library } = parts.host;
  await library.ready();
  if (
    typeof first === "object" &&
    first !== null &&
    "datasetId" in first &&
    typeof first.datasetId === "string"
  ) {
    const known = await library.dataset(first.datasetId);
    if (known) return known;
  }
  if (isEntry(first) && first.kind === "dataset") return first.dataset;
  const target = await resolveTarget(parts, args);
  if (target?.kind === "query" && target.query.datasetId !== undefined) {
    const known = await library.dataset(target.query.datasetId);
    if (known) return known;
  }
  if (target?.kind === "file") {
    const known = await library.services.datasets.ofFile(target.uri.fsPath);
    if (known) return known;
  }
  return pickDataset(parts, title);
}

/** Runs a long task under a notification that can be cancelled. */
export function withCancellableProgress<T>(
  title: string,
  run: (task: {
    readonly signal: AbortSignal;
    report(progress: { readonly done: number; readonly total: number }): void;
  }) => Promise<T>,
): Thenable<T> {
  const cancel = new AbortController();
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    async (progress, token) => {
      const subscription = token.onCancellationRequested(() => cancel.abort());
      let shown = 0;
      try {
        return await run({
          signal: cancel.signal,
          report: ({ done, total }) => {
            const share = total === 0 ? 0 : (100 * done) / total;
            progress.report({
              increment: Math.max(0, share - shown),
              message: `${count(done)} of ${count(total)}`,
            });
            shown = Math.max(shown, share);
          },
        });
      } finally {
        subscription.dispose();
      }
    },
  );
}
