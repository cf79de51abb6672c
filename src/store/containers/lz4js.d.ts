declare module "lz4js" {
  /**
   * Decompresses `sLength` bytes of a block from `sIndex` on into `dst` from `dIndex` on.
   * @returns where the content ends in `dst`; what is behind its end is not written
   */
  export function decompressBlock(
    src: Uint8Array,
    dst: Uint8Array,
    sIndex: number,
    sLength: number,
    dIndex: number,
  ): number;
}
