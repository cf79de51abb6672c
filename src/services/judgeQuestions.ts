import type { Trajectory } from "../model/trajectory";
import { stepText } from "../signals/series/stepText";
import type { JudgeTemplate } from "./judgingContract";

/** One question to a judge. */
export interface Question {
  readonly trajectoryId: string;
  readonly step?: number;
  readonly prompt: string;
}

/** Fills the places of a template. Texts of trajectories are put in as they are and never read as places again. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(
    /\{(prompt|response|step|history|answer)\}/g,
    (_, name: string) => values[name] ?? "",
  );
}

/** What a judge is asked about a trajectory: each step of the policy, or the whole. */
export function questionsOf(trajectory: Trajectory, template: JudgeTemplate): readonly Question[] {
  const { groundTruth } = trajectory.task;
  const own = trajectory.steps.filter((step) => step.role === "assistant");
  const first = own[0]?.index ?? trajectory.steps.length;
  const prompt =
    trajectory.task.prompt ??
    trajectory.steps
      .filter((step) => step.index < first)
      .map(stepText)
      .join("\n");
  const said = (from: number, to: number): string =>
    trajectory.steps
      .filter((step) => step.index >= from && step.index < to)
      .map((step) => (step.role === "assistant" ? stepText(step) : `[${step.role}] ${stepText(step)}`))
      .join("\n");
  const values = {
    prompt,
    answer:
      groundTruth === undefined || groundTruth === null
        ? ""
        : typeof groundTruth === "string"
          ? groundTruth
          : JSON.stringify(groundTruth),
    response: said(first, trajectory.steps.length),
  };
  if (template.level === "trajectory")
    return [
      {
        trajectoryId: trajectory.id,
        prompt: fillTemplate(template.user, { ...values, step: "", history: "" }),
      },
    ];
  return own.map((step) => ({
    trajectoryId: trajectory.id,
    step: step.index,
    prompt: fillTemplate(template.user, {
      ...values,
      step: stepText(step),
      history: said(first, step.index),
    }),
  }));
}
