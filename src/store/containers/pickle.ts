import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { finishPlain } from "./finishPlain";
import { PickleBytes } from "./pickleBytes";
import { NamedClass, StubDraft, type OldText } from "./pickleDrafts";
import { salvaged, setPairs } from "./pickleSalvage";
import { decimalInteger, decimalNumber, nameText, oldTextOf, quotedBytes, rawUnicode } from "./pickleText";
import { applyState, callNamed } from "./pickleClasses";

/** What a pickle may take in memory while it is read, by a rough count of its objects. */
const MEMORY_BUDGET = 2 ** 30;

export interface PickleResult {
  readonly value: PlainValue;
  /** Offset after the STOP of the pickle. */
  readonly end: number;
  readonly notes: readonly Note[];
}

export interface PickleOptions {
  /** Turns a persistent id (a torch storage) into a value. Without it, ids are stubs. */
  readonly persistent?: (id: unknown) => unknown;
  /** First byte of the pickle. */
  readonly start?: number;
  /** Takes back what was read before the end when the bytes end early. Default true. */
  readonly salvage?: boolean;
  /** False leaves drafts in the value, for a reader that goes on with them. Default true. */
  readonly finish?: boolean;
  /** How deep this pickle lies inside other pickles. */
  readonly depth?: number;
}

/** Pickles inside pickles beyond this are left as bytes. */
const DEEPEST_PICKLE = 8;

/**
 * Reads a pickle of protocol 0 to 5 as plain data. Nothing is imported, looked up or called: NumPy arrays and scalars, torch
 * tensors and Python's own collections are built from a fixed table of names; every other object becomes a stub that holds
 * its class name, arguments and state. Memory, depth and the length of numbers are limited.
 * @throws Failure for bytes that are no pickle, and for pickles that would take too much memory
 */
export function readPickle(bytes: Buffer, options: PickleOptions = {}): PickleResult {
  if ((options.depth ?? 0) > DEEPEST_PICKLE)
    throw new Failure("deep-pickle", "Pickles are nested in each other too deep.", "The file is not data.");
  const machine = new PickleMachine(bytes, options);
  const notes: Note[] = [];
  let value: unknown;
  try {
    value = machine.run();
  } catch (error) {
    if (options.salvage === false) throw error;
    if (error instanceof Failure && error.code === "large-pickle") throw error;
    value = machine.salvage();
    if (value === undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    notes.push({
      code: "torn-pickle",
      message: `The pickle breaks off at byte ${machine.position} (${reason.replace(/\.$/, "")}): what was whole before is shown.`,
    });
  }
  if (options.finish === false) return { value: value as PlainValue, end: machine.position, notes };
  const finished = finishPlain(value);
  return { value: finished.value, end: machine.position, notes: [...notes, ...finished.notes] };
}

type Value = PlainValue;

class PickleMachine extends PickleBytes {
  private stack: unknown[] = [];
  private readonly frames: unknown[][] = [];
  private readonly memo = new Map<number, unknown>();
  private spent = 0;

  constructor(
    bytes: Buffer,
    private readonly options: PickleOptions,
  ) {
    super(bytes, options.start ?? 0);
  }

  private charge(cost: number): void {
    this.spent += cost;
    if (this.spent > MEMORY_BUDGET)
      throw new Failure(
        "large-pickle",
        `The pickle would take more than ${MEMORY_BUDGET / 2 ** 20} MB of memory at byte ${this.position}.`,
        "It may be damaged or hostile; split it if it is neither.",
      );
  }

  private text(length: number): string {
    this.charge(24 + length);
    const at = this.take(length);
    return this.bytes.toString("utf8", at, at + length);
  }

  private oldText(length: number): string | OldText {
    this.charge(24 + length);
    const at = this.take(length);
    return oldTextOf(this.bytes.subarray(at, at + length));
  }

  private blob(length: number): Uint8Array {
    this.charge(96);
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  private push(value: unknown): void {
    this.stack.push(value);
  }

  private pop(): unknown {
    if (this.stack.length === 0)
      throw new Failure("bad-pickle", "a value is missing", "The file is damaged.");
    return this.stack.pop();
  }

  private top(): unknown {
    const value = this.stack[this.stack.length - 1];
    if (value === undefined) throw new Failure("bad-pickle", "a value is missing", "The file is damaged.");
    return value;
  }

  private popMark(): unknown[] {
    const items = this.stack;
    const below = this.frames.pop();
    if (below === undefined) throw new Failure("bad-pickle", "a mark is missing", "The file is damaged.");
    this.stack = below;
    return items;
  }

  private store(index: number): void {
    this.charge(40);
    this.memo.set(index, this.top());
  }

  private recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined)
      throw new Failure("bad-pickle", `the memo has no entry ${index}`, "The file is damaged.");
    this.push(value);
  }

  private newMap(pairs: readonly unknown[]): Map<Value, Value> {
    this.charge(320 + 24 * pairs.length);
    const map = new Map<Value, Value>();
    setPairs(map, pairs);
    return map;
  }

  private append(target: unknown, items: readonly unknown[]): void {
    this.charge(16 + 8 * items.length);
    const list = Array.isArray(target)
      ? (target as unknown[])
      : target instanceof StubDraft
        ? (target.items as unknown[])
        : undefined;
    if (list === undefined)
      throw new Failure("bad-pickle", "values are appended to no list", "The file is damaged.");
    for (const item of items) list.push(item);
  }

  private setItems(target: unknown, pairs: readonly unknown[]): void {
    this.charge(30 * pairs.length);
    const map = target instanceof Map ? (target as Map<Value, Value>) : undefined;
    if (map !== undefined) setPairs(map, pairs);
    else if (target instanceof StubDraft) setPairs(target.entries, pairs);
    else throw new Failure("bad-pickle", "entries are set in no dict", "The file is damaged.");
  }

  private call(callable: unknown, args: unknown): void {
    this.charge(250);
    this.push(
      callNamed(callable, Array.isArray(args) ? (args as unknown[]) : [args], {
        nested: (bytes) => readNestedTorch(bytes, (this.options.depth ?? 0) + 1),
      }),
    );
  }

  run(): unknown {
    for (;;) {
      const opcode = this.uint8();
      switch (opcode) {
        case 0x80: // PROTO
          if (this.uint8() > 5)
            throw new Failure("bad-pickle", "the protocol is not 0 to 5", "The file is damaged.");
          break;
        case 0x95: // FRAME
          this.take(8);
          break;
        case 0x2e: // STOP
          return this.pop();
        case 0x28: // MARK
          this.charge(48);
          this.frames.push(this.stack);
          this.stack = [];
          break;
        case 0x30: // POP
          if (this.stack.length > 0) this.pop();
          else this.popMark();
          break;
        case 0x31: // POP_MARK
          this.popMark();
          break;
        case 0x32: // DUP
          this.push(this.top());
          break;
        case 0x4e: // NONE
          this.push(null);
          break;
        case 0x88: // NEWTRUE
          this.push(true);
          break;
        case 0x89: // NEWFALSE
          this.push(false);
          break;
        case 0x4b: // BININT1
          this.push(this.uint8());
          break;
        case 0x4d: // BININT2
          this.push(this.bytes.readUInt16LE(this.take(2)));
          break;
        case 0x4a: // BININT
          this.push(this.bytes.readInt32LE(this.take(4)));
          break;
        case 0x8a: // LONG1
          this.push(this.longInteger(this.uint8()));
          break;
        case 0x8b: // LONG4
          this.push(this.longInteger(this.uint32()));
          break;
        case 0x49: {
          // INT
          const text = this.line();
          this.push(text === "00" ? false : text === "01" ? true : decimalInteger(text));
          break;
        }
        case 0x4c: // LONG
          this.push(decimalInteger(this.line().replace(/L$/, "")));
          break;
        case 0x46: // FLOAT
          this.push(decimalNumber(this.line()));
          break;
        case 0x47: // BINFLOAT
          this.charge(16);
          this.push(this.bytes.readDoubleBE(this.take(8)));
          break;
        case 0x53: // STRING
          this.push(oldTextOf(quotedBytes(this.line())));
          break;
        case 0x54: // BINSTRING
          this.push(this.oldText(this.uint32()));
          break;
        case 0x55: // SHORT_BINSTRING
          this.push(this.oldText(this.uint8()));
          break;
        case 0x56: // UNICODE
          this.push(rawUnicode(this.line()));
          break;
        case 0x58: // BINUNICODE
          this.push(this.text(this.uint32()));
          break;
        case 0x8c: // SHORT_BINUNICODE
          this.push(this.text(this.uint8()));
          break;
        case 0x8d: // BINUNICODE8
          this.push(this.text(this.uint64()));
          break;
        case 0x42: // BINBYTES
          this.push(this.blob(this.uint32()));
          break;
        case 0x43: // SHORT_BINBYTES
          this.push(this.blob(this.uint8()));
          break;
        case 0x8e: // BINBYTES8
        case 0x96: // BYTEARRAY8
          this.push(this.blob(this.uint64()));
          break;
        case 0x5d: // EMPTY_LIST
        case 0x29: // EMPTY_TUPLE
          this.charge(64);
          this.push([]);
          break;
        case 0x7d: // EMPTY_DICT
          this.push(this.newMap([]));
          break;
        case 0x8f: // EMPTY_SET
          this.charge(64);
          this.push([]);
          break;
        case 0x6c: // LIST
        case 0x74: // TUPLE
        case 0x91: {
          // FROZENSET
          const items = this.popMark();
          this.charge(64 + 8 * items.length);
          this.push(items);
          break;
        }
        case 0x85: // TUPLE1
        case 0x86: // TUPLE2
        case 0x87: {
          // TUPLE3
          const count = opcode - 0x84;
          this.charge(64 + 8 * count);
          const items: unknown[] = new Array<unknown>(count);
          for (let index = count - 1; index >= 0; index--) items[index] = this.pop();
          this.push(items);
          break;
        }
        case 0x64: // DICT
          this.push(this.newMap(this.popMark()));
          break;
        case 0x61: {
          // APPEND
          const item = this.pop();
          this.append(this.top(), [item]);
          break;
        }
        case 0x65: // APPENDS
        case 0x90: {
          // ADDITEMS
          const items = this.popMark();
          this.append(this.top(), items);
          break;
        }
        case 0x73: {
          // SETITEM
          const value = this.pop();
          const key = this.pop();
          this.setItems(this.top(), [key, value]);
          break;
        }
        case 0x75: {
          // SETITEMS
          const pairs = this.popMark();
          this.setItems(this.top(), pairs);
          break;
        }
        case 0x70: // PUT
          this.store(decimalNumber(this.line()));
          break;
        case 0x71: // BINPUT
          this.store(this.uint8());
          break;
        case 0x72: // LONG_BINPUT
          this.store(this.uint32());
          break;
        case 0x94: // MEMOIZE
          this.store(this.memo.size);
          break;
        case 0x67: // GET
          this.recall(decimalNumber(this.line()));
          break;
        case 0x68: // BINGET
          this.recall(this.uint8());
          break;
        case 0x6a: // LONG_BINGET
          this.recall(this.uint32());
          break;
        case 0x63: {
          // GLOBAL
          const module = this.line();
          this.push(this.named(module, this.line()));
          break;
        }
        case 0x93: {
          // STACK_GLOBAL
          const name = this.pop();
          const module = this.pop();
          this.push(this.named(nameText(module), nameText(name)));
          break;
        }
        case 0x69: {
          // INST
          const module = this.line();
          const name = this.line();
          this.call(this.named(module, name), this.popMark());
          break;
        }
        case 0x6f: {
          // OBJ
          const [callable, ...args] = this.popMark();
          this.call(callable, args);
          break;
        }
        case 0x52: // REDUCE
        case 0x81: {
          // NEWOBJ
          const args = this.pop();
          this.call(this.pop(), args);
          break;
        }
        case 0x92: {
          // NEWOBJ_EX
          const keywords = this.pop();
          const args = this.pop();
          const named = keywords instanceof Map && keywords.size > 0 ? [keywords] : [];
          this.call(this.pop(), [...(Array.isArray(args) ? (args as unknown[]) : [args]), ...named]);
          break;
        }
        case 0x62: {
          // BUILD
          const state = this.pop();
          this.charge(64);
          applyState(this.top(), state);
          break;
        }
        case 0x50: // PERSID
          this.persistent(this.line());
          break;
        case 0x51: // BINPERSID
          this.persistent(this.pop());
          break;
        case 0x82: // EXT1
          this.extension(this.uint8());
          break;
        case 0x83: // EXT2
          this.extension(this.bytes.readUInt16LE(this.take(2)));
          break;
        case 0x84: // EXT4
          this.extension(this.uint32());
          break;
        case 0x97: // NEXT_BUFFER
          this.push(new StubDraft("pickle.PickleBuffer", []));
          break;
        case 0x98: // READONLY_BUFFER
          break;
        default:
          throw new Failure(
            "bad-pickle",
            `0x${opcode.toString(16).padStart(2, "0")} is no pickle instruction`,
            "The file is damaged or is no pickle.",
          );
      }
    }
  }

  private named(module: string, name: string): NamedClass {
    this.charge(64 + module.length + name.length);
    return new NamedClass(`${module}.${name}`);
  }

  private extension(code: number): void {
    this.charge(200);
    this.push(new StubDraft("copyreg.extension", [code]));
  }

  private persistent(id: unknown): void {
    this.charge(250);
    const value = this.options.persistent?.(id);
    this.push(value === undefined ? new StubDraft("persistent", [id as Value]) : value);
  }

  salvage(): unknown {
    return salvaged([...this.frames, this.stack]);
  }
}

function readNestedTorch(bytes: Buffer, depth: number): unknown {
  return nestedReader?.(bytes, depth);
}

/** Set by the reader of torch files, which itself reads pickles. */
let nestedReader: ((bytes: Buffer, depth: number) => unknown) | undefined;

/** Names the function that reads a torch file inside a pickle (`torch.storage._load_from_bytes`). */
export function setNestedReader(reader: (bytes: Buffer, depth: number) => unknown): void {
  nestedReader = reader;
}
