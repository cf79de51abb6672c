import * as vscode from "vscode";
import type { SourceRange } from "../../signals/specification/sourceText";
import {
  languageWords,
  readSpecification,
  type SpecificationLanguage,
} from "../../signals/specification/specification";
import { settings } from "../ui/settings";

export const specificationSelector: readonly vscode.DocumentFilter[] = [
  { language: "ltlf" },
  { language: "reward-machine" },
];

/** Which specification language a document is in; undefined when none. */
export function languageOf(document: vscode.TextDocument): SpecificationLanguage | undefined {
  if (document.languageId === "ltlf") return "ltlf";
  return document.languageId === "reward-machine" ? "rm" : undefined;
}

export const rangeOf = (document: vscode.TextDocument, { start, end }: SourceRange): vscode.Range =>
  new vscode.Range(document.positionAt(start), document.positionAt(end));

/** Completion of propositions, operators and states; outline; the way to a state's edges. */
export class SpecificationNames
  implements vscode.CompletionItemProvider, vscode.DocumentSymbolProvider, vscode.DefinitionProvider
{
  provideCompletionItems(document: vscode.TextDocument, position: vscode.Position): vscode.CompletionItem[] {
    const language = languageOf(document);
    if (!language) return [];
    const before = document.lineAt(position.line).text.slice(0, position.character);
    if (before.includes("#") || (language === "ltlf" && before.includes("//"))) return [];
    const quotes = before.replaceAll(/[^'"]/gu, "").length;
    const inGuard = language === "rm" && quotes % 2 === 1;
    const propositions = Object.entries(settings.propositions(document.uri)).map(([name, source]) => {
      const item = new vscode.CompletionItem(name, vscode.CompletionItemKind.Variable);
      item.detail = String(source);
      item.sortText = `0${name}`;
      return item;
    });
    if (inGuard)
      return [
        ...propositions,
        ...["True", "False"].map(
          (word) => new vscode.CompletionItem(word, vscode.CompletionItemKind.Constant),
        ),
      ];
    const words = languageWords(language)
      .filter(({ word }) => /^\w/u.test(word))
      .map(({ word, meaning }) => {
        const item = new vscode.CompletionItem(
          word,
          language === "ltlf" ? vscode.CompletionItemKind.Keyword : vscode.CompletionItemKind.Function,
        );
        item.detail = meaning;
        item.sortText = `1${word}`;
        if (word === "ConstantRewardFunction") item.insertText = new vscode.SnippetString(`${word}($1)`);
        else if (language === "rm") item.insertText = `${word}()`;
        return item;
      });
    return language === "ltlf" ? [...propositions, ...words] : [...this.states(document), ...words];
  }

  private states(document: vscode.TextDocument): vscode.CompletionItem[] {
    const read = readSpecification("rm", document.getText());
    if (read.language !== "rm") return [];
    const ends = new Set(read.file.terminal.map(({ state }) => state));
    const states = new Set([...read.file.edges.flatMap(({ from, to }) => [from, to]), ...ends]);
    return [...states].map((state) => {
      const item = new vscode.CompletionItem(String(state), vscode.CompletionItemKind.EnumMember);
      item.detail = ends.has(state) ? "terminal state" : "state";
      return item;
    });
  }

  provideDocumentSymbols(document: vscode.TextDocument): vscode.DocumentSymbol[] {
    const language = languageOf(document);
    if (!language) return [];
    const read = readSpecification(language, document.getText());
    if (read.language === "ltlf")
      return read.file.statements.map(
        ({ name, nameRange, range }) =>
          new vscode.DocumentSymbol(
            name,
            "",
            vscode.SymbolKind.Function,
            rangeOf(document, range),
            rangeOf(document, nameRange ?? range),
          ),
      );
    const states = new Map<number, vscode.DocumentSymbol>();
    for (const edge of read.file.edges) {
      let state = states.get(edge.from);
      if (!state) {
        state = new vscode.DocumentSymbol(
          `state ${edge.from}`,
          edge.from === read.file.initial ? "initial" : "",
          vscode.SymbolKind.EnumMember,
          rangeOf(document, edge.range),
          rangeOf(document, edge.fromRange),
        );
        states.set(edge.from, state);
      }
      const range = rangeOf(document, edge.range);
      state.range = state.range.union(range);
      state.children.push(
        new vscode.DocumentSymbol(`→ ${edge.to}`, edge.formula, vscode.SymbolKind.Event, range, range),
      );
    }
    return [...states.values()];
  }

  /** From a state to the edges that leave it; a terminal state leads to the list of them. */
  provideDefinition(document: vscode.TextDocument, position: vscode.Position): vscode.Location[] {
    if (languageOf(document) !== "rm") return [];
    const read = readSpecification("rm", document.getText());
    if (read.language !== "rm") return [];
    const offset = document.offsetAt(position);
    const within = ({ start, end }: SourceRange): boolean => offset >= start && offset <= end;
    const { edges, terminal, initial, initialRange } = read.file;
    const edge = edges.find(({ fromRange, toRange }) => within(fromRange) || within(toRange));
    const state = edge
      ? within(edge.fromRange)
        ? edge.from
        : edge.to
      : (terminal.find(({ range }) => within(range))?.state ??
        (initialRange && within(initialRange) ? initial : undefined));
    if (state === undefined) return [];
    return [
      ...edges.filter(({ from }) => from === state).map(({ fromRange }) => fromRange),
      ...terminal.filter((end) => end.state === state).map(({ range }) => range),
    ].map((range) => new vscode.Location(document.uri, rangeOf(document, range)));
  }
}
