import { closeSync, openSync, readSync } from "node:fs";
import { parseDocument, parseJson } from "../formats/jsonText";
import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import { textOf } from "./textBytes";

/**
 * Reads one record back by its place.
 * @param whole true when the record is a whole file, whose lines belong together
 * @throws Failure when the file has changed under the index
 */
export function readTextRecord(path: string, offset: number, length: number, whole = false): JsonValue {
  const bytes = Buffer.allocUnsafe(length);
  const file = openSync(path, "r");
  try {
    if (readSync(file, bytes, 0, length, offset) < length) throw changed(path);
  } finally {
    closeSync(file);
  }
  try {
    const text = textOf(bytes);
    return whole ? parseDocument(text).value : parseJson(text);
  } catch {
    throw changed(path);
  }
}

function changed(path: string): Failure {
  return new Failure(
    "changed-file",
    `${path} has changed since it was indexed.`,
    "Refresh the Trajectories view to read it again.",
  );
}
