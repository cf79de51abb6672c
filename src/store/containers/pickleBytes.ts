import { Failure } from "../../model/failure";
import { plainInteger } from "./pickleText";

/** Integers longer than this are no data of trajectories. */
const LONGEST_INTEGER = 4096;

/** The bytes of a pickle and the place reached in them. Nothing beyond the end is read or believed. */
export class PickleBytes {
  constructor(
    protected readonly bytes: Buffer,
    public position: number,
  ) {}

  protected take(length: number): number {
    const start = this.position;
    if (!(length >= 0) || start + length > this.bytes.length)
      throw new Failure(
        "short-pickle",
        `a value of ${length} bytes begins where ${this.bytes.length - start} are left`,
        "The file may be cut off.",
      );
    this.position = start + length;
    return start;
  }

  protected uint8(): number {
    return this.bytes.readUInt8(this.take(1));
  }

  protected uint32(): number {
    return this.bytes.readUInt32LE(this.take(4));
  }

  protected uint64(): number {
    const at = this.take(8);
    const value = this.bytes.readBigUInt64LE(at);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(value);
  }

  protected line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new Failure("short-pickle", "a line has no end", "The file may be cut off.");
    const text = this.bytes.toString("latin1", this.position, end);
    this.position = end + 1;
    return text.endsWith("\r") ? text.slice(0, -1) : text;
  }

  protected longInteger(length: number): number | bigint {
    if (length > LONGEST_INTEGER)
      throw new Failure("long-integer", `an integer of ${length} bytes`, "The file is damaged.");
    const at = this.take(length);
    if (length === 0) return 0;
    const bytes = Buffer.from(this.bytes.subarray(at, at + length)).reverse();
    const value = BigInt.asIntN(length * 8, BigInt(`0x${bytes.toString("hex")}`));
    return plainInteger(value);
  }
}
