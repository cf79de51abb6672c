import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Bytes that lie in a file or in memory and are read piece by piece. */
export interface ByteSource {
  readonly size: number;
  /** Bytes [offset, offset + length); fewer where the source ends. */
  read(offset: number, length: number): Buffer;
}

/** A file, opened for each read alone, so that nothing has to be closed. */
export class FileBytes implements ByteSource {
  constructor(
    readonly path: string,
    readonly size: number,
  ) {}

  /** @throws what the file system throws */
  static of(path: string): FileBytes {
    const file = openSync(path, "r");
    try {
      return new FileBytes(path, fstatSync(file).size);
    } finally {
      closeSync(file);
    }
  }

  read(offset: number, length: number): Buffer {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    const bytes = Buffer.allocUnsafe(wanted);
    const file = openSync(this.path, "r");
    try {
      let held = 0;
      while (held < wanted) {
        const got = readSync(file, bytes, held, wanted - held, offset + held);
        if (got === 0) break;
        held += got;
      }
      return bytes.subarray(0, held);
    } finally {
      closeSync(file);
    }
  }
}

/** Bytes in memory. */
export class MemoryBytes implements ByteSource {
  readonly size: number;

  constructor(private readonly bytes: Buffer) {
    this.size = bytes.length;
  }

  read(offset: number, length: number): Buffer {
    return this.bytes.subarray(offset, Math.min(offset + length, this.size));
  }
}

/** What `load` gives, loaded again when memory was needed for something else in the meantime. */
export function weakly<T extends object>(load: () => T): () => T {
  let kept: WeakRef<T> | undefined;
  return () => {
    const known = kept?.deref();
    if (known !== undefined) return known;
    const loaded = load();
    kept = new WeakRef(loaded);
    return loaded;
  };
}
