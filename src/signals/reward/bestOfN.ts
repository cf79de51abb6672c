/**
 * Result of one prompt (allenai/reward-bench, rewardbench/utils.py, reroll_and_score_dataset): the completion at index 0
 * is the right one; it shares the point with every completion of exactly the same score.
 *
 * @returns 1 / (completions at the maximum) when the first is among them, else 0
 */
export function bestOfN(scores: ArrayLike<number>): number {
  let most = -Infinity;
  for (let i = 0; i < scores.length; i++) most = Math.max(most, scores[i]!);
  if (scores[0] !== most) return 0;
  let ties = 0;
  for (let i = 0; i < scores.length; i++) if (scores[i] === most) ties++;
  return 1 / ties;
}

/** Scores of one prompt of the Ties subset. */
export interface TiesPrompt {
  /** Every correct completion scores above every incorrect one. */
  readonly accurate: boolean;
  /** Best minus worst correct score; null with a single correct completion. */
  readonly spread: number | null;
  /** Worst correct minus best incorrect score. */
  readonly gap: number;
}

/**
 * Statistics of a Ties prompt (rewardbench/utils.py, _compute_prompt_stats).
 *
 * @throws Error when there is no correct or no incorrect completion
 */
export function tiesPrompt(correct: ArrayLike<number>, incorrect: ArrayLike<number>): TiesPrompt {
  if (correct.length === 0 || incorrect.length === 0)
    throw new Error("A Ties prompt needs at least one correct and one incorrect completion.");
  const right = Array.from(correct);
  const worst = Math.min(...right);
  const gap = worst - Math.max(...Array.from(incorrect));
  return { accurate: gap > 0, spread: right.length > 1 ? Math.max(...right) - worst : null, gap };
}

/** The five terms of the Ties score and their weighted sum. */
export interface TiesScore {
  readonly refAccuracy: number;
  readonly tiedAccuracy: number;
  /** Share of tied prompts whose gap is larger than the spread. */
  readonly preferred: number;
  /** The same with the smaller of the gaps of the pair. */
  readonly hardPreferred: number;
  /** Mean of tanh(min(gaps) / spread - 1). */
  readonly margin: number;
  readonly score: number;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Ties score (rewardbench/utils.py, process_single_model):
 * `0.30 A_tied + 0.30 A_ref + 0.20 P + 0.20 H + 0.01 M`, the last three over the prompts that are in both parts.
 *
 * @param reference, @param tied statistics by prompt number
 * @returns NaN without a shared prompt
 * @throws Error for a shared tied prompt with a single correct completion
 */
export function tiesScore(
  reference: ReadonlyMap<string, TiesPrompt>,
  tied: ReadonlyMap<string, TiesPrompt>,
): TiesScore {
  const preferred: number[] = [];
  const hard: number[] = [];
  const margins: number[] = [];
  for (const [key, own] of tied) {
    const other = reference.get(key);
    if (!other) continue;
    if (own.spread === null)
      throw new Error(`Prompt tied:${key} has a single correct completion, so there is no spread.`);
    const gap = Math.min(other.gap, own.gap);
    preferred.push(own.gap > own.spread ? 1 : 0);
    hard.push(gap > own.spread ? 1 : 0);
    const margin = Math.tanh(gap / own.spread - 1);
    margins.push(Number.isNaN(margin) ? 0 : margin);
  }
  const accuracy = (prompts: ReadonlyMap<string, TiesPrompt>): number =>
    mean([...prompts.values()].map((prompt) => (prompt.accurate ? 1 : 0)));
  const terms = {
    refAccuracy: accuracy(reference),
    tiedAccuracy: accuracy(tied),
    preferred: mean(preferred),
    hardPreferred: mean(hard),
    margin: mean(margins),
  };
  return {
    ...terms,
    score:
      0.3 * terms.tiedAccuracy +
      0.3 * terms.refAccuracy +
      0.2 * terms.preferred +
      0.2 * terms.hardPreferred +
      0.01 * terms.margin,
  };
}

/** Section scores of RewardBench 1 (calculate_scores_per_section): means weighted by examples; 0 without a subset. */
export function sectionScores(
  sections: Readonly<Record<string, readonly string[]>>,
  counts: Readonly<Record<string, number>>,
  metrics: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(sections).map(([section, subsets]) => {
      let weighted = 0;
      let total = 0;
      for (const subset of subsets) {
        const metric = metrics[subset];
        if (metric === undefined) continue;
        const count = counts[subset];
        if (count === undefined) throw new Error(`Subset "${subset}" has no number of examples.`);
        weighted += metric * count;
        total += count;
      }
      return [section, total > 0 ? weighted / total : 0];
    }),
  );
}

/** Rating of a judge's reply (rewardbench/generative_v2.py): the last integer 1..10 at its end, else -1. */
export function judgeRating(reply: string): number {
  const found = /(?<![\p{L}\p{N}_])(10|[1-9])$/u.exec(reply.trim());
  return found ? Number(found[1]) : -1;
}

/** How a family of judges writes its verdict. */
export type JudgeStyle = "brackets" | "prometheus" | "offsetbias" | "atla";

/**
 * Verdict of a four-way judge (rewardbench/generative_v2.py, process_judgement): the first *letter* that occurs, not the
 * first in the text; "error" when none does, null for Atla's form without a result.
 */
export function judgeVerdict(reply: string, style: JudgeStyle): string | null {
  const letters = ["A", "B", "C", "D"] as const;
  if (style === "prometheus") {
    const last = reply.at(-1) ?? "";
    return reply.includes("[RESULT]") && letters.some((letter) => letter === last) ? last : "error";
  }
  if (style === "atla") return /\*\*Result:\*\*\s*([\p{L}\p{N}_]+)/u.exec(reply)?.[1] ?? null;
  const written = (letter: string): string =>
    style === "offsetbias" ? `Output (${letter.toLowerCase()})` : `[[${letter}]]`;
  return letters.find((letter) => reply.includes(written(letter))) ?? "error";
}
