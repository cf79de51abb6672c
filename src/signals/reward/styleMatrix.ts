/** Scores of one prompt by style: three chosen and three rejected responses, from plain to styled. */
export interface StyleScores {
  readonly chosen: ArrayLike<number>;
  readonly rejected: ArrayLike<number>;
}

/** Accuracies by how the styles compare, and the matrix chosen style x rejected style they come from. */
export interface StyleAccuracy {
  /** The rejected response is the more styled one. */
  readonly hard: number;
  readonly normal: number;
  /** The chosen response is the more styled one. */
  readonly easy: number;
  readonly average: number;
  readonly matrix: readonly Float64Array[];
}

/**
 * RM-Bench accuracies (InternLM/InternLM-XComposer, evaluation/rm_bench/inference.py, compute_accuracy): shares of
 * prompts whose chosen response scores strictly higher, for all pairs of styles.
 *
 * @throws Error without prompts
 */
export function styleAccuracy(prompts: readonly StyleScores[]): StyleAccuracy {
  const styles = prompts[0]?.chosen.length ?? 0;
  if (styles === 0) throw new Error("There are no scores to compare.");
  const matrix = Array.from({ length: styles }, () => new Float64Array(styles));
  for (const { chosen, rejected } of prompts)
    for (let i = 0; i < styles; i++)
      for (let j = 0; j < styles; j++) if (chosen[i]! > rejected[j]!) matrix[i]![j]!++;
  for (const row of matrix) for (let j = 0; j < styles; j++) row[j] = row[j]! / prompts.length;
  const mean = (wanted: (i: number, j: number) => boolean): number => {
    const cells = matrix.flatMap((row, i) => Array.from(row).filter((_, j) => wanted(i, j)));
    return cells.reduce((sum, cell) => sum + cell, 0) / cells.length;
  };
  const hard = mean((i, j) => i < j);
  const normal = mean((i, j) => i === j);
  const easy = mean((i, j) => i > j);
  return { hard, normal, easy, average: (hard + normal + easy) / 3, matrix };
}

/** Hits (1) and misses (0) of VL-RewardBench by kind of question. */
export interface KindHits {
  readonly all: ArrayLike<number>;
  readonly general: ArrayLike<number>;
  readonly hallucination: ArrayLike<number>;
  readonly reasoning: ArrayLike<number>;
}

/**
 * VL-RewardBench accuracies (InternLM-XComposer, evaluation/vl_rewardbench/inference.py). As released the reasoning
 * accuracy divides by the count plus 1e-7.
 */
export function kindAccuracy(hits: KindHits): {
  readonly overall: number;
  readonly general: number;
  readonly hallucination: number;
  readonly reasoning: number;
  readonly macro: number;
} {
  const share = (values: ArrayLike<number>, extra = 0): number => {
    if (values.length + extra === 0) throw new Error("One kind of question has no results.");
    return Array.from(values).reduce((sum, hit) => sum + hit, 0) / (values.length + extra);
  };
  const general = share(hits.general);
  const hallucination = share(hits.hallucination);
  const reasoning = share(hits.reasoning, 1e-7);
  return {
    overall: share(hits.all),
    general,
    hallucination,
    reasoning,
    macro: (general + reasoning + hallucination) / 3,
  };
}

/** A message as the training files write it. */
export interface TaggedMessage {
  readonly from: string;
  readonly value: string;
}

/**
 * Text of a conversation that the reward is read from (training/data_mix.py, conv2text); the last token is the reward
 * token. Anyone who is neither system nor human is the assistant.
 *
 * @param end whether the end and the reward token are written
 */
export function conversationText(messages: readonly TaggedMessage[], end = true): string {
  const text = messages
    .map(({ from, value }) => {
      const name = from.toLowerCase();
      const role = name === "system" ? "system" : name === "human" || name === "user" ? "user" : "assistant";
      return `[UNUSED_TOKEN_146]${role}\n${value.trim()}[UNUSED_TOKEN_145]\n`;
    })
    .join("");
  return end ? `${text}</s>[UNUSED_TOKEN_130]` : text;
}
