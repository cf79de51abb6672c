/** Index of the first character that is neither a byte order mark, a NUL nor white space. */
export function textStart(bytes: Uint8Array): number {
  let index = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (
    index < bytes.length &&
    (bytes[index] === 0 ||
      bytes[index] === 0x20 ||
      bytes[index] === 0x09 ||
      bytes[index] === 0x0a ||
      bytes[index] === 0x0d)
  )
    index++;
  return index;
}

export function isArrayText(bytes: Uint8Array): boolean {
  return bytes[textStart(bytes)] === 0x5b || beheadedStart(bytes) !== undefined;
}

/**
 * Where the first whole element begins of an array whose beginning was overwritten with NUL bytes (a disk that lost a
 * block): the rest of its first element stands behind them. Undefined for every other text.
 */
export function beheadedStart(bytes: Uint8Array): number | undefined {
  const start = textStart(bytes);
  const first = bytes[start];
  if (bytes[0] !== 0 || first === undefined || first === 0x5b || first === 0x7b) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    "latin1",
    start,
    start + 65_536,
  );
  const found = /[}\]],\s*(?=[{[])/.exec(text);
  return found === null ? undefined : start + found.index + found[0].length;
}

/**
 * Byte ranges of the elements of a JSON array, without parsing them, so that one of many can be read alone.
 * `end` is the index of the closing bracket, -1 when the text ends before it (the last element may then be cut off).
 */
export function arrayElements(bytes: Uint8Array): {
  readonly elements: readonly (readonly [number, number])[];
  readonly end: number;
} {
  const elements: (readonly [number, number])[] = [];
  const beheaded = beheadedStart(bytes);
  let depth = beheaded === undefined ? 0 : 1;
  let inString = false;
  let start = -1;
  const isSpace = (code: number | undefined): boolean =>
    code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
  const trimmedEnd = (end: number): number => {
    let stop = end;
    while (stop > start && isSpace(bytes[stop - 1])) stop--;
    return stop;
  };
  for (let index = beheaded ?? textStart(bytes); index < bytes.length; index++) {
    const code = bytes[index];
    if (inString) {
      if (code === 0x5c) index++;
      else if (code === 0x22) inString = false;
      continue;
    }
    if (code === 0x5b || code === 0x7b) {
      if (depth === 1 && start < 0) start = index;
      depth++;
    } else if (code === 0x5d || code === 0x7d) {
      depth--;
      if (depth === 0) {
        if (start >= 0) elements.push([start, trimmedEnd(index)]);
        return { elements, end: index };
      }
    } else if (code === 0x2c && depth === 1) {
      if (start >= 0) elements.push([start, trimmedEnd(index)]);
      start = -1;
    } else {
      if (code === 0x22) inString = true;
      if (depth === 1 && start < 0 && !isSpace(code)) start = index;
    }
  }
  return { elements, end: -1 };
}
