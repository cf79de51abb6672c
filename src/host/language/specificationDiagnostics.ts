import * as vscode from "vscode";
import { readPropositions, readSpecification } from "../../signals/specification/specification";
import { settings } from "../ui/settings";
import { languageOf, rangeOf } from "./specificationNames";

/** Keystrokes that come within this time are checked once. */
const PAUSE_MS = 150;

/** Mistakes and warnings in .ltlf and .rm files, and in the propositions that they speak of. */
export class SpecificationDiagnostics implements vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection("trajectory-lens");
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly disposables: vscode.Disposable[];

  constructor() {
    this.disposables = [
      this.collection,
      vscode.workspace.onDidOpenTextDocument((document) => this.check(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.checkSoon(document)),
      vscode.workspace.onDidCloseTextDocument((document) => {
        clearTimeout(this.timers.get(document.uri.toString()));
        this.collection.delete(document.uri);
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (settings.affects(event, "propositions"))
          vscode.workspace.textDocuments.forEach((each) => this.check(each));
      }),
    ];
    vscode.workspace.textDocuments.forEach((document) => this.check(document));
  }

  private checkSoon(document: vscode.TextDocument): void {
    if (languageOf(document) === undefined) return;
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.set(
      key,
      setTimeout(() => {
        this.timers.delete(key);
        if (!document.isClosed) this.check(document);
      }, PAUSE_MS),
    );
  }

  private check(document: vscode.TextDocument): void {
    const language = languageOf(document);
    if (!language) return;
    const propositions = readPropositions(settings.propositions(document.uri));
    const { diagnostics } = readSpecification(language, document.getText(), propositions);
    const broken = new Map(propositions.problems.map(({ name, diagnostic }) => [name, diagnostic.message]));
    this.collection.set(
      document.uri,
      diagnostics.map(({ range, severity, code, message }) => {
        const place = rangeOf(document, range);
        // A proposition that is defined but cannot be read says why, where it is used.
        const reason = code === "unknown-proposition" ? broken.get(document.getText(place)) : undefined;
        const found = new vscode.Diagnostic(
          place,
          reason ?? message,
          severity === "error" ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning,
        );
        found.source = "Trajectory Lens";
        found.code = reason === undefined ? code : "bad-proposition";
        return found;
      }),
    );
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const disposable of this.disposables) disposable.dispose();
  }
}
