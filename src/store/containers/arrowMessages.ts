/**
 * Looks over the messages of an Arrow stream before the library decodes them: it believes the lengths of a damaged
 * message and counts up to them. Only the lengths of vectors are checked, by the flatbuffer layout of Arrow's Message.fbs.
 */

/** Kinds of headers of a message. */
const SCHEMA = 1;
const DICTIONARY_BATCH = 2;
const RECORD_BATCH = 3;
const MOST_FIELDS = 100_000;

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

function checkBatch(batch: FlatTable | undefined): void {
  batch?.vector(1, 16);
  batch?.vector(2, 16);
}

function checkFields(table: FlatTable, index: number, budget: { left: number }): void {
  const { start, length } = table.vector(index, 4);
  budget.left -= length;
  if (budget.left < 0) throw new RangeError("the schema has too many fields");
  for (let item = 0; item < length; item++) {
    const place = start + 4 * item;
    const field = new FlatTable(table.bytes, place + table.bytes.readUInt32LE(place));
    field.vector(6, 4);
    checkFields(field, 5, budget);
  }
}

function checkMessage(metadata: Buffer): number {
  const message = FlatTable.root(metadata);
  const kindAt = message.field(1);
  const kind = kindAt === undefined ? 0 : metadata.readUInt8(kindAt);
  const header = message.table(2);
  if (header !== undefined) {
    if (kind === SCHEMA) {
      checkFields(header, 1, { left: MOST_FIELDS });
      header.vector(2, 4);
    } else if (kind === RECORD_BATCH) checkBatch(header);
    else if (kind === DICTIONARY_BATCH) checkBatch(header.table(1));
  }
  const bodyAt = message.field(3);
  return bodyAt === undefined ? 0 : Number(metadata.readBigInt64LE(bodyAt));
}

/** Bytes of a stream up to its first message that is damaged or cut off, and whether that is its end. */
export function soundMessages(stream: Buffer): { readonly end: number; readonly whole: boolean } {
  let at = 0;
  while (at + 4 <= stream.length) {
    const first = stream.readUInt32LE(at);
    const prefix = first === 0xffffffff ? 8 : 4;
    if (at + prefix > stream.length) return { end: at, whole: false };
    const length = prefix === 8 ? stream.readInt32LE(at + 4) : first;
    // A length of 0 ends the stream; in a file, its footer follows.
    if (length === 0) return { end: at, whole: true };
    const start = at + prefix;
    if (length < 0 || start + length > stream.length) return { end: at, whole: false };
    let body: number;
    try {
      body = checkMessage(stream.subarray(start, start + length));
    } catch {
      return { end: at, whole: false };
    }
    if (!(body >= 0) || start + length + body > stream.length) return { end: at, whole: false };
    at = start + length + body;
  }
  return { end: at, whole: true };
}
