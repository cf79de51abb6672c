import { basename } from "node:path";
import type { Note } from "../model/trajectory";

/** First bytes of packers that no library here reads. */
const PACKERS: readonly (readonly [Buffer, string])[] = [
  [Buffer.from("fd377a585a00", "hex"), "xz"],
  [Buffer.from("377abcaf271c", "hex"), "7-Zip"],
  [Buffer.from("425a68", "hex"), "bzip2"],
  [Buffer.from("526172211a07", "hex"), "RAR"],
];

/** Files that carry a data file's name and are something else. */
export function falseFriend(path: string, bytes: Buffer, size: number): Note | undefined {
  const name = basename(path);
  if (size === 0) return { code: "empty-file", message: `${name} is empty.`, where: path };
  const packed = PACKERS.find(([magic]) => bytes.subarray(0, magic.length).equals(magic));
  if (packed !== undefined)
    return {
      code: "unknown-compression",
      message: `${name} is packed with ${packed[1]}, which is not read here: unpack it and open what is inside.`,
      where: path,
    };
  const text = bytes.toString("utf8", 0, Math.min(bytes.length, 2048));
  if (text.startsWith("version https://git-lfs.github.com/spec/")) {
    return {
      code: "lfs-pointer",
      message: `${name} is a Git LFS pointer, not the data: run \`git lfs pull\` in its repository.`,
      where: path,
    };
  }
  if (/^\s*(?:<!doctype html|<html)/i.test(text)) {
    return {
      code: "html-page",
      message: `${name} is an HTML page, probably an error page saved by a download: fetch the file again.`,
      where: path,
    };
  }
  if (
    /^<{7} \S/m.test(bytes.toString("utf8")) &&
    /^={7}$/m.test(bytes.toString("utf8")) &&
    /^\s*[[{<]/.test(text)
  ) {
    return {
      code: "conflict-markers",
      message: `${name} holds Git conflict markers: resolve them, then refresh.`,
      where: path,
    };
  }
  return undefined;
}
