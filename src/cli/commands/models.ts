import { resolve } from "node:path";
import type { ModelTest } from "../../services/services";
import { withServices, type CommonOptions, type Output } from "../session";
import { wordsOfCommandLine } from "../hints";
import { table } from "../table";
import { terminalText } from "../text";
import { providerOption } from "./modelOptions";

export interface ModelsOptions extends CommonOptions {
  readonly test?: boolean;
  readonly provider: string;
}

function size(bytes: number): string {
  if (bytes === 0) return "";
  return bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Models that are declared or lie in folders, with what is wrong with them, and on demand a test run of each. */
export function modelsCommand(folders: readonly string[], options: ModelsOptions): Promise<Output> {
  const provider = providerOption(options.provider);
  return withServices(options, async (services) => {
    const roots = folders.map((folder) => resolve(folder));
    const models = await services.scoring.findModels(roots);
    if (!options.test)
      return {
        document: { models },
        text: (width) =>
          [
            table(
              ["name", "kind", "size", "path"],
              models.map((model) => [model.name, model.kind, size(model.bytes), model.path]),
              width,
            ),
            ...problemLines(models),
          ].join("\n"),
        sheet: () => ({
          headings: ["name", "kind", "bytes", "path", "problem"],
          rows: models.map(({ name, kind, bytes, path, problem }) => [name, kind, bytes, path, problem]),
        }),
      };
    const tests: ModelTest[] = [];
    for (const model of models) tests.push(await services.scoring.test(model.path, provider));
    return {
      document: { tests },
      text: (width) =>
        [
          table(
            ["name", "kind", "provider", "seconds", "gives"],
            tests.map((test) => [
              test.model.name,
              test.model.kind,
              test.provider ?? "",
              test.seconds === undefined ? "" : test.seconds.toFixed(3),
              test.results.join(", "),
            ]),
            width,
          ),
          ...problemLines(tests.map(({ model, problem }) => ({ name: model.name, problem }))),
        ].join("\n"),
      sheet: () => ({
        headings: ["name", "kind", "provider", "seconds", "results", "problem"],
        rows: tests.map(({ model, provider: used, seconds, results, problem }) => [
          model.name,
          model.kind,
          used,
          seconds,
          results.join(" "),
          problem,
        ]),
      }),
    };
  });
}

/** What is wrong with models, in whole sentences. */
const problemLines = (
  models: readonly { readonly name: string; readonly problem?: string | undefined }[],
): string[] =>
  models.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [terminalText(`${name}: ${wordsOfCommandLine(problem)}`)],
  );
