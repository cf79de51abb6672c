/** Lets one piece of work at a time be done on each file; what comes while another is under way waits for it. */
export class FileQueues {
  private readonly busy = new Map<string, Promise<unknown>>();

  /** @param work told whether it had to wait, so that what was known of the file before may be old */
  run(path: string, work: (waited: boolean) => Promise<void>): Promise<void> {
    const before = this.busy.get(path);
    const done = before === undefined ? work(false) : before.then(() => work(true));
    const settled = done
      .catch(() => undefined)
      .then(() => {
        if (this.busy.get(path) === settled) this.busy.delete(path);
      });
    this.busy.set(path, settled);
    return done;
  }
}
