import type { FailureData } from "../model/failure";

/** What failures advise to do in the editor, and what that is on the command line. */
const inWordsOfTheCommandLine: readonly (readonly [RegExp, string])[] = [
  [
    /(?:the setting )?\btrajectoryLens\.models\b/gu,
    "trajectoryLens.models of the file given with --models-file",
  ],
  [
    /(?:the setting )?\btrajectoryLens\.judge\.templates\b/gu,
    "trajectoryLens.judge.templates of the file given with --models-file",
  ],
  [
    /\b(Define|Mend) it in the setting trajectoryLens\.propositions/gu,
    "$1 it with --proposition or in trajectoryLens.propositions of the settings",
  ],
  [/or where the setting trajectoryLens\.signals\.files says/gu, "or are named with --signal-file"],
  [
    /Set the server's key with the command Set Server Key/gu,
    "Give the server's key in TRAJECTORY_LENS_SERVER_KEY",
  ],
  [/Refresh the Trajectories view(?: to (?:read|index) it again)?/gu, "Run the command again"],
  [/refresh the Trajectories view/gu, "run the command again"],
  [/copy one from the Trajectories view or the `(\w+)` table/gu, "take one from the view `$1` with `query`"],
  [
    /Look at the Trajectory Lens log for (?:details|what it printed)/gu,
    "Run it with --verbose to see the log",
  ],
  [/\bMap its columns to open it\b/gu, "Map its columns with `index --mapping FILE.json` to open it"],
  [/correct the mapping in the settings/gu, "correct the file of --mapping"],
];

/** What is said of the editor, in words of the command line. */
export const wordsOfCommandLine = (text: string): string =>
  inWordsOfTheCommandLine.reduce((words, [from, to]) => words.replace(from, to), text);

/** A failure as someone without an editor can act on it. */
export const onCommandLine = ({ code, message, hint }: FailureData): FailureData => ({
  code,
  message: wordsOfCommandLine(message),
  hint: wordsOfCommandLine(hint),
});
