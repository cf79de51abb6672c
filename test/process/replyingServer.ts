import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll } from "vitest";
import { failureData } from "../../src/model/failure";

interface Answer {
  readonly status?: number;
  readonly body: unknown;
}

/** A server that says what a test gives it, and keeps what it was asked. */
export class ReplyingServer {
  /** Bodies of the requests since the last reply was set. */
  asked: Record<string, unknown>[] = [];
  private reply: (path: string, body: Record<string, unknown>) => Answer = () => ({ status: 404, body: {} });
  private readonly server: Server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
    request.on("end", () => {
      const asked = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
      this.asked.push(asked);
      const { status = 200, body } = this.reply(request.url ?? "", asked);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    });
  });

  /** Runs while the tests of the file do. */
  constructor() {
    beforeAll(() => new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done)));
    afterAll(() => new Promise((done) => this.server.close(done)));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  answers(reply: (path: string, body: Record<string, unknown>) => Answer): void {
    this.asked = [];
    this.reply = reply;
  }

  says(body: unknown, status = 200): void {
    this.answers(() => ({ status, body }));
  }
}

/** The failure that a call ends with. */
export async function failed(promise: Promise<unknown>): Promise<ReturnType<typeof failureData>> {
  return failureData(
    await promise.then(
      () => new Error("it answered"),
      (error: unknown) => error,
    ),
  );
}
