import { normaliseGroups } from "../kernels/groupNormalisation";

/** Scores that a judge wrote for one dimension, in the order of the candidates; undefined where it wrote none. */
export interface DimensionScores {
  readonly name: string;
  readonly scores: readonly (number | undefined)[];
}

/** What a comparing judge wrote: its table, its totals and its verdict. */
export interface JudgeTable {
  readonly dimensions: readonly DimensionScores[];
  /** Totals as written, [candidates]. */
  readonly written: readonly (number | undefined)[];
  /** Totals recomputed from the dimensions, [candidates]; undefined where a dimension has no score. */
  readonly recomputed: readonly (number | undefined)[];
  /** Number of the better candidate from 1, 0 = a tie, undefined = no verdict. */
  readonly verdict: number | undefined;
  readonly candidates: number;
}

const candidate = "(?:Image|Video|Answer|Response)";

/** Heading in front of the scores of a dimension: the last text before a colon, without numbering and emphasis. */
function headingOf(text: string, fallback: string): string {
  for (const line of text.split("\n").reverse()) {
    const heading = /^[\s\-*#]*(?:\d+[.)]\s*)?\**([^:*\n]{2,80}?)\**\s*:/u.exec(line)?.[1]?.trim();
    if (heading !== undefined && !new RegExp(`^${candidate}\\b`, "iu").test(heading)) return heading;
  }
  return fallback;
}

/**
 * Reads the reply of a comparing judge (UnifiedReward-Think): per dimension `Image 1 (x/10)` and `Image 2 (y/10)`, a total
 * `Image 1: a+b+c=T`, and a verdict `Image 1 is better` or `Both ... equally good` in the answer.
 */
export function judgeTable(reply: string): JudgeTable {
  const think = /<think>([\s\S]*?)<\/think>/u.exec(reply)?.[1] ?? reply;
  const answer = /<answer>([\s\S]*?)<\/answer>/u.exec(reply)?.[1] ?? "";
  const totalsAt = think.search(/total\s+scores?/iu);
  const table = totalsAt < 0 ? think : think.slice(0, totalsAt);
  const totals = totalsAt < 0 ? "" : think.slice(totalsAt);
  const dimensions: { name: string; scores: (number | undefined)[] }[] = [];
  let end = 0;
  for (const match of table.matchAll(
    new RegExp(`${candidate}\\s*(\\d+)\\s*\\(\\s*(\\d+(?:\\.\\d+)?)\\s*/\\s*10\\s*\\)`, "giu"),
  )) {
    const number = Number(match[1]) - 1;
    if (number < 0 || number > 15) continue;
    let current = dimensions.at(-1);
    if (!current || current.scores[number] !== undefined) {
      current = {
        name: headingOf(table.slice(end, match.index), `dimension ${dimensions.length + 1}`),
        scores: [],
      };
      dimensions.push(current);
    }
    current.scores[number] = Number(match[2]);
    end = match.index + match[0].length;
  }
  const written: (number | undefined)[] = [];
  for (const match of totals.matchAll(
    new RegExp(
      `${candidate}\\s*(\\d+)\\s*:[^\\n=]*?(?:=\\s*)?(-?\\d+(?:\\.\\d+)?)\\s*(?=[^\\d+.=]|$)`,
      "giu",
    ),
  )) {
    const number = Number(match[1]) - 1;
    if (number >= 0 && number <= 15) written[number] ??= Number(match[2]);
  }
  const candidates = Math.max(written.length, ...dimensions.map(({ scores }) => scores.length), 0);
  const filled = <T>(list: readonly (T | undefined)[]): (T | undefined)[] =>
    Array.from({ length: candidates }, (_, k) => list[k]);
  const recomputed = Array.from({ length: candidates }, (_, k) =>
    dimensions.length === 0 || dimensions.some(({ scores }) => scores[k] === undefined)
      ? undefined
      : dimensions.reduce((sum, { scores }) => sum + scores[k]!, 0),
  );
  const better = new RegExp(`${candidate}\\s*(\\d+)\\s+is\\s+better`, "iu").exec(answer)?.[1];
  return {
    dimensions: dimensions.map(({ name, scores }) => ({ name, scores: filled(scores) })),
    written: filled(written),
    recomputed,
    verdict:
      better !== undefined ? Number(better) : /\bboth\b[^.]*\bequally\b/iu.test(answer) ? 0 : undefined,
    candidates,
  };
}

/** What does not fit together in a table: totals that are not the sums, a verdict against the totals. */
export function tableContradictions({ written, recomputed, verdict }: JudgeTable): readonly string[] {
  const out: string[] = [];
  written.forEach((total, k) => {
    const sum = recomputed[k];
    if (total !== undefined && sum !== undefined && Math.abs(total - sum) > 1e-9)
      out.push(`Candidate ${k + 1}: the written total ${total} is not the sum ${sum} of the dimensions.`);
  });
  const totals = recomputed.every((sum) => sum !== undefined) ? recomputed : written;
  if (verdict === undefined || totals.length < 2 || totals.some((total) => total === undefined)) return out;
  const best = Math.max(...(totals as number[]));
  const leaders = totals.flatMap((total, k) => (total === best ? [k + 1] : []));
  if (verdict === 0 ? leaders.length !== totals.length : !leaders.includes(verdict))
    out.push(
      `The verdict (${verdict === 0 ? "a tie" : `candidate ${verdict}`}) contradicts the totals, which favour ${leaders.map((k) => `candidate ${k}`).join(" and ")}.`,
    );
  return out;
}

/**
 * Rewards of samples and their advantages among the samples of the same prompt (llava_grpo_trainer.py).
 *
 * @param parts rewards by function, [N][functions]; @param size samples per prompt, one prompt after the other
 */
export function judgeAdvantages(
  parts: readonly ArrayLike<number>[],
  size: number,
): { readonly rewards: Float64Array; readonly advantages: Float64Array } {
  const rewards = Float64Array.from(parts, (row) => Array.from(row).reduce((sum, value) => sum + value, 0));
  const groups = Int32Array.from(rewards, (_, row) => Math.floor(row / size));
  const { advantages } = normaliseGroups(
    rewards,
    groups,
    Math.ceil(rewards.length / size),
    judgeGroupConvention,
  );
  return { rewards, advantages };
}

/** Advantages inside the judge's own group of samples (llava_grpo_trainer.py): n-1, epsilon 1e-4. */
export const judgeGroupConvention = {
  baseline: "mean",
  std: "sample",
  spreadOver: "group",
  epsilon: 1e-4,
  singleton: "nan",
  zeroSpread: "divide",
  nan: "propagate",
  precision: "float64",
} as const;
