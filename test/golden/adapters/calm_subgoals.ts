import { answerDictionary, rewardedStates, subgoalTimes } from "../../../src/signals/agentic/calm";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  text: true,
  run({ inputs }) {
    const dictionary = answerDictionary(inputs.text("response"), "fenced");
    if (!dictionary) return [];
    const states = rewardedStates(
      subgoalTimes(dictionary),
      inputs.vector("t"),
      inputs.texts("observation_by_t"),
      inputs.vector("action"),
    );
    if (states.length === 0) return [];
    return [states.map(({ observation, action, reasons }) => [[observation, action], reasons])];
  },
};
