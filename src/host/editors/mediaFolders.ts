import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { TrajectoryRow } from "../../model/summary";
import type { Host } from "../host";

/**
 * Folders to which the media paths of a trajectory may be relative: its file's own, then its dataset's (LeRobot keeps videos
 * beside the folder of its tables).
 */
export async function mediaFolders(host: Host, row: TrajectoryRow): Promise<readonly string[]> {
  const own = dirname(row.path);
  const path = (await host.library.dataset(row.datasetId))?.path;
  if (path === undefined) return [own];
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const root = isFolder ? path : dirname(path);
  return root === own ? [own] : [own, root];
}
