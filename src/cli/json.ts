/**
 * Writes any value as one JSON document: typed arrays as plain arrays, NaN and infinities as the strings "NaN",
 * "Infinity" and "-Infinity", -0 as -0, bigints as whole numbers, dates in ISO 8601; `undefined` members are left out.
 * Control characters are escaped throughout, so that a terminal shows the document and does not obey it.
 * @param indent spaces per level; arrays of numbers stay on one line
 */
export function jsonText(value: unknown, indent = 2): string {
  const parts: string[] = [];
  write(value, "", " ".repeat(indent), { push: (...more) => void parts.push(...more) });
  return parts.join("");
}

/** As {@link jsonText}, handed over piece by piece: a whole run is longer than a string may be. */
export function writeJson(value: unknown, sink: (piece: string) => void): void {
  let parts: string[] = [];
  let length = 0;
  const flush = (): void => {
    sink(parts.join(""));
    [parts, length] = [[], 0];
  };
  write(value, "", "  ", {
    push: (...more) => {
      for (const part of more) {
        parts.push(part);
        length += part.length;
      }
      if (length > 1 << 20) flush();
    },
  });
  flush();
}

/**
 * A series with null where there is no number: NaN marks that in series, and stays NaN only where it is a number.
 * @param nanAt entries whose NaN is recorded as NaN or came out of a formula
 */
export function seriesNumbers(
  values: ArrayLike<number>,
  nanAt: readonly number[] = [],
): readonly (number | null)[] {
  const kept = new Set(nanAt);
  return Array.from(values, (value, index) => (Number.isNaN(value) && !kept.has(index) ? null : value));
}

interface Parts {
  push(...parts: string[]): void;
}

function write(value: unknown, margin: string, indent: string, out: Parts): void {
  switch (typeof value) {
    case "string":
      out.push(quote(value));
      return;
    case "number":
      out.push(numberText(value));
      return;
    case "bigint":
      out.push(value.toString());
      return;
    case "boolean":
      out.push(String(value));
      return;
    case "object":
      break;
    default:
      out.push("null");
      return;
  }
  if (value === null) out.push("null");
  else if (value instanceof Date) out.push(quote(value.toISOString()));
  else if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    writeNumbers(value as unknown as ArrayLike<number | bigint>, out);
  else if (Array.isArray(value)) writeList(value, margin, indent, out);
  else if (value instanceof Map)
    writeObject(Object.fromEntries(value) as Record<string, unknown>, margin, indent, out);
  else writeObject(value as Record<string, unknown>, margin, indent, out);
}

function writeNumbers(values: ArrayLike<number | bigint>, out: Parts): void {
  out.push("[");
  for (let index = 0; index < values.length; index++) {
    if (index > 0) out.push(", ");
    const value = values[index] ?? NaN;
    out.push(typeof value === "bigint" ? value.toString() : numberText(value));
  }
  out.push("]");
}

function writeList(values: readonly unknown[], margin: string, indent: string, out: Parts): void {
  if (values.length === 0) {
    out.push("[]");
    return;
  }
  const flat = values.every((value) => value === null || typeof value !== "object");
  const inner = margin + indent;
  out.push(flat ? "[" : `[\n${inner}`);
  for (const [index, value] of values.entries()) {
    if (index > 0) out.push(flat ? ", " : `,\n${inner}`);
    write(value, inner, indent, out);
  }
  out.push(flat ? "]" : `\n${margin}]`);
}

function writeObject(object: Record<string, unknown>, margin: string, indent: string, out: Parts): void {
  const entries = Object.entries(object).filter(
    ([, value]) => value !== undefined && typeof value !== "function",
  );
  if (entries.length === 0) {
    out.push("{}");
    return;
  }
  const inner = margin + indent;
  out.push("{");
  for (const [index, [key, value]] of entries.entries()) {
    out.push(index > 0 ? ",\n" : "\n", inner, quote(key), ": ");
    write(value, inner, indent, out);
  }
  out.push(`\n${margin}}`);
}

const numberText = (value: number): string =>
  Number.isFinite(value) ? (Object.is(value, -0) ? "-0" : String(value)) : quote(String(value));

// JSON.stringify escapes below U+0020; DEL and the C1 controls are left for us.
const quote = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
