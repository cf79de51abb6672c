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
  const message = error instanceof Error ? error.message : String(error);
  return { code: "internal", message, hint: "Look at the Trajectory Lens log for details." };
}
