import { dirname } from "node:path";
import * as vscode from "vscode";
import { failureData } from "../../model/failure";
import { findCudaPackage, safeFeed, type CudaDownload } from "../../services/cudaFeed";
import { fetchCuda, isKept, mebibytes, placeCuda } from "../../services/cudaInstall";
import {
  cudaPackage,
  detectCuda,
  explainCuda,
  missingLibraries,
  offlineAdvice,
  type CudaState,
} from "../../services/cudaSetup";
import { isCancellation } from "../ui/failures";
import { settings } from "../ui/settings";
import type { Command, CommandParts } from "./command";

/**
 * Explains what CUDA needs and what of it is here, and with the user's consent brings the provider's libraries to where
 * onnxruntime looks for them. Nothing is asked of a host before that consent, and nothing is written into a workspace.
 */
export const installCudaCommand: Command = {
  what: "set up the CUDA provider",
  make: (parts) => async (): Promise<CudaState> => {
    const { context, log } = parts.host;
    const dist = dirname(context.asAbsolutePath("dist/inference.js"));
    const storage = context.globalStorageUri.fsPath;
    const state = await detectCuda(dist);
    for (const line of explainCuda(state)) log.info(line);
    // The answer does not wait for what the user makes of the dialogs.
    void setUp(parts, state, storage).catch((error: unknown) => tellFailure(parts, state, error));
    return state;
  },
};

async function setUp(parts: CommandParts, state: CudaState, storage: string): Promise<void> {
  const { runtime } = state;
  if (state.unsupported !== undefined) {
    await vscode.window.showInformationMessage(state.unsupported);
    return;
  }
  if (state.missing.length === 0) {
    await tellInstalled(parts, state);
    return;
  }
  const kept = await isKept(storage, runtime);
  const feed = safeFeed(settings.cudaFeed());
  const agree = kept ? "Copy into Place" : "Look Up the Download";
  const answer = await vscode.window.showInformationMessage(
    "Set up the CUDA provider?",
    {
      modal: true,
      detail: [
        ...explainCuda(state),
        kept
          ? "The libraries were downloaded before and are still whole; they are copied beside onnxruntime again."
          : `They come from ${cudaPackage.id} ${runtime.version} (MIT License, Microsoft) at ${feed.host}. Its size is asked for first and shown; nothing is downloaded before you agree.`,
      ].join("\n\n"),
    },
    agree,
    "Copy Path",
  );
  if (answer === "Copy Path") await copyPath(state);
  if (answer !== agree) return;
  const found = kept
    ? undefined
    : await working("Looking up the CUDA provider", (signal) =>
        findCudaPackage(runtime, { index: feed.href, signal }),
      );
  if (found !== undefined && !(await agreed(found, storage))) return;
  // One notification for both: of many within a second, VS Code shows none of the last, which says that it is in place.
  await working(
    found === undefined ? "Installing the CUDA provider" : "Downloading the CUDA provider",
    async (signal, report) => {
      if (found !== undefined)
        await fetchCuda(
          storage,
          runtime,
          found,
          { signal, report: ({ done, total, message }) => report(done / total, message) },
          feed.href,
        );
      await placeCuda(storage, runtime);
    },
  );
  await tellInstalled(parts, { ...state, missing: [] });
}

/** The second question, with the numbers. */
async function agreed(found: CudaDownload, storage: string): Promise<boolean> {
  const download = "Download and Install";
  const answer = await vscode.window.showInformationMessage(
    `Download ${mebibytes(found.bytes)} from ${new URL(found.url).host}?`,
    {
      modal: true,
      detail: [
        `Package: ${cudaPackage.id} ${found.version}, checked against the SHA-512 of the feed's catalogue (${found.sha512}).`,
        `Kept in ${storage}, and copied beside onnxruntime. An update of the extension needs the copy again, not the download: run this command again then.`,
      ].join("\n\n"),
    },
    download,
  );
  return answer === download;
}

function working<T>(
  title: string,
  work: (signal: AbortSignal, report: (share: number, message: string) => void) => Promise<T>,
): Promise<T> {
  return Promise.resolve(
    vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      (progress, token) => {
        const controller = new AbortController();
        token.onCancellationRequested(() => controller.abort());
        let before = 0;
        return work(controller.signal, (share, message) => {
          progress.report({ increment: 100 * (share - before), message });
          before = share;
        });
      },
    ),
  );
}

/** Says whether the installed provider can be loaded; the running inference process has probed without it. */
async function tellInstalled(parts: CommandParts, state: CudaState): Promise<void> {
  const { folder } = state.runtime;
  const lacking = (await missingLibraries(`${folder}/${cudaPackage.files[0]}`)) ?? [];
  // The runtime's own library lies beside the provider and is in the process already when this one is loaded.
  const absent = lacking.filter((file) => !file.startsWith("libonnxruntime"));
  if (absent.length > 0) {
    await vscode.window.showWarningMessage(
      `The CUDA provider is in place, and the loader does not find ${absent.join(", ")}. Install CUDA 12 and cuDNN 9, or set LD_LIBRARY_PATH before the editor starts.`,
    );
    return;
  }
  const reload = "Reload Window";
  const answer = await vscode.window.showInformationMessage(
    "The CUDA provider is in place. Reload the window so that models are tried on it; Test Model names the provider.",
    reload,
  );
  if (answer === reload) await vscode.commands.executeCommand("workbench.action.reloadWindow");
  parts.host.log.info(`The CUDA provider is in ${folder}.`);
}

async function copyPath(state: CudaState): Promise<void> {
  await vscode.env.clipboard.writeText(state.runtime.folder);
  void vscode.window.showInformationMessage(offlineAdvice(state.runtime));
}

function tellFailure(parts: CommandParts, state: CudaState, error: unknown): void {
  if (isCancellation(error)) return;
  const byHand = ["offline", "bad-feed", "cut-download", "cannot-write"].includes(failureData(error).code);
  parts.host.failures.show(
    error,
    "set up the CUDA provider",
    byHand ? [{ title: "Copy Path", run: () => copyPath(state) }] : [],
  );
}
