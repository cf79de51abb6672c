/** Milliseconds that the cursor must rest before other views are told. */
const REST_MS = 60;

/** Tells other views where the cursor is once it rests: while a key is held, they do not follow every step. */
export class RestingCursor {
  private timer = 0;

  /** @param send undefined where there is nothing to tell; what waited is dropped then too */
  moved(send: (() => void) | undefined): void {
    clearTimeout(this.timer);
    if (send) this.timer = window.setTimeout(send, REST_MS);
  }
}
