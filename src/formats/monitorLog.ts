import { recordedNumber, textOf } from "./jsonFields";
import { objectOf, without } from "./jsonFields";
import { Failure } from "../model/failure";
import { numbersOf } from "./outcomeFields";
import { episodeFormat } from "./numericEpisode";

/** Columns of a monitor file: return, length and seconds since the start. Anything else is what the user logged. */
const OWN = new Set(["r", "l", "t"]);

/** Monitor files of Baselines, Stable-Baselines and reward machines: one row an episode, without its steps. */
export const monitorLog = episodeFormat({
  id: "monitor-csv",
  title: "Monitor log of episodes",
  source: "OpenAI Baselines and Stable-Baselines bench.Monitor, *.monitor.csv",
  containers: ["csv"],
  detect({ columns }) {
    const names = new Set(columns?.map(({ name }) => name));
    if (![...OWN].every((name) => names.has(name))) return undefined;
    return { confidence: 0.9, reason: "columns r, l, t (return, length, time)" };
  },
  episodes(record, { row }) {
    const fields = objectOf(record);
    const reward = recordedNumber(fields["r"]);
    if (reward === undefined)
      throw new Failure("missing-field", "The row has no return r.", "The line may be cut off.");
    const length = recordedNumber(fields["l"]);
    const seconds = recordedNumber(fields["t"]);
    const text = textOf(fields["TimeLimit.truncated"]);
    const flag = recordedNumber(text ?? fields["TimeLimit.truncated"]);
    const success = recordedNumber(fields["is_success"]);
    return [
      {
        ownId: String(row),
        title: `episode ${row}`,
        steps: 0,
        columns: [],
        reward: { value: reward, source: "r" },
        ...(success === undefined ? {} : { success: success === null ? null : success === 1 }),
        ...(flag === undefined || flag === null ? {} : { end: { truncated: flag === 1 } }),
        components: {
          ...(length === undefined ? {} : { length }),
          ...(seconds === undefined ? {} : { seconds }),
          ...numbersOf(fields, OWN),
        },
        extra: without(fields, OWN),
        notes: [
          {
            code: "no-steps",
            message: "A monitor file keeps the return and length of each episode, not its steps.",
          },
        ],
      },
    ];
  },
});
