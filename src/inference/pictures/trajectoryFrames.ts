import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Failure } from "../../model/failure";
import type { MediaReference, Trajectory } from "../../model/trajectory";
import { breathe } from "../breathe";
import { decodePicture, type Picture } from "./decodePicture";
import { mediaFile } from "./mediaFile";
import { countFrames, evenFrames, MOST_FRAMES, videoFrames } from "./videoFrames";

/** Bytes of a picture's file at most. */
const MOST_FILE_BYTES = 64 * 2 ** 20;
/** Frames read of a video that is no recording of steps, where nothing else is declared. */
const DEFAULT_FRAMES = 64;

/** One frame that a trajectory shows. */
export interface Frame {
  /** Step that shows it; undefined for frames of a video that belong to no step of their own. */
  readonly step: number | undefined;
  /** Equal for equal pictures: the file, and for videos the frame's number. */
  readonly key: string;
  read(): Promise<Picture>;
}

/** The frames of a trajectory in order. */
export interface Frames {
  readonly frames: AsyncIterable<Frame>;
  /** Rows of a table about them: one a step, or one a frame of a video. */
  readonly rows: number;
  /** "step": rows are steps and a frame's row is its step; "frame": rows are the frames in order. */
  readonly level: "step" | "frame";
  /** What was read, for `ScoreArray.method`. */
  readonly method: string;
}

export interface FrameOptions {
  /** Folders in which media paths are looked up, best first. */
  readonly folders: readonly string[];
  /** Frames of a video at most; undefined = one a step of a recorded episode, else `DEFAULT_FRAMES`. */
  readonly most?: number | undefined;
  readonly signal: AbortSignal;
}

/** Steps that a trajectory has, recorded as turns or as rows of columns. */
export const stepsOf = (trajectory: Trajectory): number =>
  Math.max(trajectory.steps.length, trajectory.columns?.steps ?? 0);

/** The first reference of a kind in each step. */
function referencesOf(trajectory: Trajectory, kind: MediaReference["kind"]) {
  return trajectory.steps.flatMap((step) => {
    const all = (step.media ?? []).filter((media) => media.kind === kind);
    return all[0] === undefined ? [] : [{ step: step.index, media: all[0], others: all.length - 1 }];
  });
}

/** True when a trajectory shows pictures or videos. */
export const hasFrames = (trajectory: Trajectory): boolean =>
  trajectory.steps.some((step) => step.media?.some(({ kind }) => kind !== "other") ?? false);

/** The folders of a trajectory's media: its file's own, then its dataset's. */
export const mediaFolders = (
  trajectory: Trajectory,
  roots: Readonly<Record<string, string>> | undefined,
): readonly string[] => {
  const root = roots?.[trajectory.datasetId];
  return [dirname(trajectory.source.path), ...(root === undefined ? [] : [root])];
};

/** @throws Failure `missing-media` */
function fileOf(folders: readonly string[], path: string): string {
  for (const folder of folders) {
    const found = mediaFile(folder, path);
    // A pipe or a device would be waited for without end.
    if (found !== undefined && statSync(found).isFile()) return found;
  }
  throw new Failure(
    "missing-media",
    `The file ${path} is not in the dataset's folder ${folders.at(-1) ?? ""}.`,
    "Put the pictures where the dataset names them; files outside its folder are not read.",
  );
}

/**
 * Reads and unpacks one picture file.
 * @throws Failure `unreadable-picture`
 */
async function readPicture(file: string, name: string): Promise<Picture> {
  const { size } = statSync(file);
  if (size > MOST_FILE_BYTES)
    throw new Failure(
      "unreadable-picture",
      `The picture ${name} has ${Math.round(size / 2 ** 20)} MiB; at most ${MOST_FILE_BYTES / 2 ** 20} MiB are read.`,
      "Save it smaller.",
    );
  return decodePicture(readFileSync(file), name);
}

/** A picture that stands in the trajectory itself, as a data URL in base64. */
function inlinePicture(url: string, name: string): Promise<Picture> {
  const start = url.indexOf(";base64,");
  if (start < 0 || start > 64)
    throw new Failure(
      "unreadable-picture",
      `The picture ${name} is no data URL in base64.`,
      "Save it as a file.",
    );
  return decodePicture(Buffer.from(url.slice(start + 8), "base64"), name);
}

/**
 * The frames that a trajectory shows: the first picture of each step that has one, or else the frames of its first video.
 * @throws Failure `no-pictures` in one sentence; reading a frame may throw as well
 */
export async function framesOf(trajectory: Trajectory, options: FrameOptions): Promise<Frames> {
  const pictures = referencesOf(trajectory, "image");
  if (pictures.length > 0) return pictureFrames(trajectory, pictures, options);
  const [video] = referencesOf(trajectory, "video");
  if (video) return framesOfVideo(trajectory, video.media, options);
  throw new Failure(
    "no-pictures",
    `Trajectory ${trajectory.id} shows no pictures and no video, so a model of pictures cannot look at it.`,
    "Choose a model of texts or numbers.",
  );
}

function pictureFrames(
  trajectory: Trajectory,
  pictures: ReturnType<typeof referencesOf>,
  { folders, signal }: FrameOptions,
): Frames {
  const others = pictures.reduce((sum, one) => sum + one.others, 0);
  async function* frames(): AsyncGenerator<Frame> {
    for (const { step, media } of pictures) {
      await breathe(signal);
      if (media.path.startsWith("data:")) {
        yield { step, key: media.path, read: () => inlinePicture(media.path, `of step ${step}`) };
        continue;
      }
      const file = fileOf(folders, media.path);
      yield { step, key: file, read: () => readPicture(file, media.path) };
    }
  }
  return {
    frames: frames(),
    rows: stepsOf(trajectory),
    level: "step",
    method: `the first picture of each step${others === 0 ? "" : ` (${others} further pictures left out)`}`,
  };
}

async function framesOfVideo(
  trajectory: Trajectory,
  media: MediaReference,
  { folders, most, signal }: FrameOptions,
): Promise<Frames> {
  const file = fileOf(folders, media.path);
  const { part = {} } = media;
  const total = await countFrames(file, media.path, part, signal);
  await breathe(signal);
  const steps = trajectory.columns?.steps ?? 0;
  const wanted = evenFrames(total, Math.min(MOST_FRAMES, most ?? (steps > 1 ? steps : DEFAULT_FRAMES)));
  async function* frames(): AsyncGenerator<Frame> {
    for await (const { frame, picture } of videoFrames(file, media.path, part, wanted, signal)) {
      await breathe(signal);
      yield {
        // A recording has a frame a step; one that has more or fewer is spread over the steps.
        step:
          steps > 1 ? Math.min(steps - 1, Math.floor((frame * steps) / Math.max(total, steps))) : undefined,
        key: `${file} ${part.from ?? ""} ${part.to ?? ""} ${frame}`,
        read: () => Promise.resolve(picture),
      };
    }
  }
  return {
    frames: frames(),
    rows: steps > 1 ? steps : wanted.length,
    level: steps > 1 ? "step" : "frame",
    method: `${wanted.length} of ${total} frames of ${media.path}`,
  };
}
