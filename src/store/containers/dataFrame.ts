import { fieldsOf, isArray, isMap, isPlainList, isStub, plainNumber } from "../../formats/plainFields";
import type { PlainArray, PlainStub, PlainValue } from "../../model/plain";

/**
 * The columns of a pickled pandas DataFrame (pandas 1.3 to 3), by their names in their order: what `to_pickle` leaves of blocks of
 * columns, whose arrays are NumPy's, lists of objects or Arrow's texts. Undefined for anything else, and for a frame with
 * kinds of columns that are not known here.
 */
export function dataFrameColumns(value: PlainValue): ReadonlyMap<string, readonly PlainValue[]> | undefined {
  if (!isStub(value) || !/^pandas\.(?:core\.frame\.)?DataFrame$/.test(value.className)) return undefined;
  const fields = fieldsOf(value);
  const manager = fields?.get("_mgr") ?? fields?.get("_data");
  if (!isStub(manager) || !manager.className.endsWith("BlockManager")) return undefined;
  const [blocks, axes] = manager.args;
  if (!isPlainList(blocks) || !isPlainList(axes)) return undefined;
  const names = indexNames(axes[0]);
  if (names === undefined) return undefined;
  const columns = new Map<string, readonly PlainValue[]>(names.map((name) => [name, []]));
  for (const block of blocks) {
    if (!isStub(block)) return undefined;
    const [values, placement] = block.args;
    const places = placesOf(placement);
    const rows = places === undefined || values === undefined ? undefined : rowsOf(values, places.length);
    if (places === undefined || rows?.length !== places.length) return undefined;
    for (const [index, place] of places.entries()) {
      const name = names[place];
      const column = rows[index];
      if (name === undefined || column === undefined) return undefined;
      columns.set(name, column);
    }
  }
  return columns;
}

/** More columns are no table of trajectories, and damaged numbers of them would fill the memory. */
const MOST_COLUMNS = 100_000;

/** Names of the columns: an index of texts or of whole numbers. */
function indexNames(index: PlainValue | undefined): readonly string[] | undefined {
  if (!isStub(index)) return undefined;
  const settings = index.args[1];
  if (!isMap(settings)) return undefined;
  const stop = plainNumber(settings.get("stop"));
  if (typeof stop === "number")
    return stop >= 0 && stop <= MOST_COLUMNS
      ? Array.from({ length: stop }, (_, column) => String(column))
      : undefined;
  const data = settings.get("data");
  const list = data === undefined ? undefined : rowsOf(data, 1)?.[0];
  return list?.map((name) => (typeof name === "string" ? name : String(plainNumber(name) ?? "")));
}

/** Columns that a block holds: a slice, or their numbers. */
function placesOf(placement: PlainValue | undefined): readonly number[] | undefined {
  if (isArray(placement)) return Array.from(placement.numbers());
  if (!isStub(placement) || !placement.className.endsWith("slice")) return undefined;
  const [start, stop, step] = placement.args.map((one) => plainNumber(one) ?? undefined);
  if (start === undefined || stop === undefined || !(start >= 0) || !(stop <= MOST_COLUMNS)) return undefined;
  const places: number[] = [];
  for (let place = start; place < stop; place += Math.max(1, step ?? 1)) places.push(place);
  return places;
}

/** The columns of a block's values. */
function rowsOf(values: PlainValue, columns: number): readonly (readonly PlainValue[])[] | undefined {
  if (isArray(values)) return arrayRows(values, columns);
  if (isPlainList(values))
    return columns === 1 && !(values.length === 1 && isPlainList(values[0]))
      ? [values]
      : values.every(isPlainList)
        ? values
        : undefined;
  if (!isStub(values)) return undefined;
  const texts = arrowTexts(values);
  return texts === undefined ? undefined : [texts];
}

function arrayRows(values: PlainArray, columns: number): readonly (readonly PlainValue[])[] {
  const numbers = values.numbers();
  const length = columns === 0 ? 0 : numbers.length / columns;
  return Array.from({ length: columns }, (_, column) =>
    Array.from(numbers.subarray(column * length, (column + 1) * length), (number) =>
      values.type === "bool" ? number !== 0 : number,
    ),
  );
}

/** Texts of an Arrow array: bits of validity, offsets, and the bytes of all texts. */
function arrowTexts(array: PlainStub): readonly (string | null)[] | undefined {
  const inner = fieldsOf(array)?.get("_pa_array") ?? fieldsOf(array)?.get("_ndarray");
  if (isPlainList(inner)) return inner.map((item) => (typeof item === "string" ? item : null));
  if (!isStub(inner)) return undefined;
  if (inner.className.endsWith("chunked_array")) {
    const chunks = isPlainList(inner.args[0]) ? inner.args[0].map(restored) : [];
    return chunks.every((chunk) => chunk !== undefined) ? chunks.flat() : undefined;
  }
  return restored(inner);
}

function restored(array: PlainValue): readonly (string | null)[] | undefined {
  const parts = isStub(array) ? array.args[0] : undefined;
  if (!isPlainList(parts)) return undefined;
  const [type, length, , offset, buffers] = parts;
  const alias = isStub(type) ? type.args[0] : undefined;
  if (!isPlainList(buffers) || typeof length !== "number" || typeof offset !== "number") return undefined;
  const wide = alias === "large_string";
  if (!wide && alias !== "string") return undefined;
  const [validity, offsets, data] = buffers.map((buffer) => (isStub(buffer) ? buffer.args[0] : buffer));
  if (!(offsets instanceof Uint8Array)) return undefined;
  const bytes =
    data instanceof Uint8Array ? Buffer.from(data.buffer, data.byteOffset, data.length) : Buffer.alloc(0);
  const starts = Buffer.from(offsets.buffer, offsets.byteOffset, offsets.length);
  const startAt = (index: number): number =>
    wide ? Number(starts.readBigInt64LE(index * 8)) : starts.readInt32LE(index * 4);
  if (starts.length < (offset + length + 1) * (wide ? 8 : 4)) return undefined;
  return Array.from({ length }, (_, row) => {
    const at = offset + row;
    const valid = !(validity instanceof Uint8Array) || ((validity[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
    return valid ? bytes.toString("utf8", startAt(at), startAt(at + 1)) : null;
  });
}
