import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { ModelInfo, Provider, ScoreReport } from "../../model/score";
import type { Library } from "../library";
import { isCancellation } from "../ui/failures";
import { reportSentence } from "./scoreReport";
import { settings } from "../ui/settings";

/** Likeliest tokens kept beside each token, for up to so many trajectories at once. */
const ALTERNATIVES = 5;
const READ_AT_ONCE = 64;

/** What a scoring run tells of itself. */
export interface ScoreProgress {
  readonly trajectoryIds: ReadonlySet<string>;
  readonly state: "running" | "done" | "failed" | "cancelled";
  readonly message: string;
  readonly done: number;
  readonly total: number;
  readonly provider: Provider | undefined;
}

/** Scoring runs of this window: each can be watched and cancelled from the views that show its trajectories. */
export class ScoreRuns implements vscode.Disposable {
  private readonly progress = new vscode.EventEmitter<ScoreProgress>();
  readonly onProgress = this.progress.event;
  private readonly running = new Map<AbortController, ReadonlySet<string>>();
  private last: ModelInfo | undefined;

  constructor(private readonly library: Library) {}

  /** Model of the newest run, for the status item. */
  get lastModel(): ModelInfo | undefined {
    return this.last;
  }

  /**
   * Scores trajectories; what the cache already knows is not computed again.
   * @throws Failure in an untrusted workspace, and whatever the inference process reports
   */
  async run(
    ids: readonly string[],
    model: ModelInfo,
    cancel: AbortController,
    report?: (progress: ScoreProgress) => void,
  ): Promise<ScoreReport> {
    if (!vscode.workspace.isTrusted) {
      throw new Failure(
        "untrusted",
        "Models are not loaded in a folder that is not trusted.",
        "Trust the folder first (Manage Workspace Trust).",
      );
    }
    const trajectoryIds = new Set(ids);
    let newest: Pick<ScoreProgress, "done" | "total" | "provider"> = {
      done: 0,
      total: ids.length,
      provider: undefined,
    };
    const tell = (state: ScoreProgress["state"], message: string): void => {
      const progress: ScoreProgress = { trajectoryIds, state, message, ...newest };
      report?.(progress);
      this.progress.fire(progress);
    };
    this.running.set(cancel, trajectoryIds);
    this.last = model;
    tell("running", `Loading ${model.name}`);
    try {
      const result = await this.library.services.scoring.score(
        ids,
        model.path,
        settings.provider(),
        {
          signal: cancel.signal,
          report: ({ done, total, provider, message }) => {
            newest = { done, total, provider };
            tell("running", message);
          },
        },
        // A reader who scores a few wants to see what the policy would have said instead; a whole run need not keep that.
        model.kind === "policy-lm" && model.layout !== "server" && ids.length <= READ_AT_ONCE
          ? { extras: { topK: ALTERNATIVES } }
          : {},
      );
      newest = { done: ids.length, total: ids.length, provider: result.provider };
      tell("done", reportSentence(result, model));
      return result;
    } catch (error) {
      if (cancel.signal.aborted || isCancellation(error)) {
        tell("cancelled", "Scoring was cancelled.");
        throw new vscode.CancellationError();
      }
      tell("failed", error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      this.running.delete(cancel);
    }
  }

  /** Tells the views that numbers came about another way: values of states, judges' scores. */
  tell(ids: readonly string[], message: string, provider: Provider): void {
    this.progress.fire({
      trajectoryIds: new Set(ids),
      state: "done",
      message,
      done: ids.length,
      total: ids.length,
      provider,
    });
  }

  /** Cancels the runs that a trajectory is part of. */
  cancel(trajectoryId: string): void {
    for (const [controller, ids] of this.running) if (ids.has(trajectoryId)) controller.abort();
  }

  dispose(): void {
    for (const controller of this.running.keys()) controller.abort();
    this.progress.dispose();
  }
}
