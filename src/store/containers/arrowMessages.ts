/**
 * Looks over the messages of an Arrow stream, and the footer of an Arrow file, before the library decodes them: it believes
 * the lengths of damaged ones, and counts up to them or makes room for them. Lengths and places alone are checked, by the
 * flatbuffer layouts of Arrow's Message.fbs, Schema.fbs and File.fbs.
 */

/** A place in the footer: offset, length of the metadata with its padding, length of the body. */
const BLOCK_BYTES = 24;
/** Kinds of headers of a message. */
const SCHEMA = 1;
const DICTIONARY_BATCH = 2;
const RECORD_BATCH = 3;
const MOST_FIELDS = 100_000;
const MOST_LETTERS = 256 * 2 ** 20;
/** Rows of one record batch. */
export const LONGEST_BATCH = 2 ** 28;
/** Bytes of a compressed buffer before its content: its length when decompressed, -1 for one that is kept as it is. */
const LENGTH_PREFIX = 8;
/** Mark at both ends of a file, which is 8 bytes long with its padding at the beginning. */
const FILE_MARK = "ARROW1";
export const FILE_START = 8;

/** A table of a flatbuffer: where its fields lie. Reading outside of the buffer throws. */
class FlatTable {
  private readonly vtable: number;
  private readonly vtableSize: number;

  constructor(
    readonly bytes: Buffer,
    readonly at: number,
  ) {
    this.vtable = at - bytes.readInt32LE(at);
    this.vtableSize = bytes.readUInt16LE(this.vtable);
  }

  static root(bytes: Buffer): FlatTable {
    return new FlatTable(bytes, bytes.readUInt32LE(0));
  }

  /** Place of a field; undefined where it has its default. */
  field(index: number): number | undefined {
    const entry = 4 + 2 * index;
    if (entry + 2 > this.vtableSize) return undefined;
    const offset = this.bytes.readUInt16LE(this.vtable + entry);
    return offset === 0 ? undefined : this.at + offset;
  }

  table(index: number): FlatTable | undefined {
    const place = this.field(index);
    return place === undefined
      ? undefined
      : new FlatTable(this.bytes, place + this.bytes.readUInt32LE(place));
  }

  /** Number of elements of a vector that lies inside the buffer. @throws RangeError when it does not */
  vector(index: number, elementBytes: number): { readonly start: number; readonly length: number } {
    const place = this.field(index);
    if (place === undefined) return { start: 0, length: 0 };
    const at = place + this.bytes.readUInt32LE(place);
    const length = this.bytes.readUInt32LE(at);
    if (at + 4 + length * elementBytes > this.bytes.length)
      throw new RangeError("a list of the message is longer than the message");
    return { start: at + 4, length };
  }
}

/** A whole number of 8 bytes; those that no file can mean are refused. @throws RangeError */
function wholeNumber(bytes: Buffer, at: number): number {
  const value = bytes.readBigInt64LE(at);
  if (value < -1n || value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new RangeError("a number of the message is out of bounds");
  return Number(value);
}

/**
 * Checks that the columns of a record batch lie in its body.
 * @returns bytes to which its compressed buffers grow
 */
function checkBatch(batch: FlatTable, body: Buffer): number {
  const { bytes } = batch;
  const lengthAt = batch.field(0);
  const rows = lengthAt === undefined ? 0 : wholeNumber(bytes, lengthAt);
  if (rows < 0 || rows > LONGEST_BATCH) throw new RangeError("a batch has more rows than it can hold");
  const nodes = batch.vector(1, 16);
  for (let node = 0; node < nodes.length; node++) {
    const length = wholeNumber(bytes, nodes.start + 16 * node);
    const nulls = wholeNumber(bytes, nodes.start + 16 * node + 8);
    if (length < 0 || nulls > length) throw new RangeError("a column has an impossible length");
  }
  const compressed = batch.table(3) !== undefined;
  const buffers = batch.vector(2, 16);
  let grown = 0;
  for (let buffer = 0; buffer < buffers.length; buffer++) {
    const offset = wholeNumber(bytes, buffers.start + 16 * buffer);
    const length = wholeNumber(bytes, buffers.start + 16 * buffer + 8);
    if (length === 0) continue;
    if (offset < 0 || length < 0 || offset + length > body.length)
      throw new RangeError("a column lies outside of its batch");
    if (!compressed) continue;
    if (length < LENGTH_PREFIX) throw new RangeError("a compressed column is too short");
    grown += Math.max(0, wholeNumber(body, offset));
  }
  const variadic = batch.vector(4, 8);
  for (let column = 0; column < variadic.length; column++) {
    const count = wholeNumber(bytes, variadic.start + 8 * column);
    if (count < 0 || count > buffers.length) throw new RangeError("a column has too many buffers");
  }
  return grown;
}

/** What a message may hold besides its columns: the same names may be referred to many times. */
interface Budget {
  fields: number;
  letters: number;
}

const budget = (): Budget => ({ fields: MOST_FIELDS, letters: MOST_LETTERS });

/** Takes a text off the budget. @throws RangeError when it lies outside of the message, or is one too many */
function checkText(table: FlatTable, index: number, left: Budget): void {
  left.letters -= table.vector(index, 1).length;
  if (left.letters < 0) throw new RangeError("the texts of a message are too long");
}

/** The tables of a list. */
function* tables(table: FlatTable, index: number): Generator<FlatTable> {
  const { start, length } = table.vector(index, 4);
  for (let item = 0; item < length; item++) {
    const place = start + 4 * item;
    yield new FlatTable(table.bytes, place + table.bytes.readUInt32LE(place));
  }
}

/** Names and texts that a writer adds, such as the features of a data set. */
function checkExtras(table: FlatTable, index: number, left: Budget): void {
  for (const extra of tables(table, index)) {
    checkText(extra, 0, left);
    checkText(extra, 1, left);
  }
}

function checkFields(table: FlatTable, index: number, left: Budget): void {
  for (const field of tables(table, index)) {
    if (--left.fields < 0) throw new RangeError("the schema has too many fields");
    checkText(field, 0, left);
    checkExtras(field, 6, left);
    checkFields(field, 5, left);
  }
}

/** Length of the body that follows a message. @throws RangeError when the message is damaged */
function bodyLength(metadata: Buffer): number {
  const bodyAt = FlatTable.root(metadata).field(3);
  const length = bodyAt === undefined ? 0 : wholeNumber(metadata, bodyAt);
  if (length < 0) throw new RangeError("a message has a negative length");
  return length;
}

/** What a sound message is, and to how many bytes its compressed buffers grow. */
interface MessageCheck {
  readonly kind: number;
  readonly grown: number;
}

/** @throws RangeError when the message is damaged, or of a kind that the library passes over without its body */
function checkMessage(metadata: Buffer, body: Buffer): MessageCheck {
  const message = FlatTable.root(metadata);
  const kindAt = message.field(1);
  const kind = kindAt === undefined ? 0 : metadata.readUInt8(kindAt);
  const header = message.table(2);
  const batch = kind === DICTIONARY_BATCH ? header?.table(1) : header;
  checkExtras(message, 4, budget());
  if (batch === undefined || kind < SCHEMA || kind > RECORD_BATCH)
    throw new RangeError("a message is of no known kind");
  if (kind !== SCHEMA) return { kind, grown: checkBatch(batch, body) };
  checkSchema(batch);
  return { kind, grown: 0 };
}

function checkSchema(schema: FlatTable): void {
  const left = budget();
  checkFields(schema, 1, left);
  checkExtras(schema, 2, left);
}

/** What the messages of a stream tell of themselves. */
export interface StreamCheck {
  /** Bytes up to the first message that is damaged or cut off. */
  readonly end: number;
  /** False when a message is damaged or cut off. */
  readonly whole: boolean;
  /** Where the sound messages begin, and of which kind they are. */
  readonly starts: ReadonlyMap<number, number>;
  /** Bytes to which their compressed buffers grow. */
  readonly grown: number;
}

/** Looks over the messages of a stream. */
export function soundMessages(stream: Buffer): StreamCheck {
  const starts = new Map<number, number>();
  let at = 0;
  let grown = 0;
  while (at + 4 <= stream.length) {
    const first = stream.readUInt32LE(at);
    const prefix = first === 0xffffffff ? 8 : 4;
    if (at + prefix > stream.length) return { end: at, whole: false, starts, grown };
    const length = prefix === 8 ? stream.readInt32LE(at + 4) : first;
    // A length of 0 ends the stream; in a file, its footer follows.
    if (length === 0) return { end: at, whole: true, starts, grown };
    const start = at + prefix;
    try {
      if (length < 0 || start + length > stream.length) throw new RangeError("a message is cut off");
      const metadata = stream.subarray(start, start + length);
      const next = start + length + bodyLength(metadata);
      if (next > stream.length) throw new RangeError("the body of a message is cut off");
      const check = checkMessage(metadata, stream.subarray(start + length, next));
      grown += check.grown;
      starts.set(at, check.kind);
      at = next;
    } catch {
      return { end: at, whole: false, starts, grown };
    }
  }
  return { end: at, whole: true, starts, grown };
}

/** True for an Arrow file, which is a stream between two marks with a footer that says where its messages are. */
export const isArrowFile = (bytes: Buffer): boolean => bytes.toString("latin1", 0, 6) === FILE_MARK;

/** A message that the footer of a file lists. */
interface Block {
  /** What it is listed as: the library reads on and on what is something else. */
  readonly kind: number;
  /** Byte of the file at which it begins. */
  readonly offset: number;
  readonly bodyBytes: number;
}

/** Messages that the footer of an Arrow file lists; undefined when it is damaged or cut off. */
function footerBlocks(bytes: Buffer): readonly Block[] | undefined {
  const end = bytes.length - FILE_MARK.length - 4;
  if (end < FILE_START || bytes.toString("latin1", end + 4) !== FILE_MARK) return undefined;
  const length = bytes.readInt32LE(end);
  if (length <= 0 || length > end - FILE_START) return undefined;
  try {
    const metadata = bytes.subarray(end - length, end);
    const footer = FlatTable.root(metadata);
    const schema = footer.table(1);
    if (schema === undefined) return undefined;
    checkSchema(schema);
    // The footer's lists of dictionaries and of record batches have the numbers of these kinds.
    return [DICTIONARY_BATCH, RECORD_BATCH].flatMap((kind) => {
      const { start, length: count } = footer.vector(kind, BLOCK_BYTES);
      return Array.from({ length: count }, (_, block) => ({
        kind,
        offset: wholeNumber(metadata, start + BLOCK_BYTES * block),
        bodyBytes: wholeNumber(metadata, start + BLOCK_BYTES * block + 16),
      }));
    });
  } catch {
    return undefined;
  }
}

/**
 * Whether the footer of an Arrow file can be believed: the library takes the schema from it and jumps where it points.
 * @param starts where the messages begin in the stream behind the mark, with their kinds
 */
export const isSoundFooter = (bytes: Buffer, starts: StreamCheck["starts"]): boolean =>
  footerBlocks(bytes)?.every(({ kind, offset }) => starts.get(offset - FILE_START) === kind) === true;

/**
 * Looks over the messages that the footer of a file lists. A file need not be a stream between its marks: polars writes the
 * schema there without its length, and readers find everything by the footer.
 * @returns bytes to which their compressed buffers grow; undefined when the footer, or a message, is damaged or cut off
 */
export function soundBlocks(bytes: Buffer): number | undefined {
  const blocks = footerBlocks(bytes);
  if (blocks === undefined) return undefined;
  let grown = 0;
  try {
    for (const { kind, offset, bodyBytes } of blocks) {
      const prefix = bytes.readUInt32LE(offset) === 0xffffffff ? 8 : 4;
      const length = bytes.readInt32LE(offset + prefix - 4);
      const start = offset + prefix;
      if (length <= 0 || start + length > bytes.length) return undefined;
      const metadata = bytes.subarray(start, start + length);
      const body = bytes.subarray(start + length, start + length + bodyBytes);
      if (body.length !== bodyBytes || bodyLength(metadata) !== bodyBytes) return undefined;
      const check = checkMessage(metadata, body);
      if (check.kind !== kind) return undefined;
      grown += check.grown;
    }
  } catch {
    return undefined;
  }
  return grown;
}
