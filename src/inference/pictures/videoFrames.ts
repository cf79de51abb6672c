import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable } from "node:stream";
import { Failure } from "../../model/failure";
import type { Picture } from "./decodePicture";
import { MOST_PIXELS } from "./pictureHeader";

/** Seconds that one pass over a video may take. */
const TIMEOUT_S = 120;
/** Bytes of ffmpeg's messages that are kept. */
const MOST_MESSAGE = 4096;
/** Frames of one video at most, whatever is asked for. */
export const MOST_FRAMES = 2048;

/** A part of a video, in seconds; absent ends are the video's own. */
export interface VideoPart {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** ffmpeg's names of containers, by their first bytes. Playlists and everything that names other files stay outside. */
const containers: readonly (readonly [RegExp, string])[] = [
  [/^.{4}ftyp/s, "mov"],
  [/^.{4}(?:moov|mdat|wide|free)/s, "mov"],
  [/^\x1a\x45\xdf\xa3/, "matroska"],
  [/^RIFF.{4}AVI /s, "avi"],
];

const badVideo = (name: string, why: string): Failure =>
  new Failure(
    "unreadable-video",
    `The video ${name} ${why}.`,
    "Play it in a video player to see whether it is whole.",
  );

function containerOf(path: string, name: string): string {
  const head = Buffer.alloc(16);
  const file = openSync(path, "r");
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  const start = head.toString("latin1");
  const found = containers.find(([pattern]) => pattern.test(start))?.[1];
  if (found === undefined) throw badVideo(name, "is no MP4, MOV, WebM, MKV or AVI file");
  return found;
}

/**
 * The user's own ffmpeg: the first on the PATH. Relative entries do not count, so that no program of a workspace is run.
 * @throws Failure `no-ffmpeg` saying what to install
 */
export function ffmpegPath(environment: NodeJS.ProcessEnv = process.env): string {
  const file = process.platform === "win32" ? "ffmpeg.exe" : "ffmpeg";
  const path = environment["PATH"] ?? environment["Path"] ?? "";
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    try {
      accessSync(join(folder, file), constants.X_OK);
      return join(folder, file);
    } catch {
      continue;
    }
  }
  throw new Failure(
    "no-ffmpeg",
    "Videos are read with ffmpeg, and there is no ffmpeg on the PATH.",
    "Install it (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg) and start the editor again.",
  );
}

/** The option that gives every frame once, by ffmpeg's path: its old name went with version 9, its new one came with 5.1. */
const everyFrame = new Map<string, readonly string[]>();

function everyFrameOnce(program: string): readonly string[] {
  let option = everyFrame.get(program);
  if (option === undefined) {
    const { stdout } = spawnSync(program, ["-version"], {
      encoding: "utf8",
      timeout: 10_000,
      windowsHide: true,
    });
    const [, major, minor] = /version n?(\d+)\.(\d+)/.exec(stdout ?? "") ?? [];
    const old = major !== undefined && Number(major) + Number(minor) / 100 < 5.01;
    option = [old ? "-vsync" : "-fps_mode", "passthrough"];
    everyFrame.set(program, option);
  }
  return option;
}

/** What every call says: no questions, errors only, no protocol but files, no decoder for larger pictures. */
function inputArguments(path: string, name: string, { from, to }: VideoPart): string[] {
  return [
    ...["-nostdin", "-hide_banner", "-v", "error", "-protocol_whitelist", "file,pipe"],
    ...(from === undefined ? [] : ["-ss", String(from)]),
    ...(to === undefined ? [] : ["-t", String(Math.max(0, to - (from ?? 0)))]),
    ...["-max_pixels", String(MOST_PIXELS), "-f", containerOf(path, name), "-i", `file:${path}`],
    ...["-map", "0:v:0", "-an", "-sn", "-dn", ...everyFrameOnce(ffmpegPath())],
  ];
}

interface Running {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves when ffmpeg has ended. @throws Failure when it did not end well */
  readonly ended: Promise<void>;
}

function start(args: readonly string[], name: string, signal: AbortSignal): Running {
  const child = spawn(ffmpegPath(), args, {
    stdio: ["ignore", "pipe", "pipe"],
    shell: false,
    windowsHide: true,
  });
  let said = "";
  let late = false;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (said.length < MOST_MESSAGE) said += text;
  });
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, TIMEOUT_S * 1000);
  const stop = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", (error) =>
      reject(badVideo(name, `cannot be read, because ffmpeg does not start (${error.message})`)),
    );
    child.once("close", (code) => {
      if (late) reject(badVideo(name, `was not read within ${TIMEOUT_S} seconds`));
      else if (code === 0 || signal.aborted) resolve();
      else if (code === null) reject(badVideo(name, "was not read to its end, because ffmpeg was ended"));
      else {
        const line = said.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
        reject(badVideo(name, `cannot be read by ffmpeg${line === "" ? "" : ` (${line})`}`));
      }
    });
  }).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  });
  // Whoever reads the frames asks for the end last; until then a failure must not count as unhandled.
  ended.catch(() => undefined);
  return { child, ended };
}

/**
 * Number of frames of (a part of) a video. All are unpacked, because packets that an edit list hides are no frames.
 * @throws Failure `no-ffmpeg` or `unreadable-video`
 */
export async function countFrames(
  path: string,
  name: string,
  part: VideoPart,
  signal: AbortSignal,
): Promise<number> {
  const { child, ended } = start(
    [...inputArguments(path, name, part), "-progress", "pipe:1", "-f", "null", "-"],
    name,
    signal,
  );
  let frames = 0;
  let rest = "";
  for await (const chunk of child.stdout.setEncoding("utf8") as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("frame=")) frames = Number(line.slice(6)) || frames;
  }
  await ended;
  if (frames === 0 && !signal.aborted) throw badVideo(name, "holds no frames");
  return frames;
}

/** Indices of `count` frames, evenly from the first to the last (the floor of NumPy's linspace); all where there are fewer. */
export function evenFrames(total: number, count: number): number[] {
  if (count >= total) return Array.from({ length: total }, (_, i) => i);
  return Array.from({ length: count }, (_, i) =>
    count === 1 ? 0 : Math.floor((i * (total - 1)) / (count - 1)),
  );
}

/**
 * Frames of a video, one after the other, each with its number. Only one is in memory at a time.
 * @param wanted ascending numbers of frames, from 0
 * @throws Failure `no-ffmpeg` or `unreadable-video`; what came before it is whole
 */
export async function* videoFrames(
  path: string,
  name: string,
  part: VideoPart,
  wanted: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<{ readonly frame: number; readonly picture: Picture }> {
  if (wanted.length === 0) return;
  // All frames up to the last wanted one are sent where most are wanted; else ffmpeg's filter picks them.
  const dense = wanted.length === wanted.at(-1)! + 1;
  const filter = dense ? [] : ["-vf", `select='${wanted.map((frame) => `eq(n,${frame})`).join("+")}'`];
  const { child, ended } = start(
    [
      ...inputArguments(path, name, part),
      ...filter,
      ...["-frames:v", String(wanted.length), "-f", "image2pipe", "-c:v", "ppm", "pipe:1"],
    ],
    name,
    signal,
  );
  let given = 0;
  try {
    for await (const picture of ppmPictures(child.stdout, name)) yield { frame: wanted[given++]!, picture };
    await ended;
  } finally {
    child.kill("SIGKILL");
  }
  if (given < wanted.length && !signal.aborted)
    throw badVideo(name, `ends after ${given} of ${wanted.length} frames`);
}

/** Pictures of a stream of PPM files (P6): each says its size in front of its pixels. */
async function* ppmPictures(stream: AsyncIterable<unknown>, name: string): AsyncGenerator<Picture> {
  let chunks: Buffer[] = [];
  let [length, needed] = [0, 0];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length < needed) continue;
    let rest = Buffer.concat(chunks, length);
    for (;;) {
      const header = /^P6\n(\d+) (\d+)\n255\n/.exec(rest.toString("latin1", 0, 32));
      if (!header) {
        if (rest.length >= 32) throw badVideo(name, "gives pictures that cannot be read");
        break;
      }
      const [width, height] = [Number(header[1]), Number(header[2])];
      if (width * height > MOST_PIXELS)
        throw badVideo(name, `has frames of ${width} by ${height} pixels, which is too many`);
      needed = header[0].length + width * height * 3;
      if (rest.length < needed) break;
      yield { width, height, data: new Uint8Array(rest.subarray(header[0].length, needed)) };
      rest = rest.subarray(needed);
      needed = 0;
    }
    chunks = [rest];
    length = rest.length;
  }
}
