import { failureData } from "../model/failure";
import type { Unsubscribe } from "./services";

/** Listeners of one kind of news. One that throws is logged and does not keep the others from hearing. */
export class Listeners<T> {
  private readonly listeners = new Set<(news: T) => void>();

  constructor(private readonly log: (level: "error", message: string) => void) {}

  add(listener: (news: T) => void): Unsubscribe {
    this.listeners.add(listener);
    return { dispose: () => void this.listeners.delete(listener) };
  }

  tell(news: T): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(news);
      } catch (error) {
        this.log("error", `A listener failed: ${failureData(error).message}`);
      }
    }
  }
}
