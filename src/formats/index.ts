import { chatList, chatMessages } from "./chatMessages";
import type { Format } from "./format";
import { minari } from "./minari";
import { primeRlTokens } from "./primeRlTokens";
import { shareGpt } from "./shareGpt";
import { spoTree } from "./spoTree";
import { trlCompletions } from "./trlCompletions";
import { verifiersResults } from "./verifiersResults";
import { verl } from "./verl";

/** The catalogue of formats. A new one is one file here and one line below; the store takes the highest confidence. */
export const formats: readonly Format[] = [
  verl,
  primeRlTokens,
  trlCompletions,
  spoTree,
  minari,
  verifiersResults,
  shareGpt,
  chatMessages,
  chatList,
];

/** The format with this id. */
export function formatById(id: string): Format | undefined {
  return formats.find((format) => format.id === id);
}
