import * as v from "valibot";
import type { JudgeTemplate } from "./judgingContract";

/** Prompts that come with the program; the setting `trajectoryLens.judge.templates` adds others or replaces these by id. */
const builtInTemplates: readonly JudgeTemplate[] = [
  {
    id: "step-quality",
    title: "Quality of each step, 0 to 10",
    level: "step",
    system:
      "You grade one step of an agent at a time. Answer with one whole number from 0 to 10 and nothing else.",
    user: "Task:\n{prompt}\n\nWhat happened so far:\n{history}\n\nThe step to grade:\n{step}\n\nHow much does this step help to solve the task? 0 = it harms, 5 = it changes nothing, 10 = it is the best possible step.",
    parser: { kind: "number", minimum: 0, maximum: 10 },
    maxTokens: 8,
  },
  {
    id: "step-correct",
    title: "Is each step correct?",
    level: "step",
    system:
      "You check one step of a solution at a time. Answer with the word correct or the word incorrect and nothing else.",
    user: "Task:\n{prompt}\n\nSteps before:\n{history}\n\nStep to check:\n{step}",
    parser: { kind: "choice", choices: { correct: 1, incorrect: 0 } },
    maxTokens: 8,
  },
  {
    id: "outcome",
    title: "Does the trajectory solve the task?",
    level: "trajectory",
    system:
      'You judge whether a task was solved. Answer with JSON only: {"reason": "one sentence", "score": a number from 0 to 1}.',
    user: "Task:\n{prompt}\n\nReference answer (may be empty):\n{answer}\n\nTrajectory:\n{response}",
    parser: { kind: "json", field: "score", minimum: 0, maximum: 1 },
    maxTokens: 200,
  },
  {
    id: "intrinsic-preference",
    title: "Interest of each step for the task (0 or 1)",
    level: "step",
    system: "Answer with the word yes or the word no and nothing else.",
    user: "Goal:\n{prompt}\n\nWhat was seen and done:\n{step}\n\nIs this progress towards the goal?",
    parser: { kind: "choice", choices: { yes: 1, no: 0 } },
    maxTokens: 4,
  },
];

const text = v.pipe(v.string(), v.minLength(1));
const range = { minimum: v.number(), maximum: v.number() };

const templateSchema = v.strictObject({
  id: text,
  title: v.optional(text),
  system: v.optional(v.string()),
  user: text,
  level: v.picklist(["step", "trajectory"]),
  parser: v.variant("kind", [
    v.strictObject({ kind: v.literal("number"), ...range }),
    v.strictObject({ kind: v.literal("choice"), choices: v.record(text, v.number()) }),
    v.strictObject({ kind: v.literal("json"), field: text, ...range }),
  ]),
  maxTokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  temperature: v.optional(v.pipe(v.number(), v.minValue(0))),
});

/** Reads the setting `trajectoryLens.judge.templates`; an entry that is wrong is left out with a sentence. */
export function parseTemplates(value: unknown): {
  readonly templates: readonly JudgeTemplate[];
  readonly problems: readonly string[];
} {
  if (!Array.isArray(value)) return { templates: [], problems: [] };
  const templates: JudgeTemplate[] = [];
  const problems: string[] = [];
  value.forEach((entry: unknown, index) => {
    const parsed = v.safeParse(templateSchema, entry);
    if (parsed.success)
      templates.push({ ...(parsed.output as JudgeTemplate), title: parsed.output.title ?? parsed.output.id });
    else {
      const [issue] = parsed.issues;
      problems.push(
        `trajectoryLens.judge.templates[${index}].${v.getDotPath(issue) ?? ""} cannot be used: ${issue.message}.`,
      );
    }
  });
  return { templates, problems };
}

/** Built-in prompts with the user's own in front; one of the user's replaces the built-in one of its id. */
export function allTemplates(own: readonly JudgeTemplate[]): readonly JudgeTemplate[] {
  const ids = new Set(own.map((template) => template.id));
  return [...own, ...builtInTemplates.filter((template) => !ids.has(template.id))];
}
