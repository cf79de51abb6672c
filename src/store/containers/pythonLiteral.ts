import type { JsonValue } from "../../model/json";

/** Deeper literals are no data of trajectories. */
const DEEPEST = 200;

const WORDS: Readonly<Record<string, JsonValue>> = {
  None: null,
  True: true,
  False: false,
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
};
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
  b: "\b",
  f: "\f",
  a: "\x07",
  v: "\v",
  "\n": "",
};

/**
 * A list or dict as Python prints it, as JSON data: what pandas' `to_csv` makes of lists, tuples and NumPy arrays, which print
 * without commas. Nothing is executed; anything but literals (and NumPy's and pandas' own calls around them) gives undefined,
 * and so does an array that was shortened with dots.
 */
export function pythonLiteral(text: string): JsonValue | undefined {
  const reader = new Reader(text);
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof NoLiteral) return undefined;
    throw error;
  }
}

class NoLiteral extends Error {}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  whole(): JsonValue {
    const value = this.value(0);
    this.skip();
    if (this.at < this.text.length) throw new NoLiteral();
    return value;
  }

  private skip(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++;
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private value(depth: number): JsonValue {
    if (depth > DEEPEST) throw new NoLiteral();
    this.skip();
    const first = this.text[this.at];
    if (first === "[" || first === "(") {
      this.at++;
      return this.items(first === "[" ? "]" : ")", depth);
    }
    if (first === "{") return this.dict(depth);
    if (first === "'" || first === '"') return this.string(first);
    const number = this.take(/[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y);
    if (number !== undefined) return Number(number.replaceAll("_", ""));
    if (this.take(/-inf\b/y) !== undefined) return Number.NEGATIVE_INFINITY;
    const word = this.take(/[A-Za-z_][\w.]*/y);
    if (word === undefined) throw new NoLiteral();
    if (this.text[this.at] !== "(") {
      const known = WORDS[word];
      if (known === undefined) throw new NoLiteral();
      return known;
    }
    // array([...], dtype=object), np.float64(0.5)
    if (!/^(?:np\.|numpy\.)?(?:array|(?:float|int|uint|bool|str)\d*_?)$/.test(word)) throw new NoLiteral();
    this.at++;
    const value = this.value(depth + 1);
    if (this.take(/\s*(?:,\s*(?:dtype=[^()]*|shape=\([^()]*\))\s*)*\)/y) === undefined) throw new NoLiteral();
    return value;
  }

  /** Elements with commas between them, or with white space as NumPy prints them. */
  private items(end: string, depth: number): readonly JsonValue[] {
    const list: JsonValue[] = [];
    for (;;) {
      this.skip();
      if (this.text[this.at] === end) {
        this.at++;
        return list;
      }
      list.push(this.value(depth + 1));
      this.take(/\s*,/y);
    }
  }

  private dict(depth: number): JsonValue {
    this.at++;
    const entries: [string, JsonValue][] = [];
    for (;;) {
      this.skip();
      if (this.text[this.at] === "}") {
        this.at++;
        return Object.fromEntries(entries);
      }
      const key = this.value(depth + 1);
      if (this.take(/\s*:/y) === undefined) throw new NoLiteral();
      entries.push([typeof key === "string" ? key : JSON.stringify(key), this.value(depth + 1)]);
      if (this.take(/\s*,/y) === undefined && this.take(/\s*(?=\})/y) === undefined) throw new NoLiteral();
    }
  }

  private string(quote: string): string {
    let out = "";
    let start = ++this.at;
    for (; this.at < this.text.length; this.at++) {
      const letter = this.text[this.at];
      if (letter === quote) {
        out += this.text.slice(start, this.at++);
        return out;
      }
      if (letter !== "\\") continue;
      out += this.text.slice(start, this.at++);
      const code = this.take(/x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}/y);
      if (code !== undefined) out += String.fromCodePoint(Math.min(parseInt(code.slice(1), 16), 0x10ffff));
      else {
        const escaped = this.text[this.at++] ?? "";
        out += ESCAPES[escaped] ?? (escaped === quote || /[\\'"]/.test(escaped) ? escaped : `\\${escaped}`);
      }
      start = this.at--;
    }
    throw new NoLiteral();
  }
}
