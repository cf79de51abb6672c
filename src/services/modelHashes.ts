import type { ModelInfo } from "../model/score";
import { modelHash, modelStamp } from "./contentHash";

/** Hashes of models' files, computed anew only when a file's size or time changed. */
export class ModelHashes {
  private readonly known = new Map<string, { stamp: string; hash: string }>();

  /** @throws the file system's error when the model cannot be read */
  async of({ path, weightFiles }: Pick<ModelInfo, "path" | "weightFiles">): Promise<string> {
    const stamp = await modelStamp(path, weightFiles);
    const known = this.known.get(path);
    if (known?.stamp === stamp) return known.hash;
    const hash = await modelHash(path, weightFiles);
    this.known.set(path, { stamp, hash });
    return hash;
  }
}
