import * as vscode from "vscode";
import type { Trajectory } from "../../model/trajectory";
import type { SourceRange } from "../../signals/specification/sourceText";
import {
  checkTrajectory,
  guardAtSteps,
  languageWords,
  machineRun,
  partAt,
  readPropositions,
  readSpecification,
  traceOf,
  truthAtSteps,
} from "../../signals/specification/specification";
import type { TrajectoryEditor } from "../editors/trajectoryEditor";
import type { Host } from "../host";
import { digits } from "../ui/numbers";
import { settings } from "../ui/settings";
import { languageOf, rangeOf } from "./specificationNames";
import { truthLine } from "./truthLine";

interface Found {
  readonly title: string;
  readonly range: SourceRange;
  readonly lines: readonly string[];
}

/** On a proposition, operator, state or edge: what it means, and its truth at each step of the trajectory that is open. */
export class SpecificationHovers implements vscode.HoverProvider {
  constructor(
    private readonly host: Host,
    private readonly editor: TrajectoryEditor,
  ) {}

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    if (!settings.hovers()) return undefined;
    try {
      const trajectory = await this.openTrajectory();
      if (token.isCancellationRequested) return undefined;
      const found = describe(document, document.offsetAt(position), trajectory);
      if (!found) return undefined;
      const text = new vscode.MarkdownString();
      text.appendCodeblock(found.title, document.languageId);
      for (const line of found.lines) {
        text.appendText(line);
        text.appendMarkdown("\n\n");
      }
      text.appendText(
        trajectory
          ? `on ${trajectory.task.prompt?.trim().split("\n")[0]?.slice(0, 60) ?? trajectory.id}`
          : "Open a trajectory to see its truth at each step.",
      );
      return new vscode.Hover(text, rangeOf(document, found.range));
    } catch (error) {
      this.host.failures.note(error, `hover on ${document.uri.fsPath}:${position.line + 1}`);
      return undefined;
    }
  }

  /** The trajectory whose editor has or last had the focus. Nothing is started for a hover. */
  private async openTrajectory(): Promise<Trajectory | undefined> {
    const id = this.editor.activeTrajectoryId ?? this.editor.openTrajectoryIds.at(-1);
    if (id === undefined || !this.host.library.started) return undefined;
    return this.host.library.services.datasets.trajectory(id);
  }
}

function describe(
  document: vscode.TextDocument,
  offset: number,
  trajectory: Trajectory | undefined,
): Found | undefined {
  const language = languageOf(document);
  if (!language) return undefined;
  const definitions = settings.propositions(document.uri);
  const propositions = readPropositions(definitions);
  const read = readSpecification(language, document.getText());
  const trace = trajectory && traceOf(trajectory, propositions);
  const within = ({ start, end }: SourceRange): boolean => offset >= start && offset <= end;
  const truth = (values: Float64Array | undefined, name: string): string[] =>
    trace ? [values ? truthLine(values) : `${name} is not defined, so nothing is known of it.`] : [];
  const proposition = (name: string, range: SourceRange): Found => ({
    title: Object.hasOwn(definitions, name) ? `${name} = ${String(definitions[name])}` : name,
    range,
    lines: truth(trace?.truthOf(name), name),
  });

  if (read.language === "ltlf") {
    const statement = read.file.statements.find(({ range }) => within(range));
    if (!statement) return undefined;
    if (statement.nameRange && within(statement.nameRange)) {
      const outcome =
        trajectory &&
        checkTrajectory(
          { ...read, file: { ...read.file, statements: [statement] } },
          trajectory,
          propositions,
        )[0];
      return {
        title: document.getText(rangeOf(document, statement.range)),
        range: statement.nameRange,
        lines: outcome
          ? [
              `${outcome.verdict}${outcome.note === undefined ? "" : `: ${outcome.note}`}`,
              `if it ended there: ${truthLine(outcome.values)}`,
            ]
          : [],
      };
    }
    const part = partAt(statement.formula, offset);
    if (!part) return undefined;
    if (part.kind === "atom") return proposition(part.name, part.range);
    const meaning = languageWords("ltlf").find(({ word }) => word === part.kind)?.meaning;
    return {
      title: document.getText(rangeOf(document, part.range)),
      range: part.range,
      lines: [
        ...(meaning === undefined ? [] : [`${part.kind}: ${meaning}`]),
        ...(trace ? [truthLine(truthAtSteps(part, trace))] : []),
      ],
    };
  }

  const { edges, terminal, initial } = read.file;
  const edge = edges.find(({ range }) => within(range));
  if (!edge) return undefined;
  const literal = edge.guard.flat().find(({ range }) => within(range));
  if (literal) return proposition(literal.name, literal.range);
  const run =
    trajectory && trace && initial !== undefined ? machineRun(read.file, trajectory, trace) : undefined;
  const at = (predicate: (step: NonNullable<typeof run>["steps"][number]) => boolean): string[] =>
    run ? [truthLine(Float64Array.from(run.steps, (step) => (predicate(step) ? 1 : 0)))] : [];
  if (within(edge.fromRange) || within(edge.toRange)) {
    const [state, range] = within(edge.fromRange) ? [edge.from, edge.fromRange] : [edge.to, edge.toRange];
    const ends = terminal.some((end) => end.state === state);
    return {
      title: `state ${state}${state === initial ? ", initial" : ""}${ends ? ", terminal" : ""}`,
      range,
      lines: ends ? at((step) => step.next === state) : at((step) => step.state === state),
    };
  }
  const fired =
    run?.steps.flatMap((step, t) => (step.edge?.range.start === edge.range.start ? [t] : [])) ?? [];
  return {
    title: document.getText(rangeOf(document, edge.range)),
    range: edge.range,
    lines: [
      ...(trace ? [`formula: ${truthLine(guardAtSteps(edge, trace))}`] : []),
      ...(run
        ? [
            fired.length === 0
              ? "never taken"
              : `taken ${fired.length} times, first at step ${fired[0]}, paid ${digits(fired.reduce((sum, t) => sum + run.steps[t]!.reward, 0))}`,
          ]
        : []),
    ],
  };
}
