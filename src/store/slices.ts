import { setImmediate as nextTurn } from "node:timers/promises";

/** Files are looked at for this long before anything else has its turn: answers and what is written wait for that. */
export const SLICE_MS = 8;

/**
 * Lets many pieces of work that never wait by themselves share the thread with the rest: after some time, all of them wait until
 * the rest had its turn.
 */
export class Slices {
  private began = performance.now();
  private rest: Promise<void> | undefined;

  /** @param ms how long the pieces of work have the thread for themselves */
  constructor(private readonly ms: number) {}

  /** Resolves when it is a piece's turn. */
  async turn(): Promise<void> {
    // Those that waited go on one after another, and the time may be over again before it is the last one's turn.
    while (performance.now() - this.began > this.ms) {
      this.rest ??= nextTurn().then(() => {
        this.began = performance.now();
        this.rest = undefined;
      });
      await this.rest;
    }
  }
}
