/** Text inside the first answer tag of a reply, trimmed; without a tag the whole reply, trimmed. */
function answerText(reply: string): string {
  return (/<answer>([\s\S]*?)<\/answer>/u.exec(reply)?.[1] ?? reply).trim();
}

/**
 * Accuracy reward of a generative judge (CodeGoat24/UnifiedReward, UnifiedReward-Think, accuracy_reward): 1 when the
 * answer is exactly the solution, else 0; an empty reply has 0 in any case.
 */
export function verdictAccuracy(reply: string, solution: string): number {
  return reply !== "" && answerText(reply) === solution ? 1 : 0;
}

/** What a reply earns where the sample has no solution: a tenth in the Qwen script, nothing in the LLaVA script. */
const accuracyWithoutSolution = { qwen: 0.1, llava: 0 } as const;

/**
 * Accuracy reward of a sample that may lack a reply or a solution: no reply or an empty one has 0, a reply without a
 * solution what its script gives.
 */
export function sampleAccuracy(
  reply: string | undefined,
  solution: string | undefined,
  script: keyof typeof accuracyWithoutSolution,
): number {
  if (reply === undefined || reply === "") return 0;
  return solution === undefined ? accuracyWithoutSolution[script] : verdictAccuracy(reply, solution);
}

/** Format reward (UnifiedReward-Think, format_reward): 1 when the reply begins with a think and an answer block. */
export function verdictFormat(reply: string): number {
  return /^<think>[\s\S]*?<\/think>\s*<answer>[\s\S]*?<\/answer>/u.test(reply) ? 1 : 0;
}

/** Grade of a trajectory by a judge. */
export interface TrajectoryGrade {
  readonly reason: string | null;
  readonly score: number | null;
  /** There is a reason and the score is 1..5; otherwise the judge is asked again. */
  readonly accepted: boolean;
}

/**
 * Reads "Reason: ... Score: n" (OS-Copilot/OS-Genesis, collection/genesis_rm.py): the first integer after "Score:", so
 * 4.5 and 4/5 are 4.
 */
export function trajectoryGrade(reply: string): TrajectoryGrade {
  const reason = /Reason:\s*([\s\S]+?)\s*Score:/u.exec(reply)?.[1]?.trim() ?? null;
  const digits = /Score:\s*([0-9]+)/u.exec(reply)?.[1];
  const score = digits === undefined ? null : Number(digits);
  const accepted = reason !== null && reason !== "" && score !== null && score >= 1 && score <= 5;
  return { reason, score, accepted };
}

/** A step as the trajectory judge is told of it. */
export interface JudgedStep {
  readonly summary?: string;
  readonly reason?: string;
}

/**
 * Action history that the judge reads (genesis_rm.py): one line per step, its summary, else its reason.
 *
 * @throws Error for a step with neither
 */
export function actionHistory(steps: readonly JudgedStep[]): string {
  return steps
    .map(({ summary, reason }, i) => {
      const text = summary ?? reason;
      if (text === undefined) throw new Error(`Step ${i + 1} has neither a summary nor a reason.`);
      return `Step ${i + 1}: ${text}`;
    })
    .join("\n");
}

/** Chances of trajectories to be trained on: their rewards over the sum (OS-Genesis, paper, algorithm 1; no code). */
export function gradeProportions(grades: ArrayLike<number>): Float64Array {
  const total = Array.from(grades).reduce((sum, grade) => sum + grade, 0);
  return Float64Array.from(grades, (grade) => grade / total);
}

/** F1 of the sets of lower-case words of two texts; 0 when they share none, two empty texts too. */
export function wordSetF1(predicted: string, truth: string): number {
  const words = (text: string): ReadonlySet<string> =>
    new Set(
      text
        .toLowerCase()
        .split(/\s+/u)
        .filter((word) => word !== ""),
    );
  const mine = words(predicted);
  const theirs = words(truth);
  const shared = [...mine].filter((word) => theirs.has(word)).length;
  if (shared === 0) return 0;
  const precision = shared / mine.size;
  const recall = shared / theirs.size;
  return (2 * (precision * recall)) / (precision + recall);
}
