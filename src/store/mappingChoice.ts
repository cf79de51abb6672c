import { basename } from "node:path";
import type { Format } from "../formats/format";
import { formatById } from "../formats/index";
import { mappingFormatId, mappingOfFormatId, type ColumnMapping } from "../model/columnMapping";
import type { Note } from "../model/trajectory";
import { mappingFor } from "./mappingGlobs";
import type { Probe } from "./probe";
import { shownPath } from "./unpacked";

/** Which of the user's mappings of columns holds for a file. */
export class MappingChoice {
  /** Undefined until somebody has said which there are. */
  private mappings: readonly ColumnMapping[] | undefined;
  /** Files that a mapping names and does not fit, with the mapping's format. */
  private readonly unfit = new Map<string, string>();

  use(mappings: readonly ColumnMapping[]): void {
    this.mappings = mappings;
  }

  /** The format that the user's mappings make for a file. */
  formatFor(path: string): Format | undefined {
    const mapping = this.mappings === undefined ? undefined : mappingFor(this.mappings, shownPath(path));
    return mapping === undefined ? undefined : formatById(mappingFormatId(mapping));
  }

  /** The format that a file was read with, if it is a mapping's and nobody has said which mappings there are. */
  formatKept(format: Format | undefined): Format | undefined {
    return this.mappings === undefined && format !== undefined && mappingOfFormatId(format.id) !== undefined
      ? format
      : undefined;
  }

  /** True when a file was read with a mapping that no longer holds, or without one that holds now. */
  hasChanged(path: string, now: string | undefined): boolean {
    if (this.mappings === undefined) return false;
    const wanted = this.formatFor(path)?.id;
    if (wanted === undefined) return now !== undefined && mappingOfFormatId(now) !== undefined;
    return now !== wanted && this.unfit.get(path) !== wanted;
  }

  /** Remembers whether a file has the columns of the mapping that names it. @returns what there is to say if it has none */
  noteFit(path: string, mapped: Format | undefined, found: Probe): Note | undefined {
    if (mapped === undefined || (found.kind === "readable" && found.format.id === mapped.id)) {
      this.unfit.delete(path);
      return undefined;
    }
    this.unfit.set(path, mapped.id);
    return {
      code: "unfit-mapping",
      message: `A mapping of columns names ${basename(path)}, but the file has none of its columns; it is read as if there were no mapping.`,
      where: path,
    };
  }
}
