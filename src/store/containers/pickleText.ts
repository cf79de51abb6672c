import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import { OldText } from "./pickleDrafts";

type Value = PlainValue;

/** A key of a dict; old text is text there. */
export function keyOf(value: unknown): Value {
  return (value instanceof OldText ? value.bytes.toString("utf8") : value) as Value;
}

export function nameText(value: unknown): string {
  return typeof value === "string" ? value : value instanceof OldText ? value.bytes.toString("latin1") : "?";
}

/** ASCII is text; anything else may be text or numbers, and stays bytes until it is known. */
export function oldTextOf(bytes: Buffer): string | OldText {
  for (const byte of bytes) if (byte >= 0x80) return new OldText(bytes);
  return bytes.toString("latin1");
}

export function plainInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

export function decimalInteger(text: string): number | bigint {
  const trimmed = text.trim();
  if (!/^[+-]?\d{1,9000}$/.test(trimmed))
    throw new Failure("bad-pickle", "an integer is not one", "The file is damaged.");
  return plainInteger(BigInt(trimmed.replace(/^\+/, "")));
}

export function decimalNumber(text: string): number {
  const trimmed = text.trim();
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(trimmed);
  if (special !== null)
    return special[2]?.toLowerCase() === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(trimmed))
    throw new Failure("bad-pickle", "a number is not one", "The file is damaged.");
  return Number(trimmed);
}

/** Bytes of a Python string literal as `repr` writes it. */
export function quotedBytes(literal: string): Buffer {
  const text = literal.trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote)
    throw new Failure("bad-pickle", "a string has no quotes", "The file is damaged.");
  const plain = text
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|([\s\S]))/g,
      (whole, hex: string, octal: string, letter: string) =>
        hex !== undefined
          ? String.fromCharCode(parseInt(hex, 16))
          : octal !== undefined
            ? String.fromCharCode(parseInt(octal, 8) & 0xff)
            : (ESCAPES[letter] ?? whole),
    );
  return Buffer.from(plain, "latin1");
}

/** Python's raw-unicode-escape: Latin-1 with \uXXXX and \UXXXXXXXX. */
export function rawUnicode(text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short: string, long: string) => {
    const code = parseInt(short ?? long, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};
