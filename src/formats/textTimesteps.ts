import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { titleOf } from "./jsonFields";

/** A line that begins a timestep, alone on its line. */
const MARK = /^(?:- )?(?:Time:|Timestep:?) ?(\d+)[ \t]*$/gm;
const NUMBER = String.raw`-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?`;
/** Subgoals with the times at which an annotator saw them reached: a Python dict. */
const SUBGOALS = /```python\s*(\{[\s\S]*?\})\s*```/g;

interface Timestep {
  readonly time: number;
  readonly body: string;
}

function cut(text: string): { readonly before: string; readonly timesteps: readonly Timestep[] } {
  const marks = [...text.matchAll(MARK)];
  return {
    before: text.slice(0, marks[0]?.index ?? text.length),
    timesteps: marks.map((mark, index) => ({
      time: Number(mark[1]),
      body: text
        .slice(mark.index + mark[0].length, marks[index + 1]?.index ?? text.length)
        .replace(/^\r?\n/, ""),
    })),
  };
}

/** `{"pick up the key": 81, "unlock the door": None}` as names with times; anything else gives nothing. */
function subgoalsOf(text: string): Readonly<Record<string, number | null>> | undefined {
  // The prompt may show an example: the last dict is the answer.
  const dict = [...text.matchAll(SUBGOALS)].at(-1)?.[1];
  if (dict === undefined) return undefined;
  const subgoals: Record<string, number | null> = {};
  for (const [, , name, time] of dict.matchAll(/(["'])((?:(?!\1).)*)\1\s*:\s*(None|null|\d+)/g))
    if (name !== undefined) subgoals[name] = time === "None" || time === "null" ? null : Number(time);
  return Object.keys(subgoals).length === 0 ? undefined : subgoals;
}

const line = (body: string, name: string): RegExpExecArray | null =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, "mi").exec(body);

/** Text trajectories of grid games, one timestep after another, with what a language model said of them. */
export const textTimesteps = draftedFormat({
  id: "text-timesteps",
  title: "Text trajectory with timesteps",
  source: "epignatelli/lfrl (CALM): prompts and answers over NetHack and MiniHack trajectories as text",
  containers: ["text"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const { timesteps } = cut(head.text ?? "");
    if (timesteps.length < 2) return undefined;
    const rising = timesteps.every(({ time }, index) => time >= (timesteps[index - 1]?.time ?? 0));
    const told = timesteps.filter(
      ({ body }) =>
        /^(?:Action|Planned action|Observation|Reward):/im.test(body) || /^\s*[-|.+@#]{3,}/m.test(body),
    );
    return rising && told.length >= timesteps.length - 1
      ? { confidence: 0.8, reason: `${timesteps.length} timesteps with observations or actions` }
      : undefined;
  },

  drafts(record) {
    const text = record.kind === "value" && typeof record.value === "string" ? record.value : "";
    const { before, timesteps } = cut(text);
    if (timesteps.length === 0)
      throw new Failure("missing-field", "The text has no timesteps.", "Check that it is a text trajectory.");
    const steps: Step[] = [];
    if (before.trim() !== "")
      steps.push({ index: 0, role: "user", kind: "prompt", observation: before.trimEnd() });
    const last = timesteps.at(-1);
    // After the last planned action, or after two blank lines behind a python block, stands the annotator's answer.
    const end = /^Planned action:.*$/m.exec(last?.body ?? "");
    const answerAt = end === null ? undefined : end.index + end[0].length;
    const answer = answerAt === undefined ? "" : (last?.body.slice(answerAt).trim() ?? "");
    const subgoals = answer === "" ? undefined : subgoalsOf(answer);
    let sum: number | undefined;
    for (const timestep of timesteps) {
      const body =
        timestep === last && answerAt !== undefined ? timestep.body.slice(0, answerAt) : timestep.body;
      const reached = Object.entries(subgoals ?? {}).flatMap(([name, time]) =>
        time === timestep.time ? [name] : [],
      );
      const extra: JsonObject = {
        time: timestep.time,
        ...(reached.length === 0 ? {} : { subgoals_reached: reached }),
      };
      const planned = line(body, "Planned action");
      const taken = planned === null ? line(body, "Action") : null;
      const rewardLine = line(body, "Reward");
      const reward =
        rewardLine === null || !new RegExp(`^${NUMBER}$`).test(rewardLine[1]?.trim() ?? "")
          ? undefined
          : Number(rewardLine[1]);
      if (reward !== undefined) sum = (sum ?? 0) + reward;
      const seen = [planned, taken, reward === undefined ? null : rewardLine]
        .reduce((rest, match) => (match === null ? rest : rest.replace(match[0], "")), body)
        .replace(/^Observation:[ \t]*\r?\n/i, "")
        .replace(/^(?:[ \t]*\r?\n)+/, "")
        .trimEnd();
      const act = (match: RegExpExecArray | null): void => {
        if (match === null) return;
        steps.push({
          index: steps.length,
          role: "assistant",
          kind: "act",
          action: match[1]?.trim() ?? "",
          extra: { time: timestep.time },
          ...(match === taken ? given("reward", reward) : {}),
        });
      };
      // An action under its timestep is the one that led there; a planned one comes after what was seen.
      act(taken);
      steps.push({
        index: steps.length,
        role: "environment",
        kind: "observe",
        observation: seen,
        extra,
        ...(taken === null ? given("reward", reward) : {}),
      });
      act(planned);
    }
    const total = new RegExp(`(?:total|final) return of the trajectory is:?\\s*(${NUMBER})`, "i").exec(
      text,
    )?.[1];
    const notes: Note[] = [];
    if (steps.every((step) => step.role !== "assistant"))
      notes.push({ code: "no-actions", message: "The text holds observations without actions." });
    return [
      {
        title: titleOf(/task[^.\n]*?(?:is|require[^.\n]*?) to ([^.\n]+)/i.exec(before)?.[1] ?? before),
        task: before.trim() === "" ? {} : { prompt: before.trimEnd() },
        steps,
        outcome: {
          ...(total !== undefined
            ? { reward: Number(total), rewardSource: "the return that the text names" }
            : sum === undefined
              ? {}
              : { reward: sum, rewardSource: "sum of the timesteps' rewards" }),
          components: {},
        },
        extra: {
          ...(answer === "" ? {} : { annotation: answer }),
          ...(subgoals === undefined ? {} : { subgoals: subgoals as Readonly<Record<string, JsonValue>> }),
        },
        notes,
      },
    ];
  },
});
