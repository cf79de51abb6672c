import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { ModelInfo, ModelKind } from "../model/score";
import type { Trajectory } from "../model/trajectory";

const pictureKinds: ReadonlySet<ModelKind> = new Set([
  ...(["embedding", "video-reward", "encoder", "autoencoder", "value", "transition-reward"] as const),
  ...(["policy-discrete", "policy-gaussian", "inverse-dynamics", "dynamics-ensemble", "flow"] as const),
]);

/** True for models that may look at pictures: those with an input of four or five dimensions. */
export const mayReadPictures = ({ kind, inputs }: ModelInfo): boolean =>
  pictureKinds.has(kind) &&
  (inputs === undefined || inputs.some((spec) => /\[[^,\]]*(?:,[^,\]]*){3,4}\]$/.test(spec)));

/** Pictures up to this size are told apart by their content; larger files and videos by size and time. */
const MOST_HASHED = 64 * 2 ** 20;

/**
 * What the pictures and videos that a trajectory names are now, for cache keys: the trajectory itself only names them.
 * A file that is not there counts as absent.
 * @param folders where media paths are looked up, best first
 */
export async function mediaStamp(trajectory: Trajectory, folders: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const step of trajectory.steps) {
    for (const { kind, path, part } of step.media ?? []) {
      if (kind === "other") continue;
      hash.update(`${step.index} ${kind} ${path.length} ${path} ${JSON.stringify(part) ?? ""}\n`);
      const places = [dirname(trajectory.source.path), ...folders].map((folder) => resolve(folder, path));
      for (const place of places) {
        const info = await stat(place).catch(() => undefined);
        if (!info?.isFile()) continue;
        if (kind === "image" && info.size <= MOST_HASHED)
          for await (const chunk of createReadStream(place)) hash.update(chunk as Buffer);
        else hash.update(`${info.size} ${info.mtimeMs}`);
        break;
      }
    }
  }
  return hash.digest("hex");
}
