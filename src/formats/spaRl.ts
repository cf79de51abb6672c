import type { Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isObject, listOf, objectOf, recordedNumber, textOf, titleOf } from "./jsonFields";
import { contentOf } from "./messages";
import { splitMarked } from "./turns";

/** SPA-RL's training rollouts: for each trajectory a list of turns, each with its prompt, response and reward. */
export const spaRlTurns = draftedFormat({
  id: "spa-rl-turns",
  title: "SPA-RL turns",
  source:
    "WangHanLinHenry/SPA-RL-Agent prm/rl_data_org.py: {prompt, response, reward} as lists of lists by turn",
  containers: ["json"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const firsts = ["prompt", "response", "reward"].map((key) => listOf(row[key])?.[0]);
    const [prompt, response, reward] = firsts.map((first) => listOf(first)?.[0]);
    return typeof prompt === "string" &&
      typeof response === "string" &&
      (typeof reward === "number" || reward === null)
      ? { confidence: 0.9, reason: "lists prompt, response, reward of lists by turn" }
      : undefined;
  },

  drafts(record) {
    const document = objectOf(record);
    const [prompts, responses, rewards] = ["prompt", "response", "reward"].map(
      (key) => listOf(document[key]) ?? [],
    );
    return (responses ?? []).map((turns, index): TrajectoryDraft => {
      const asked = listOf(prompts?.[index]) ?? [];
      const turnRewards = listOf(rewards?.[index]) ?? [];
      const steps: Step[] = [];
      let before = "";
      let sum: number | null = null;
      for (const [turn, response] of (listOf(turns) ?? []).entries()) {
        const prompt = textOf(asked[turn]) ?? "";
        // Prompts repeat what came before them; the new part is what was observed.
        const news = turn > 0 && prompt.startsWith(before) ? prompt.slice(before.length) : prompt;
        for (const { role, text } of splitMarked(news, "user") ?? [{ role: "user" as const, text: news }])
          if (role !== "assistant" || text.trim() !== "")
            steps.push(
              role === "assistant"
                ? { index: steps.length, role, kind: "prompt", action: text }
                : { index: steps.length, role, kind: turn === 0 ? "prompt" : "observe", observation: text },
            );
        const text = textOf(response) ?? contentOf(response).text;
        const said = splitMarked(text, "assistant")?.[0]?.text ?? text.replace(/<\|eot_id\|>\s*$/, "");
        const reward = recordedNumber(turnRewards[turn]);
        if (typeof reward === "number" && !Number.isNaN(reward)) sum = (sum ?? 0) + reward;
        steps.push({
          index: steps.length,
          role: "assistant",
          kind: "act",
          action: said,
          ...given("reward", reward),
        });
        before = prompt + text;
      }
      const prompt = steps.find((step) => step.role === "user")?.observation;
      return {
        title: titleOf(prompt ?? ""),
        task: { ...given("prompt", prompt) },
        steps,
        outcome: { reward: sum, rewardSource: "sum of the turns' rewards", components: {} },
        extra: Object.fromEntries(
          Object.entries(document)
            .filter(([key]) => !["prompt", "response", "reward"].includes(key))
            .map(([key, value]) => [
              key,
              listOf(value)?.length === responses?.length ? (listOf(value)?.[index] ?? null) : value,
            ]),
        ),
        notes: [],
      };
    });
  },
});
