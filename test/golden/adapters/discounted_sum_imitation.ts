import { discountedReturns } from "../../../src/signals/returns/discountedReturn";
import { list, vector, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ inputs }) {
    const gamma = inputs.number("gamma");
    const entries = list(inputs.get("arr"));
    const total = (rewards: Float64Array): number =>
      rewards.length === 0 ? 0 : discountedReturns(rewards, gamma)[0]!;
    // With a matrix the code takes the first axis as time, whatever its docstring says.
    if (Array.isArray(entries[0])) {
      const rows = entries.map((row) => vector(row));
      return {
        value: Array.from(rows[0]!, (_, column) => total(Float64Array.from(rows, (row) => row[column]!))),
      };
    }
    return { value: total(vector(entries)) };
  },
};
