import {
  holdsOnTrace,
  parseTemporalFormula,
  prefixVerdicts,
} from "../../../src/signals/control/temporalLogic";
import { list, type Adapter, type Golden } from "../adapter";

type Row = { readonly [key: string]: Golden };

/** Each step is a text whose letters are the true propositions. */
const traceOf = (value: Golden): ReadonlySet<string>[] => list(value).map((step) => new Set(String(step)));

export const adapter: Adapter = {
  run({ inputs }) {
    if (inputs.has("items"))
      return {
        items: (inputs.list("items") as readonly Row[]).map((item) => ({
          ...item,
          verdict_on_each_prefix: prefixVerdicts(
            parseTemporalFormula(String(item["formula"])),
            traceOf(item["trace"]),
          ),
        })),
      };
    const formula = parseTemporalFormula(inputs.text("formula"));
    const traces = Object.entries(inputs.object("traces"));
    return {
      truth: Object.fromEntries(traces.map(([name, trace]) => [name, holdsOnTrace(formula, traceOf(trace))])),
    };
  },
};
