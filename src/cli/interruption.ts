const controller = new AbortController();
let code: number | undefined;

/** Aborted when the user presses Ctrl-C or the command is asked to end. */
export const interruption: AbortSignal = controller.signal;

/** The exit code that shells expect of a command that was ended so; undefined while nobody did. */
export const interruptedCode = (): number | undefined => code;

/**
 * Lets the command end in order: what was computed is kept, child processes are ended, the terminal is left clean. A second
 * Ctrl-C does not wait for that.
 */
export function listenForInterruption(): void {
  for (const [name, number] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    process.on(name, () => {
      if (code !== undefined) process.exit(number);
      code = number;
      controller.abort();
    });
}
