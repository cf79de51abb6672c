const punctuation = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/gu;
const plainText = (text: string): string => text.replace(punctuation, " ").replace(/\s+/gu, " ").trim();
const words = (text: string): Set<string> => new Set(text.split(/\s+/u).filter((word) => word !== ""));

/** True when every checked tag is opened as often as closed, and each opening has a closing behind it. */
function tagsBalance(text: string): boolean {
  for (const tag of ["code", "tool_call", "think", "answer"]) {
    const open = `<${tag}>`;
    const close = `</${tag}>`;
    if (text.split(open).length !== text.split(close).length) return false;
    let from = -1;
    for (;;) {
      const start = text.indexOf(open, from + 1);
      if (start < 0) break;
      const end = text.indexOf(close, start);
      if (end < 0) return false;
      from = end;
    }
  }
  return true;
}

/**
 * Answer score of IGPO (reward_score/info_gain.py, compute_f1): F1 between the sets of words of the first <answer> and
 * the best of the references, after lower-casing and replacing punctuation by spaces. Unbalanced tags or no answer: -2,
 * or 0 for `noformatf1`. `em` is 1 for an equal text, else 0.
 *
 * @param references joined by "<|answer_split|>"; for the fact-checking sets a JSON list of labels
 */
export function answerScore(
  solution: string,
  references: string,
  dataSource: string,
  kind: "f1" | "em" | "noformatf1",
): number {
  let wanted = references;
  if (["Factbench", "politifact", "liar2"].includes(dataSource)) {
    const labels = JSON.parse(references) as readonly { readonly label: string }[];
    wanted = labels.some(({ label }) => label.toLowerCase() === "false") ? "false" : "true";
  }
  const text = solution.toLowerCase();
  const failed = kind === "noformatf1" ? 0 : -2;
  if (!tagsBalance(text)) return failed;
  const answer = /<answer>([\s\S]*?)<\/answer>/u.exec(text)?.[1];
  if (answer === undefined) return failed;
  const given = plainText(answer);
  let best = 0;
  for (const reference of wanted.toLowerCase().split("<|answer_split|>")) {
    const expected = plainText(reference);
    if (kind === "em") {
      if (expected === given) return 1;
      continue;
    }
    const mine = words(given);
    const theirs = words(expected);
    const common = [...mine].filter((word) => theirs.has(word)).length;
    if (common === 0) continue;
    const precision = common / mine.size;
    const recall = common / theirs.size;
    best = Math.max(best, (2 * (precision * recall)) / (precision + recall));
  }
  return best;
}
