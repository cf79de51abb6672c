declare module "lz4js" {
  const lz4: {
    /** Bytes that a frame may take at most when it is decompressed. */
    decompressBound(frame: Uint8Array): number;
    decompress(frame: Uint8Array, maxSize?: number): Uint8Array | number[];
  };
  export default lz4;
}
