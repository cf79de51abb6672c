import {
  actionHistory,
  trajectoryGrade,
  wordSetF1,
  type JudgedStep,
} from "../../../src/signals/reward/judgeReply";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  text: true,
  run({ fn, inputs }) {
    if (fn === "calculate_f1_score") return wordSetF1(inputs.text("pred"), inputs.text("gt"));
    if (fn.includes("action history")) return actionHistory(inputs.list("steps") as readonly JudgedStep[]);
    if (!fn.includes("inline parse")) throw new InputError("function", `known (${fn})`);
    return trajectoryGrade(inputs.text("response"));
  },
};
