import { isUtf8 } from "node:buffer";
import { parseJson } from "../formats/jsonText";
import { documentEnd } from "./containers/unwrapped";

const windows1252 = new TextDecoder("windows-1252");

/**
 * The text of a record. What is not UTF-8 but reads as Latin-1, as older programs write it, is that; any other byte that
 * is no UTF-8, such as half of a letter where a text was cut, is shown as U+FFFD.
 */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  return isBroken(bytes, text) && isLatin1(bytes) ? windows1252.decode(bytes) : text;
}

/** True for bytes that are not UTF-8. @param text what UTF-8 makes of them */
export const isBroken = (bytes: Buffer, text: string): boolean => text.includes("\ufffd") && !isUtf8(bytes);

/** True when no two bytes belong together as those of a letter in UTF-8 would. */
function isLatin1(bytes: Buffer): boolean {
  for (let index = 1; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    if (byte >= 0x80 && byte < 0xc0 && (bytes[index - 1] as number) >= 0xc2) return false;
  }
  return true;
}

/** What a text is that is no JSON, where it can be told better than by the place at which a parser stopped. */
export function jsonProblem(text: string): string | undefined {
  const start = text.trimStart();
  if (/^[[({]\s*(?:\{\s*)?'/.test(start)) return "it is what Python prints; json.dumps writes JSON";
  if (/^(?:\/\/|\/\*|#)/.test(start)) return "it is a comment, which JSON does not have";
  if (/^(?:<{7}|={7}|>{7})(?:\s|$)/.test(start)) return "it is a mark of a Git conflict";
  const end = /^[[{]/.test(start) ? documentEnd(start, 0) : -1;
  if (end < 0 || !/^\s*,?\s*[[{]/.test(start.slice(end, end + 64))) return undefined;
  try {
    parseJson(start.slice(0, end));
    return "it holds several values without a line end between them";
  } catch {
    return undefined;
  }
}
