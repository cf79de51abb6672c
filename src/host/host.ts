import type * as vscode from "vscode";
import type { CreditIndex } from "./language/creditIndex";
import type { Library } from "./library";
import type { ModelChoice } from "./scoring/modelChoice";
import type { ScoreRuns } from "./scoring/scoreRuns";
import type { SharedCursor } from "./sharedCursor";
import type { Failures } from "./ui/failures";

/** What every part of the host is made with. Nothing here starts a process before it is asked something. */
export interface Host {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly failures: Failures;
  readonly library: Library;
  readonly models: ModelChoice;
  readonly scoreRuns: ScoreRuns;
  readonly cursor: SharedCursor;
  readonly credit: CreditIndex;
}
