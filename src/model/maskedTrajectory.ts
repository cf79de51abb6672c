import { maskCredentials, maskText } from "./credentials";
import type { TokenColumns, Trajectory } from "./trajectory";

/** Texts of tokens, masked as the text that they make together: a credential is many tokens. */
export function maskedTokens(texts: readonly string[]): {
  readonly tokens: readonly string[];
  readonly count: number;
} {
  const { text, count } = maskText(texts.join(""));
  let at = 0;
  return { tokens: count === 0 ? texts : texts.map((token) => text.slice(at, (at += token.length))), count };
}

function maskTokens(tokens: TokenColumns): { readonly tokens: TokenColumns; readonly count: number } {
  if (tokens.text === undefined) return { tokens, count: 0 };
  const { tokens: text, count } = maskedTokens(tokens.text);
  return { tokens: count === 0 ? tokens : { ...tokens, text }, count };
}

/**
 * A trajectory as it is shown: what looks like a credential is masked, character for character, and a note says so.
 * Ids and places in files are left alone. The trajectory itself is not changed.
 */
export function maskedTrajectory(trajectory: Trajectory): Trajectory {
  const { id, datasetId, groupId, format, source, columns, tokens, ...shown } = trajectory;
  const { value, count } = maskCredentials(shown);
  const own = tokens === undefined ? undefined : maskTokens(tokens);
  const total = count + (own?.count ?? 0);
  if (total === 0) return trajectory;
  return {
    ...value,
    id,
    datasetId,
    format,
    source,
    ...(groupId === undefined ? {} : { groupId }),
    ...(columns === undefined ? {} : { columns }),
    ...(own === undefined ? {} : { tokens: own.tokens }),
    notes: [
      ...value.notes,
      {
        code: "masked-credentials",
        message: `${total} ${total === 1 ? "string that looks" : "strings that look"} like credentials ${total === 1 ? "is" : "are"} masked here; the file is unchanged. The setting trajectoryLens.maskCredentials shows them.`,
      },
    ],
  };
}
