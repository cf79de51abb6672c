import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, sep } from "node:path";
import type { Note } from "../model/trajectory";
import type { ArchiveKind } from "./containers/archiveEntries";
import { unpack } from "./containers/unpack";
import type { KnownFiles } from "./knownFiles";
import type { FilesLeftAlone } from "./leftAlone";
import { eachInTurns } from "./turns";
import {
  archiveDepth,
  archiveOf,
  dropUnpacked,
  shownPath,
  unpackedArchive,
  unpackedArchives,
} from "./unpacked";
import { couldBeData, walk } from "./walk";

/** Archives in archives are opened this deep. */
const DEEPEST_ARCHIVE = 3;

/** Members taken in or forgotten at the same time: what they change in the meantime shares a transaction. */
const MEMBERS_AT_ONCE = 64;

export interface ArchiveLook {
  readonly stats: Stats;
  readonly asked: boolean;
  readonly signal: AbortSignal | undefined;
}

/** What the files of archives are handed to. */
export interface MemberIndexer {
  readonly files: KnownFiles;
  readonly leftAlone: FilesLeftAlone;
  isNew(path: string): boolean;
  refresh(path: string, stats: Stats | undefined, asked: boolean, signal?: AbortSignal): Promise<void>;
  remove(path: string): Promise<void>;
  report(path: string, error: unknown): void;
  warn(note: Note): void;
}

/** Brings the files of archives into the index, each as if it lay in a folder that is called like the archive. */
export class ArchiveIntake {
  constructor(private readonly indexer: MemberIndexer) {}

  /** Forgets the archives under some paths that are gone, with their files. */
  async forgetUnder(isUnder: (path: string) => boolean): Promise<void> {
    for (const { path } of unpackedArchives()) {
      if (!isUnder(shownPath(path))) continue;
      try {
        await stat(path);
      } catch {
        await this.forgetMembers(path);
      }
    }
  }

  /**
   * Takes in the files of an archive, each as if it lay in a folder called like the archive.
   * @returns what there is to say of the archive
   */
  async take(path: string, kind: ArchiveKind, look: ArchiveLook): Promise<Note | undefined> {
    const { stats, asked, signal } = look;
    const named = (message: string, code = "unknown-format"): Note => ({ code, message, where: path });
    const nothing = asked
      ? named(`${basename(path)} is an archive without a file of a format that is known here.`)
      : undefined;
    if (archiveDepth(path) >= DEEPEST_ARCHIVE)
      return named(
        `${shownPath(path)} lies in more than ${DEEPEST_ARCHIVE} archives; it is not opened.`,
        "deep-archive",
      );
    const unpacked = await unpack(path, stats, kind, asked, signal);
    if (unpacked === undefined || !unpacked.useful) {
      await this.forgetMembers(path);
      return nothing;
    }
    const found = new Set<string>();
    const listener = { problem: (where: string, error: unknown) => this.indexer.report(where, error) };
    await eachInTurns(walk(unpacked.root, listener), MEMBERS_AT_ONCE, async (file) => {
      found.add(file.path);
      if (!this.indexer.isNew(file.path) || couldBeData(file.path))
        await this.indexer.refresh(file.path, file.stats, false, signal);
    });
    const inside = unpacked.root + sep;
    await this.remove(
      [...this.indexer.files.paths()].filter((member) => member.startsWith(inside) && !found.has(member)),
    );
    const notes = this.indexer.leftAlone.notes().filter(({ where = "" }) => where.startsWith(inside));
    const [problem] = unpacked.problems;
    if (
      ![...this.indexer.files.paths()].some(
        (member) => member.startsWith(inside) || archiveOf(member) === path,
      )
    ) {
      await this.forgetMembers(path);
      dropUnpacked(path, { ...unpacked, useful: false });
      return notes[0] === undefined ? nothing : named(notes[0].message.replaceAll(inside, ""), notes[0].code);
    }
    for (const more of unpacked.problems.slice(1)) this.indexer.warn(named(more, "damaged-archive"));
    return problem === undefined ? undefined : named(problem, "damaged-archive");
  }

  /** Forgets the files of an archive that is gone, or is none any more. */
  async forgetMembers(path: string): Promise<void> {
    const unpacked = unpackedArchive(path);
    if (unpacked === undefined) return;
    const inside = unpacked.root + sep;
    for (const { path: inner } of unpackedArchives())
      if (inner.startsWith(inside)) await this.forgetMembers(inner);
    const members = [...this.indexer.leftAlone.paths(), ...this.indexer.files.paths()];
    await this.remove(members.filter((member) => member.startsWith(inside)));
    dropUnpacked(path);
  }

  private remove(members: readonly string[]): Promise<void> {
    return eachInTurns(members, MEMBERS_AT_ONCE, (member) => this.indexer.remove(member));
  }
}
