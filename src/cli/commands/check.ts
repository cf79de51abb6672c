import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parse, type ParseError } from "jsonc-parser";
import { Failure } from "../../model/failure";
import type { CheckReport } from "../../services/specificationsContract";
import { placeText } from "../../signals/specification/sourceText";
import { specificationLanguage } from "../../signals/specification/specification";
import { counted, shownTask } from "../progress";
import { chosenRows, withIndex, type CommonOptions, type Output } from "../session";
import { table } from "../table";

export interface CheckOptions extends CommonOptions {
  readonly settings?: string;
  readonly proposition?: readonly string[];
  readonly asCoded?: boolean;
  readonly id?: string;
  readonly limit?: number;
}

/** Trajectories against a specification file. */
export async function checkCommand(spec: string, path: string, options: CheckOptions): Promise<Output> {
  const file = resolve(spec);
  const language = specificationLanguage(file);
  if (!language)
    throw new Failure(
      "bad-arguments",
      `${spec} is neither a .ltlf nor a .rm file.`,
      "Name temporal logic files .ltlf and reward machines .rm.",
    );
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined)
    throw new Failure("unknown-path", `There is no file at ${file}.`, "Check the path of the specification.");
  const settings = options.settings ?? (await nearestSettings(dirname(file)));
  const propositions = {
    ...(settings === undefined ? {} : await settingsPropositions(resolve(settings))),
    ...given(options.proposition ?? []),
  };
  return withIndex([path], options, async (opened) => {
    const rows = await chosenRows(opened, options.id, options.limit);
    const semantics = options.asCoded ? "as coded" : "corrected";
    const report = await opened.services.specifications.check(
      { language, text, propositions, semantics, trajectoryIds: rows.map((row) => row.id) },
      shownTask(counted("checking")),
    );
    const warnings = report.warnings.map(({ message, range, code }) => ({
      code,
      message,
      where: placeText(text, range.start),
    }));
    return {
      document: { specification: file, language, semantics, settings, ...report, warnings },
      text: (width) => reportText(report, warnings, width),
      sheet: () => ({
        headings: ["id", "rule", "verdict", "total", "note"],
        rows: report.trajectories.flatMap(({ id, rules }) =>
          rules.map((rule) => [id, rule.name, rule.verdict, rule.total, rule.note]),
        ),
      }),
    };
  });
}

function reportText(
  report: CheckReport,
  warnings: readonly { message: string; where: string }[],
  width: number | undefined,
): string {
  return [
    ...warnings.map(({ message, where }) => `${where}: ${message}`),
    table(
      ["rule", "holds", "fails", "unknown", "running"],
      report.rules.map((rule) => [rule.name, rule.holds, rule.fails, rule.unknown, rule.running]),
      width,
    ),
    "",
    table(
      ["id", "rule", "verdict", "reward", ""],
      report.trajectories.flatMap(({ id, rules }) =>
        rules.map((rule) => [id, rule.name, rule.verdict, rule.total, rule.note ?? ""]),
      ),
      width,
    ),
  ].join("\n");
}

/** `.vscode/settings.json` in the folder or the nearest one above it. */
async function nearestSettings(folder: string): Promise<string | undefined> {
  for (let place = folder; ; place = dirname(place)) {
    const candidate = join(place, ".vscode", "settings.json");
    if (await stat(candidate).catch(() => undefined)) return candidate;
    if (dirname(place) === place) return undefined;
  }
}

/** @throws Failure when the file cannot be read */
async function settingsPropositions(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined)
    throw new Failure("unknown-path", `There is no settings file at ${file}.`, "Check the path.");
  const errors: ParseError[] = [];
  const settings: unknown = parse(text, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error)
    throw new Failure(
      "bad-settings",
      `${file} is no valid JSON at ${placeText(text, error.offset)}.`,
      "Mend it there, or give another file with --settings.",
    );
  const found = (settings as Record<string, unknown> | null)?.["trajectoryLens.propositions"];
  return typeof found === "object" && found !== null && !Array.isArray(found)
    ? (found as Record<string, unknown>)
    : {};
}

function given(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at <= 0)
        throw new Failure(
          "bad-arguments",
          `The option --proposition takes name=expression, not "${pair}".`,
          'Write for example --proposition "solved=reward > 0".',
        );
      return [pair.slice(0, at).trim(), pair.slice(at + 1)];
    }),
  );
}
