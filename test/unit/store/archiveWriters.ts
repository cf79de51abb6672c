import { gzipSync, crc32, deflateRawSync } from "node:zlib";
import { pack } from "tar-stream";

/** A file of an archive that a test makes. */
export interface Member {
  readonly name: string;
  readonly content: Buffer | string;
  /** Size that the headers tell, where it is not the content's. */
  readonly told?: number;
  readonly encrypted?: boolean;
  /** Of a tar: what else than a file it is. */
  readonly type?: "symlink" | "link";
  readonly target?: string;
}

/** A ZIP archive as its specification says: local headers with deflated data, then the directory. */
export function zip(members: readonly Member[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, told, encrypted = false } of members) {
    const bytes = Buffer.from(content);
    const data = deflateRawSync(bytes);
    const label = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(0x800 | (encrypted ? 1 : 0), 6);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(crc32(bytes), 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(told ?? bytes.length, 22);
    local.writeUInt16LE(label.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    local.copy(central, 6, 4, 30);
    central.writeUInt32LE(offset, 42);
    parts.push(local, label, data);
    directory.push(central, label);
    offset += 30 + label.length + data.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, listing, end]);
}

/** A tar archive, as tar-stream writes it. */
export async function tar(members: readonly Member[], compress = false): Promise<Buffer> {
  const archive = pack();
  for (const { name, content, type, target } of members)
    if (type === undefined) archive.entry({ name }, Buffer.from(content));
    else archive.entry({ name, type, linkname: target ?? "" });
  archive.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of archive) pieces.push(piece as Buffer);
  const bytes = Buffer.concat(pieces);
  return compress ? gzipSync(bytes) : bytes;
}
