import { modelHash, modelStamp } from "./contentHash";

/** Hashes of models' files, computed anew only when a file's size or time changed. */
export class ModelHashes {
  private readonly known = new Map<string, { stamp: string; hash: string }>();

  async of(modelPath: string): Promise<string> {
    const stamp = await modelStamp(modelPath);
    const known = this.known.get(modelPath);
    if (known?.stamp === stamp) return known.hash;
    const hash = await modelHash(modelPath);
    this.known.set(modelPath, { stamp, hash });
    return hash;
  }
}
