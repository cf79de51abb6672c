import { withIndex, type CommonOptions, type Output } from "../session";
import { table, terminalText } from "../text";

/** Indexes paths and says what was found. */
export function indexCommand(paths: readonly string[], options: CommonOptions): Promise<Output> {
  return withIndex(paths, options, ({ datasets, warnings }) =>
    Promise.resolve({
      document: { datasets, warnings },
      text: () => {
        const rows = datasets.map((dataset) => [
          dataset.id,
          dataset.format,
          dataset.trajectories,
          dataset.steps,
          dataset.groups,
          dataset.trainingSteps,
          dataset.rewardMean,
          dataset.path,
        ]);
        const notes = [...datasets.flatMap((dataset) => dataset.warnings), ...warnings];
        return [
          table(
            ["id", "format", "trajectories", "steps", "groups", "training steps", "mean reward", "path"],
            rows,
          ),
          ...(notes.length === 0 ? [] : ["", "Warnings"]),
          ...notes.map((note) =>
            terminalText(
              `  ${note.code}: ${note.message}${note.where === undefined ? "" : ` (${note.where})`}`,
            ),
          ),
        ].join("\n");
      },
    }),
  );
}
