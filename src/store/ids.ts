import { createHash } from "node:crypto";
import { Failure } from "../model/failure";

/** Ids are made from names and places alone, so that they outlive restarts and re-indexing. */

export function datasetIdOf(path: string, format: string, shards: string): string {
  return createHash("sha256").update(`${path}\n${format}\n${shards}`).digest("hex").slice(0, 12);
}

export function fileHashOf(datasetId: string, relativePath: string): string {
  return createHash("sha256").update(`${datasetId}\n${relativePath}`).digest("hex").slice(0, 12);
}

export function trajectoryIdOf(fileHash: string, row: number, part: number): string {
  return part === 0 ? `${fileHash}:${row}` : `${fileHash}:${row}:${part}`;
}

/** @throws Failure when the text is not a trajectory id */
export function parseTrajectoryId(id: string): {
  readonly fileHash: string;
  readonly row: number;
  readonly part: number;
} {
  const match = /^([0-9a-f]{12}):(\d{1,10})(?::(\d{1,9}))?$/.exec(id);
  if (match?.[1] === undefined)
    throw new Failure(
      "unknown-trajectory",
      `"${id}" is not a trajectory id.`,
      "Ids look like 0123456789ab:42; copy one from the Trajectories view or the `trajectories` table.",
    );
  return { fileHash: match[1], row: Number(match[2]), part: Number(match[3] ?? 0) };
}

/** First 64 bits of the SHA-256 of a text. */
export function hash64(text: string): bigint {
  return createHash("sha256").update(text).digest().readBigUInt64LE(0);
}

export function groupIdOf(groupNumber: bigint): string {
  return `g${groupNumber.toString(16).padStart(16, "0")}`;
}

/** @throws Failure when the text is not a group id */
export function parseGroupId(id: string): bigint {
  if (!/^g[0-9a-f]{16}$/.test(id))
    throw new Failure(
      "unknown-group",
      `"${id}" is not a group id.`,
      "Ids look like g0123456789abcdef; copy one from the Trajectories view or the `groups` table.",
    );
  return BigInt(`0x${id.slice(1)}`);
}
