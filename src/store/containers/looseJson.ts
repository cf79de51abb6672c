const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const HASH = 0x23;
const STAR = 0x2a;
const COMMA = 0x2c;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === LF || byte === CR;
const isClosing = (byte: number): boolean => byte === 0x5d || byte === 0x7d;

/**
 * Makes JSON lines of what is JSON but for its layout, byte by byte: comments go, and commas before a closing bracket or
 * between records; each object or list at the top gets a line of its own. What is no JSON even so stays as it is.
 */
export class LooseJson {
  /** True once something was not as JSON lines are. */
  loosened = false;
  private depth = 0;
  private inString = false;
  private escaped = false;
  private comment: "none" | "line" | "block" = "none";
  /** The byte before, where it decides what the next one means: a slash, or the star that may end a comment. */
  private before = 0;
  private comma = false;
  /** True behind a record at the top, until the line ends or another one begins. */
  private behind = false;
  private atLineStart = true;

  /** @param lines true when the end of a line ends a record, whatever is open */
  constructor(private readonly lines: boolean) {}

  push(bytes: Buffer): Buffer {
    // A record that follows another on its line, and a comma that was held back, take one byte more each.
    const out = Buffer.allocUnsafe(2 * bytes.length + 2);
    let length = 0;
    const put = (byte: number): void => {
      out[length++] = byte;
    };
    for (const byte of bytes) {
      if (this.comment !== "none") {
        this.passComment(byte, put);
        continue;
      }
      if (this.inString) {
        if (byte === LF && this.lines) this.endLine(put);
        else {
          put(byte);
          if (this.escaped) this.escaped = false;
          else if (byte === BACKSLASH) this.escaped = true;
          else if (byte === QUOTE) this.inString = false;
        }
        continue;
      }
      if (this.before === SLASH) {
        this.before = 0;
        if (byte === SLASH || byte === STAR) {
          this.comment = byte === SLASH ? "line" : "block";
          this.loosened = true;
          continue;
        }
        put(SLASH);
      }
      if (byte === SLASH) {
        this.before = SLASH;
        continue;
      }
      if (byte === HASH && this.atLineStart) {
        this.comment = "line";
        this.loosened = true;
        continue;
      }
      if (byte === LF && (this.lines || this.depth === 0)) {
        this.endLine(put);
        continue;
      }
      if (isSpace(byte)) {
        if (byte === LF) this.atLineStart = true;
        // A lone CR ends a record's line; inside of a record any white space is a blank.
        if (byte === CR && this.behind) this.loosened = true;
        if (this.depth > 0 || !this.behind) put(0x20);
        continue;
      }
      this.atLineStart = false;
      if (byte === COMMA) {
        if (this.depth === 0) this.loosened = true;
        else {
          if (this.comma) put(COMMA);
          this.comma = true;
        }
        continue;
      }
      if (this.comma) {
        this.comma = false;
        if (isClosing(byte)) this.loosened = true;
        else put(COMMA);
      }
      if (this.behind) {
        this.behind = false;
        this.loosened = true;
        put(LF);
      }
      put(byte);
      if (byte === QUOTE) this.inString = true;
      else if (byte === 0x5b || byte === 0x7b) this.depth++;
      else if (isClosing(byte) && this.depth > 0 && --this.depth === 0) this.behind = true;
    }
    return out.subarray(0, length);
  }

  end(): Buffer {
    const out: number[] = [];
    if (this.before === SLASH) out.push(SLASH);
    if (this.comma) out.push(COMMA);
    return Buffer.from(out);
  }

  private endLine(put: (byte: number) => void): void {
    if (this.comma) put(COMMA);
    this.comma = false;
    this.depth = 0;
    this.inString = false;
    this.escaped = false;
    this.behind = false;
    this.atLineStart = true;
    put(LF);
  }

  private passComment(byte: number, put: (byte: number) => void): void {
    if (this.comment === "line") {
      if (byte !== LF) return;
      this.comment = "none";
      this.atLineStart = true;
      if (this.lines || this.depth === 0) this.endLine(put);
      return;
    }
    if (byte === SLASH && this.before === STAR) {
      this.comment = "none";
      this.before = 0;
    } else this.before = byte;
  }
}
