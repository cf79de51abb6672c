import type { Sqlite3Static, WasmPointer } from "@sqlite.org/sqlite-wasm";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Name under which the files of the disk are known to SQLite. */
export const DISK = "disk-read-only";

/** A page is at most this long, and so is what SQLite asks for at once. */
const LARGEST_READ = 2 ** 20;

/** Bytes that a disk writes at once; only a writer would use it. Its type is that of a result, which it is not. */
const SECTOR: number = 4096;

/**
 * Lets SQLite read files of the disk and nothing more: every write, lock and deletion is refused or has no effect, so that
 * a database of a running program is neither changed nor held up, and no file appears beside it. What a program has written
 * to its write-ahead log is read by SQLite itself, which keeps the log's index in memory when the database is opened with
 * exclusive locking.
 */
export function registerDisk({ capi, wasm, vfs: installer }: Sqlite3Static): void {
  const fallback = capi.sqlite3_vfs_find(null as unknown as string);
  const inherited = new capi.sqlite3_vfs(fallback) as unknown as Struct;
  const vfs = new capi.sqlite3_vfs();
  const io = new capi.sqlite3_io_methods();
  /** Open files by the pointer under which SQLite knows them; a log that is not there is open and empty. */
  const files = new Map<WasmPointer, number | undefined>();
  vfs.$iVersion = 2;
  vfs.$szOsFile = (capi.sqlite3_file as unknown as { structInfo: { sizeof: number } }).structInfo.sizeof;
  vfs.$mxPathname = 4096;
  (vfs as unknown as Struct).$xRandomness = inherited.$xRandomness;
  (vfs as unknown as Struct).$xSleep = inherited.$xSleep;
  (io as unknown as Struct).$iVersion = 1;
  const { SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_NOTFOUND, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ } =
    capi;
  const text = (pointer: WasmPointer): string => wasm.cstrToJs(pointer) ?? "";

  installer.installVfs({
    io: {
      struct: io,
      methods: {
        xClose(file) {
          const open = files.get(file);
          files.delete(file);
          if (open !== undefined) closeSync(open);
          return 0;
        },
        xRead(file, target, length, offset) {
          if (length > LARGEST_READ) return SQLITE_IOERR_READ;
          const open = files.get(file);
          const bytes = new Uint8Array(length);
          let held = 0;
          try {
            while (open !== undefined && held < length) {
              const got = readSync(open, bytes, held, length - held, Number(offset) + held);
              if (got === 0) break;
              held += got;
            }
          } catch {
            return SQLITE_IOERR_READ;
          }
          wasm.heap8u().set(bytes, Number(target));
          return held < length ? SQLITE_IOERR_SHORT_READ : 0;
        },
        xWrite: () => SQLITE_READONLY,
        xTruncate: () => SQLITE_READONLY,
        xSync: () => 0,
        xFileSize(file, size) {
          const open = files.get(file);
          wasm.poke(size, BigInt(open === undefined ? 0 : fstatSync(open).size) as unknown as number, "i64");
          return 0;
        },
        xLock: () => 0,
        xUnlock: () => 0,
        xCheckReservedLock(_file, held) {
          wasm.poke32(held, 0);
          return 0;
        },
        xFileControl: () => SQLITE_NOTFOUND,
        xSectorSize: () => SECTOR as 0,
        xDeviceCharacteristics: () => 0,
      },
    },
    vfs: {
      struct: vfs,
      name: DISK,
      methods: {
        xOpen(_vfs, name, pointer, flags, flagsOut) {
          const isLog = (flags & capi.SQLITE_OPEN_WAL) !== 0;
          if (!isLog && (flags & capi.SQLITE_OPEN_MAIN_DB) === 0) return SQLITE_CANTOPEN;
          try {
            files.set(pointer, openSync(text(name), "r"));
          } catch {
            if (!isLog) return SQLITE_CANTOPEN;
            files.set(pointer, undefined);
          }
          const file = new capi.sqlite3_file(pointer);
          file.$pMethods = io.pointer as WasmPointer;
          file.dispose();
          // A log that is open for reading alone would make SQLite give up; what it writes is refused all the same.
          if (flagsOut) wasm.poke32(flagsOut, isLog ? flags : capi.SQLITE_OPEN_READONLY);
          return 0;
        },
        xAccess(_vfs, name, _flags, found) {
          // A journal that a crash left would have to be rolled back, which would be writing.
          const path = text(name);
          let exists = false;
          if (!path.endsWith("-journal"))
            try {
              closeSync(openSync(path, "r"));
              exists = true;
            } catch {
              exists = false;
            }
          wasm.poke32(found, exists ? 1 : 0);
          return 0;
        },
        xDelete: () => 0,
        xFullPathname: (_vfs, name, length, out) =>
          wasm.cstrncpy(out, name, length) < length ? 0 : SQLITE_CANTOPEN,
        xCurrentTime(_vfs, out) {
          wasm.poke(out, 2_440_587.5 + Date.now() / 86_400_000, "double");
          return 0;
        },
        xCurrentTimeInt64(_vfs, out) {
          wasm.poke(
            out,
            BigInt(Math.round(2_440_587.5 * 86_400_000) + Date.now()) as unknown as number,
            "i64",
          );
          return 0;
        },
        xGetLastError: () => undefined,
      },
    },
  });
}

/** Members of the library's structs that its types leave out. */
type Struct = Record<"$xRandomness" | "$xSleep" | "$iVersion", WasmPointer>;
