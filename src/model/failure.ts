/** An error that a user reads: a stable code, one sentence (what, where), and what to do. */
export class Failure extends Error {
  /** Bundles that are loaded later carry this class a second time: what is one of them is one here. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === "Failure" && "code" in value && "hint" in value;
  }

  /**
   * @param code stable, kebab-case, e.g. `unknown-format`
   * @param message one sentence saying what is wrong and where
   * @param hint one sentence saying what to do
   */
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = "Failure";
  }

  /** The failure as data, for messages between processes and for `--json`. */
  toData(): FailureData {
    return { code: this.code, message: this.message, hint: this.hint };
  }
}

export interface FailureData {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Turns anything thrown into data that a user can read; unknown errors keep their message and lose their stack. */
export function failureData(error: unknown): FailureData {
  if (error instanceof Failure) return error.toData();
  const refused = refusedByTheSystem(error);
  if (refused !== undefined) return refused;
  const message = error instanceof Error ? error.message : String(error);
  return { code: "internal", message, hint: "Look at the Trajectory Lens log for details." };
}

/** What file systems refuse with, in words: why, and what to do. */
const REFUSALS: Readonly<Partial<Record<string, readonly [string, string]>>> = {
  EACCES: ["you have no permission to read it", "Change its permissions, or open a copy."],
  EPERM: ["the system does not allow it", "Change its permissions, or open a copy."],
  ELOOP: ["its links lead round in circles", "Give the file that they were meant to lead to."],
  ENAMETOOLONG: ["its name is too long", "Give it a shorter one."],
  EIO: ["its disk cannot be read", "Copy the file to another disk, and check this one."],
  ESTALE: [
    "the server that holds it has lost sight of it",
    "Mount its folder again, or wait for the server.",
  ],
  EMFILE: ["too many files are open", "Close some, or raise the limit of open files."],
};

/** An error of the file system that names the file, as a sentence. */
function refusedByTheSystem(error: unknown): FailureData | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("path" in error)) return undefined;
  const { code, path } = error as { readonly code: unknown; readonly path: unknown };
  const [why, hint] = REFUSALS[String(code)] ?? [];
  if (typeof path !== "string" || why === undefined || hint === undefined) return undefined;
  return { code: "unreadable-file", message: `${path} cannot be read: ${why}.`, hint };
}
