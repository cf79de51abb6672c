import type { JsonObject, JsonValue } from "../model/json";
import { given, type TrajectoryDraft } from "./draft";
import { recordedNumber, titleOf } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { titleOfPrompt, stepsOfMarkedText } from "./turns";

/** A prompt and what a policy completed it with, each as text or as messages. @returns undefined when either is neither */
export function completionDraft(
  prompt: JsonValue | undefined,
  completion: JsonValue | undefined,
): Pick<TrajectoryDraft, "title" | "task" | "steps" | "notes" | "flatText"> | undefined {
  const asked = messageList(prompt);
  const said = messageList(completion);
  if (typeof prompt === "string" && typeof completion === "string") {
    const { steps, notes } = stepsOfMarkedText(prompt, completion);
    return {
      title: titleOfPrompt(prompt),
      task: { prompt },
      steps,
      notes,
      flatText: { prompt, response: completion },
    };
  }
  const before = asked ?? (typeof prompt === "string" ? [{ role: "user", content: prompt }] : undefined);
  const after =
    said ?? (typeof completion === "string" ? [{ role: "assistant", content: completion }] : undefined);
  if (before === undefined || after === undefined) return undefined;
  const messages: readonly JsonObject[] = [...before, ...after];
  const task = promptOfMessages(before);
  return {
    title: titleOf(task ?? ""),
    task: { ...given("prompt", task) },
    steps: messageSteps(messages, before.length),
    notes: [],
  };
}

/** Text that stands for a prompt when members of a group are told by it. */
export function promptKey(prompt: JsonValue | undefined): string {
  return typeof prompt === "string" ? prompt : JSON.stringify(prompt ?? null);
}

/** Numbers of runs of equal keys: `a a b a` gives 0 0 1 2. */
export function runsOf(keys: readonly string[]): readonly number[] {
  let run = -1;
  let last: string | undefined;
  return keys.map((key) => {
    if (key !== last) run++;
    last = key;
    return run;
  });
}

/** The sum of what reward functions gave; those that gave nothing are left out. `null` when all of them did. */
export function sumOfRewards(values: readonly (JsonValue | undefined)[]): number | null {
  const numbers = values.flatMap((value) => {
    const number = recordedNumber(value);
    return typeof number === "number" && !Number.isNaN(number) ? [number] : [];
  });
  return numbers.length === 0 ? null : numbers.reduce((sum, number) => sum + number, 0);
}
