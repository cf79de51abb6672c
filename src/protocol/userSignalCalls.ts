/** What a user's own signal file declares. `compute` stays in the child that loaded it. */
export interface UserSignalDeclaration {
  /** The file's own id behind `user-`. */
  readonly id: string;
  readonly title: string;
  readonly level: "token" | "step" | "trajectory" | "group" | "dataset";
  readonly unit: string;
  readonly signed: boolean;
  readonly needs: readonly string[];
  readonly parameters: readonly unknown[];
  readonly presets: readonly unknown[];
  readonly source: string;
  readonly description: string;
  /** Absolute path of the file. */
  readonly path: string;
}

/** Calls that the process of user-defined signals answers. It runs the user's code: only where the workspace is trusted. */
export type UserSignalCalls = {
  /** Imports a file and says which signals it exports. */
  load: { params: { path: string }; result: { signals: readonly UserSignalDeclaration[] } };
  /** One signal on one trajectory; the file is imported anew when it has changed. */
  compute: {
    params: { path: string; id: string; context: unknown; parameters: Readonly<Record<string, unknown>> };
    result: unknown;
  };
};
