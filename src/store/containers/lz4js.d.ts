declare module "lz4js" {
  /** Bytes that a frame may take at most when it is decompressed. */
  export function decompressBound(frame: Uint8Array): number;
  export function decompress(frame: Uint8Array, maxSize?: number): Uint8Array | number[];
}
