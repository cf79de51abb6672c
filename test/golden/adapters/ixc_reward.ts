import {
  conversationText,
  kindAccuracy,
  styleAccuracy,
  type TaggedMessage,
} from "../../../src/signals/reward/styleMatrix";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AbsentFile, InputError, vector, type Adapter, type Golden, type Inputs } from "../adapter";

type Fields = { readonly [key: string]: Golden };

/** Official result files, which some cases name instead of holding the numbers; they lie outside the repository. */
const files: Readonly<Record<string, string>> = {
  "evaluation/rm_bench/results.json": "rm_bench_results.json",
  "evaluation/vl_rewardbench/results.json": "vl_rewardbench_results.json",
};

function contents(inputs: Inputs, name: string): Golden {
  if (!inputs.has("file")) return inputs.get(name);
  const file = files[inputs.text("file")];
  if (file === undefined) throw new InputError("file", "a known result file");
  const path = join(process.env["SAMPLES_DIR"] ?? "../shared/samples", "rm/ixc-reward", file);
  if (!existsSync(path)) throw new AbsentFile(path);
  return JSON.parse(readFileSync(path, "utf8")) as Golden;
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ fn, name, inputs, raw }) {
    if (fn === "conv2text") {
      const given = inputs.get("value") ?? inputs.get("sources");
      if (!Array.isArray(given)) throw new InputError("inputs", "a list of messages");
      // Whether the end is written is told by the name of the case only.
      const end = raw["end"] !== false && !/^no_end/u.test(name);
      return conversationText(given as unknown as readonly TaggedMessage[], end);
    }
    if (fn.startsWith("rm_bench")) {
      const rows = contents(inputs, "results");
      if (!Array.isArray(rows)) throw new InputError("results", "a list");
      const { hard, normal, easy, average } = styleAccuracy(
        (rows as readonly Fields[]).map((row) => ({
          chosen: vector(row["score_chosen"]),
          rejected: vector(row["score_rejected"]),
        })),
      );
      return { hard_acc: hard, normal_acc: normal, easy_acc: easy, avg_acc: average };
    }
    if (!fn.startsWith("vl_rewardbench")) throw new InputError("function", `known (${fn})`);
    const hits = (inputs.has("file") ? contents(inputs, "") : inputs.values) as Fields;
    const result = kindAccuracy({
      all: vector(hits["out_all"]),
      general: vector(hits["out_general"]),
      hallucination: vector(hits["out_hallucination"]),
      reasoning: vector(hits["out_reasoning"]),
    });
    return {
      overall_acc: result.overall,
      general_acc: result.general,
      hallucination_acc: result.hallucination,
      reasoning_acc: result.reasoning,
      macro_acc: result.macro,
    };
  },
};
