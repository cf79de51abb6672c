import type { Format } from "./format";
import { verl } from "./verl";

/** The catalogue of formats. A new one is one file here and one line below; the store takes the highest confidence. */
export const formats: readonly Format[] = [verl];

/** The format with this id. */
export function formatById(id: string): Format | undefined {
  return formats.find((format) => format.id === id);
}
