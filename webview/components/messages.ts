import { decodeNumbers } from "../../src/protocol/wireNumbers";

/** What VS Code gives to a webview. */
interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** A typed line to the extension host. `State` is where the user is (cursor, sizes, open panels), never data. */
export interface Channel<From, State extends object> {
  post(message: From): void;
  readonly state: Readonly<Partial<State>>;
  /** Merges into the state that VS Code keeps for this editor. */
  keep(part: Partial<State>): void;
}

/**
 * Opens the line to the host.
 * @param receive called for every message that has a `type`; anything else is ignored
 */
export function connect<To extends { readonly type: string }, From, State extends object>(
  receive: (message: To) => void,
): Channel<From, State> {
  const api = acquireVsCodeApi();
  let state = (api.getState() ?? {}) as Partial<State>;
  window.addEventListener("message", (event: MessageEvent<unknown>) => {
    const data = event.data;
    if (typeof data === "object" && data !== null && typeof (data as { type?: unknown }).type === "string") {
      receive(decodeNumbers(data as To));
    }
  });
  return {
    post: (message) => api.postMessage(message),
    get state() {
      return state;
    },
    keep: (part) => {
      state = { ...state, ...part };
      api.setState(state);
    },
  };
}

/** Numbers requests of one kind and tells whether an answer belongs to the newest. */
export class NewestWins {
  private newest = 0;

  next(): number {
    return ++this.newest;
  }

  accepts(id: number): boolean {
    return id === this.newest;
  }
}
