import {
  answerDictionary,
  flagCounts,
  reasonsByTime,
  subgoalTimes,
  type Literal,
} from "../../../src/signals/agentic/calm";
import { InputError, list, type Adapter, type Inputs } from "../adapter";

const times = (inputs: Inputs, name: string): ReadonlySet<number> =>
  new Set(inputs.list(name).map((entry) => Number(list(entry)[0])));

function plain(value: Literal): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, entry]) => [String(plain(key)), plain(entry)]));
  if (Array.isArray(value)) return (value as readonly Literal[]).map(plain);
  return typeof value === "object" && value !== null && "number" in value ? value.number : value;
}

export const adapter: Adapter = {
  text: true,
  run({ fn, inputs }) {
    if (fn.startsWith("evaluate_transitions")) {
      const counts = flagCounts(times(inputs, "pred"), times(inputs, "truth"));
      return { tp_fp_fn_tn: counts.transition, by_time_tp_fp_fn_n: counts.times };
    }
    if (!fn.startsWith("parse_response")) throw new InputError("function", `known (${fn})`);
    const answer = inputs.text("response");
    const strict = answerDictionary(answer, "fenced");
    const bare = answerDictionary(answer, "bare");
    return {
      strict_parse: strict ? plain(strict) : {},
      times_to_reasons: bare ? [...reasonsByTime(subgoalTimes(bare, true))] : [],
    };
  },
};
