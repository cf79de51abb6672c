import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { weakly } from "./byteSource";
import { finishPlain } from "./finishPlain";
import { readPickle, setNestedReader, type PickleResult } from "./pickle";
import { NamedClass, StorageDraft, StubDraft } from "./pickleDrafts";
import { storageItemBytes, storageType } from "./torchTensor";
import { ZipArchive } from "./zipArchive";

/** The object of a torch.save file is small beside its storages. */
const LARGEST_OBJECT = 2 ** 31;
const LARGEST_STORAGE = 2 ** 32;
/** Number with which files of torch before 1.6 begin. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/** True for archives of torch.save, even where the file ends in the middle of the object. */
export const isTorchArchive = ({ names, torn }: ZipArchive): boolean =>
  torchMember(names) !== undefined || torchMember([torn?.name ?? ""]) !== undefined;

/** Name of the member that holds the object of a torch.save archive; undefined for other archives. */
export function torchMember(names: readonly string[]): string | undefined {
  return names.find((name) => name === "data.pkl" || /^[^/]+\/data\.pkl$/.test(name));
}

/** The object of a torch.save archive; its tensors read their storages when their numbers are asked for. */
export function readTorchArchive(
  archive: ZipArchive,
  finish = true,
): { readonly value: PlainValue; readonly notes: readonly Note[] } {
  const whole = torchMember(archive.names);
  const member = whole ?? torchMember([archive.torn?.name ?? ""]);
  if (member === undefined)
    throw new Failure("no-torch", "The archive holds no data.pkl.", "It was not written by torch.save.");
  const prefix = member.slice(0, -"data.pkl".length);
  const littleEndian =
    !archive.has(`${prefix}byteorder`) || archive.read(`${prefix}byteorder`, 100).toString() !== "big";
  const storages = new Map<string, StorageDraft>();
  const persistent = (id: unknown): unknown => {
    const named = storageId(id);
    if (named === undefined) return undefined;
    const known = storages.get(named.key);
    if (known !== undefined) return known;
    const name = `${prefix}data/${named.key}`;
    const storage = new StorageDraft(
      named.type,
      weakly(() => archive.read(name, LARGEST_STORAGE)),
      littleEndian,
    );
    storages.set(named.key, storage);
    return storage;
  };
  const object =
    whole === undefined ? archive.readTorn(LARGEST_OBJECT) : archive.read(member, LARGEST_OBJECT);
  const { value, notes } = readPickle(object, { persistent, finish });
  return { value, notes: [...archive.notes, ...notes] };
}

/** ("storage", class, key, location, elements[, view]) */
function storageId(
  id: unknown,
): { readonly type: string; readonly key: string; readonly elements: number } | undefined {
  if (!Array.isArray(id)) return undefined;
  const [kind, type, key, , elements] = id as unknown[];
  if (kind !== "storage" || !(type instanceof NamedClass)) return undefined;
  return {
    type: storageType(type.name),
    key: String(key as string | number),
    elements: typeof elements === "number" ? elements : 0,
  };
}

/** True when a pickle begins like a torch.save file of before torch 1.6. */
export function isLegacyTorch(bytes: Buffer): boolean {
  // Protocol 2, LONG1 with 10 bytes, the magic number, STOP.
  return (
    bytes.length > 16 &&
    bytes[0] === 0x80 &&
    bytes[2] === 0x8a &&
    bytes[3] === 0x0a &&
    Buffer.from(bytes.subarray(4, 14)).reverse().toString("hex") ===
      LEGACY_MAGIC.toString(16).padStart(20, "0")
  );
}

/**
 * The object of a torch.save file of before torch 1.6: pickles of a magic number, a version, the machine, the object and
 * the keys of its storages, then each storage as a count and its raw elements.
 */
export function readLegacyTorch(bytes: Buffer, finish = true, depth = 0): PickleResult {
  const storages = new Map<string, { type: string; place: { start: number; length: number } | undefined }>();
  let littleEndian = true;
  const drafts = new Map<string, StorageDraft>();
  const persistent = (id: unknown): unknown => {
    const named = storageId(id);
    if (named === undefined) return undefined;
    const known = drafts.get(named.key);
    if (known !== undefined) return known;
    const entry: { type: string; place: { start: number; length: number } | undefined } = {
      type: named.type,
      place: undefined,
    };
    storages.set(named.key, entry);
    const draft = new StorageDraft(
      named.type,
      () => {
        if (entry.place === undefined)
          throw new Failure("missing-storage", "A tensor's storage is missing.", "The file may be cut off.");
        return bytes.subarray(entry.place.start, entry.place.start + entry.place.length);
      },
      littleEndian,
    );
    drafts.set(named.key, draft);
    return draft;
  };
  let at = 0;
  const next = (options: Parameters<typeof readPickle>[1] = {}): PickleResult => {
    const result = readPickle(bytes, { start: at, depth, ...options });
    at = result.end;
    return result;
  };
  next({ salvage: false });
  next({ salvage: false });
  const { value: machine } = next({ salvage: false });
  if (machine instanceof Map) littleEndian = machine.get("little_endian") !== false;
  const object = next({ persistent, finish: false });
  const notes: Note[] = [...object.notes];
  try {
    const { value: keys } = next({ salvage: false });
    for (const key of Array.isArray(keys) ? (keys as PlainValue[]) : []) {
      if (at + 8 > bytes.length) throw new Failure("short-file", "the storages are cut off", "");
      const elements = littleEndian ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at);
      at += 8;
      const entry = storages.get(String(key as string));
      const size = entry === undefined ? undefined : storageItemBytes(entry.type);
      if (entry === undefined || size === undefined)
        throw new Failure("unknown-storage", "a storage is unknown", "");
      const length = Number(elements) * size;
      if (at + length > bytes.length) throw new Failure("short-file", "the storages are cut off", "");
      entry.place = { start: at, length };
      at += length;
    }
  } catch (error) {
    notes.push({
      code: "torn-pickle",
      message: `The torch file breaks off at byte ${at} (${error instanceof Error ? error.message : String(error)}): tensors behind it are missing.`,
    });
  }
  if (!finish) return { value: object.value, end: at, notes };
  const finished = finishPlain(object.value);
  return { value: finished.value, end: at, notes: [...notes, ...finished.notes] };
}

setNestedReader((bytes, depth) =>
  isLegacyTorch(bytes) ? readLegacyTorch(bytes, false, depth).value : undefined,
);

/**
 * Opens torch archives that lie as bytes inside a value (DataProto keeps its tensors so), in place.
 */
export async function openNestedArchives(value: PlainValue): Promise<PlainValue> {
  return (await opened(value, new Set(), 0)) ?? value;
}

async function opened(value: PlainValue, seen: Set<object>, depth: number): Promise<PlainValue | undefined> {
  if (typeof value !== "object" || value === null || depth > 6) return undefined;
  if (value instanceof Uint8Array) {
    if (value.length < 64 || value[0] !== 0x50 || value[1] !== 0x4b || value[2] !== 3) return undefined;
    try {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      const archive = await ZipArchive.fromBytes(bytes, "bytes");
      return torchMember(archive.names) === undefined ? undefined : readTorchArchive(archive).value;
    } catch {
      return undefined;
    }
  }
  if (seen.has(value)) return undefined;
  seen.add(value);
  if (Array.isArray(value)) {
    const list = value as PlainValue[];
    // Archives are few and near the top; long lists are of records or numbers.
    for (let index = 0; index < Math.min(list.length, 64); index++) {
      const inner = await opened(list[index] as PlainValue, seen, depth + 1);
      if (inner !== undefined) list[index] = inner;
    }
  } else if (value instanceof Map) {
    const map = value as Map<PlainValue, PlainValue>;
    for (const [key, item] of map) {
      const inner = await opened(item, seen, depth + 1);
      if (inner !== undefined) map.set(key, inner);
    }
  } else if (value instanceof StubDraft) {
    const inner = await opened(value.state, seen, depth + 1);
    if (inner !== undefined) value.state = inner;
    await opened(value.args as PlainValue[], seen, depth + 1);
  }
  return undefined;
}

/** Bytes of a pickle or of a torch file of either kind, as plain values. */
export async function readPickleBytes(
  bytes: Buffer,
  name: string,
): Promise<{ readonly value: PlainValue; readonly notes: readonly Note[] }> {
  const result = isLegacyTorch(bytes) ? readLegacyTorch(bytes) : readPickle(bytes);
  const named = result.notes.map((note) => ({ ...note, where: name }));
  return { value: await openNestedArchives(result.value), notes: named };
}
