import type { JsonObject, JsonValue } from "../model/json";
import { fieldNames, isObject, objectOf, recordedNumber, textOf, without } from "./jsonFields";
import { Failure } from "../model/failure";
import { numbersOf } from "./outcomeFields";
import { episodeFormat } from "./numericEpisode";

/** Columns of a monitor file: return, length and seconds since the start. Anything else is what the user logged. */
const OWN = new Set(["r", "l", "t"]);

const objectIn = (value: JsonValue | undefined): JsonObject => (isObject(value) ? value : {});

/** Monitor files of Baselines, Stable-Baselines and reward machines: one row an episode, without its steps. */
export const monitorLog = episodeFormat({
  id: "monitor-csv",
  title: "Monitor log of episodes",
  source: "OpenAI Baselines and Stable-Baselines bench.Monitor, *.monitor.csv",
  containers: ["csv", "jsonl"],
  detect(head) {
    const names = new Set(fieldNames(head));
    if (![...OWN].every((name) => names.has(name))) return undefined;
    // Early versions of Baselines wrote lines of JSON, the first of which tells of the environment.
    const lines = head.columns === undefined;
    if (lines && ![...OWN].every((name) => typeof objectIn(head.firstRecord)[name] === "number"))
      return undefined;
    return { confidence: lines ? 0.6 : 0.9, reason: "columns r, l, t (return, length, time)" };
  },
  episodes(record, { row }) {
    const fields = objectOf(record);
    const reward = recordedNumber(fields["r"]);
    if (reward === undefined && "t_start" in fields)
      throw new Failure(
        "unfit-record",
        "The first line tells of the environment, not of an episode.",
        "The episodes behind it are shown.",
      );
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
