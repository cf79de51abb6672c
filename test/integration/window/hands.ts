import * as vscode from "vscode";
import { Skipped } from "../runner";

/** A text, or a pattern that it matches. */
type Wanted = string | RegExp;

/** What a person does in the workbench; see scripts/hands.mjs and the class Workbench in scripts/workbench.mjs. */
interface Hands {
  /** Waits for a modal dialog. */
  dialog(wanted?: Wanted): Promise<{ readonly text: string; readonly buttons: readonly string[] }>;
  /** Presses a button of the modal dialog. */
  press(button: string): Promise<void>;
  /** Says whether no modal dialog stays or comes within so many milliseconds. */
  noDialog(quietMs: number): Promise<boolean>;
  pick(wanted: Wanted): Promise<void>;
  /** Chooses a file by its path in the file dialog of that title. */
  pickFile(title: Wanted, path: string): Promise<void>;
  /** Types into the open input box of that title and accepts it. */
  fill(title: Wanted, text: string): Promise<void>;
  /** Types into the open input box of that title until it says that this is wrong; the box stays. */
  inputProblem(title: Wanted, text: string, wanted: Wanted): Promise<string>;
  notification(wanted: Wanted): Promise<string>;
  notifications(): Promise<readonly string[]>;
  pressNotification(wanted: Wanted, button: string): Promise<void>;
  /** Cancels the progress whose notification matches. */
  cancelProgress(wanted: Wanted): Promise<void>;
  screenshot(name: string): Promise<string | undefined>;
  statusBar(): Promise<string>;
}

/** @throws Skipped where nothing drives the window, as in a desktop VS Code */
export function hands(): Hands {
  const url = process.env["TRAJECTORY_LENS_HANDS"];
  if (url === undefined) throw new Skipped("nothing drives the workbench here");
  const plain = (argument: unknown): unknown =>
    argument instanceof RegExp ? { pattern: argument.source, flags: argument.flags } : argument;
  return new Proxy({} as Hands, {
    get:
      (_target, method) =>
      async (...args: readonly unknown[]): Promise<unknown> => {
        // A window whose page may name an extension pops no notifications up; they are listed all the same.
        if (/notification|progress/i.test(String(method)))
          await vscode.commands.executeCommand("notifications.showList");
        const response = await fetch(url, {
          method: "POST",
          body: JSON.stringify({ method, args: args.map(plain) }),
        });
        const { value, error } = (await response.json()) as { value?: unknown; error?: string };
        if (error !== undefined) throw new Error(error);
        return value;
      },
  });
}
