import { setTimeout } from "node:timers/promises";
import { Failure } from "../../model/failure";

/** Bytes of a reply that are read; log-probabilities of a long text stay far below. */
const MOST_BYTES = 512 * 2 ** 20;
const TIMEOUT_MS = 300_000;

export interface HttpOptions {
  /** Sent as a bearer token; never logged, never part of a message. */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** The address of an endpoint below a base address, which may or may not end in a slash. */
export const endpoint = (base: string, path: string): string => `${base.replace(/\/+$/, "")}/${path}`;

/** Base address without `/v1`: vLLM serves some endpoints beside it. */
export const serverRoot = (base: string): string => base.replace(/\/+$/, "").replace(/\/v1$/, "");

/** What a server says about an error: OpenAI's `error.message`, FastAPI's `detail` (a text, or a list of what does not fit), KServe's `error`. */
function serverMessage(text: string): string {
  try {
    const json = JSON.parse(text) as { error?: unknown; detail?: unknown; message?: unknown };
    for (const part of [json.error, json.detail, json.message]) {
      if (typeof part === "string") return part;
      if (Array.isArray(part))
        return part.map((one: { msg?: unknown }) => String(one.msg ?? JSON.stringify(one))).join("; ");
      if (typeof part === "object" && part !== null && "message" in part)
        return String((part as { message: unknown }).message);
    }
  } catch {
    // Plain text is what it is.
  }
  return text;
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim().slice(0, 300);

/** Times that a server which has too much to do is asked, and how long one wait between them may be. */
const ATTEMPTS = 4;
const MOST_WAIT_MS = 60_000;

/** How long a busy server asks to wait: its Retry-After in seconds or as a date; undefined where it does not say. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter?: number;
}

/**
 * Asks a server that the user named. One that says it has too much to do (429, or 503 with Retry-After) is asked again
 * after the time that it names, else after 1, 2 and 4 seconds.
 * @param body sent as JSON; undefined = GET
 * @throws Failure `server-unreachable`, `server-refused` (with what it said), `server-busy`, `server-reply`, `server-timeout`
 *   or `cancelled`
 */
export async function askServer(url: string, body: unknown, options: HttpOptions): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    const answer = await exchange(url, body, options);
    const busy = answer.status === 429 || (answer.status === 503 && answer.retryAfter !== undefined);
    if (!busy) return contentsOf(url, answer);
    const wait = answer.retryAfter ?? 1000 * 2 ** (attempt - 1);
    if (attempt === ATTEMPTS || wait > MOST_WAIT_MS)
      throw new Failure(
        "server-busy",
        `${url} takes no more requests now (${answer.status}): ${oneLine(serverMessage(answer.text)) || "nothing more"}.`,
        "It limits how often or how much it is asked; start again later, only what is missing is asked then.",
      );
    try {
      await setTimeout(wait, undefined, options.signal ? { signal: options.signal } : {});
    } catch {
      throw new Failure("cancelled", "The request was cancelled.", "Start it again when you want it.");
    }
  }
}

/** One request. @throws Failure as {@link askServer}, but not for what the server answers */
async function exchange(url: string, body: unknown, options: HttpOptions): Promise<Answer> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal,
    });
    if (Number(response.headers.get("content-length") ?? 0) > MOST_BYTES)
      throw new Failure("server-reply", `The reply of ${url} is too large.`, "Ask for less at once.");
    const retryAfter = retryAfterMs(response.headers.get("retry-after"));
    return {
      status: response.status,
      text: await response.text(),
      ...(retryAfter === undefined ? {} : { retryAfter }),
    };
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (options.signal?.aborted)
      throw new Failure("cancelled", "The request was cancelled.", "Start it again when you want it.");
    if (timeout.aborted)
      throw new Failure(
        "server-timeout",
        `${url} gave no answer within ${(options.timeoutMs ?? TIMEOUT_MS) / 1000} s.`,
        "Look whether the server is busy.",
      );
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const why = cause instanceof Error ? cause.message || (cause as { code?: string }).code : String(cause);
    throw new Failure(
      "server-unreachable",
      `${url} cannot be reached: ${oneLine(why ?? "no reason given")}.`,
      "Start the server, or correct its address in trajectoryLens.models.",
    );
  }
}

/** What a server answered, read as JSON. @throws Failure `server-refused` or `server-reply` */
function contentsOf(url: string, { status, text }: Answer): unknown {
  if (status >= 400) {
    throw new Failure(
      "server-refused",
      `${url} answered ${status}: ${oneLine(serverMessage(text)) || "nothing more"}.`,
      status === 401 || status === 403
        ? "Set the server's key with the command Set Server Key."
        : status === 404
          ? "The server may not have this endpoint, or the model has another name there."
          : "Correct the request, or look at the server's log.",
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Failure(
      "server-reply",
      `${url} answered with something that is not JSON: ${oneLine(text).slice(0, 80)}.`,
      "Check the address and the kind of server (api).",
    );
  }
}
