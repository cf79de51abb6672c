import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { failureData } from "../../src/model/failure";
import { askServer } from "../../src/services/remote/http";

/** What the server says next; the last answer repeats. */
let answers: readonly { readonly status: number; readonly headers?: Record<string, string> }[];
let asked = 0;
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((_request, response) => {
    const { status, headers } = answers[Math.min(asked, answers.length - 1)]!;
    asked++;
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(
      JSON.stringify(status === 200 ? { ok: true } : { error: { message: "Rate limit reached" } }),
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat/completions`;
});
beforeEach(() => (asked = 0));
afterAll(() => new Promise((done) => server.close(done)));

const failure = async (signal?: AbortSignal) =>
  failureData(
    await askServer(url, {}, { signal }).then(
      () => new Error("it answered"),
      (error: unknown) => error,
    ),
  );

it("asks a server that limits the rate again when it says", async () => {
  answers = [
    { status: 429, headers: { "retry-after": "0" } },
    { status: 503, headers: { "retry-after": new Date(0).toUTCString() } },
    { status: 200 },
  ];
  expect(await askServer(url, {}, {})).toEqual({ ok: true });
  expect(asked).toBe(3);
});

it("gives up in one sentence after four times, or at once when the wait is longer than a minute", async () => {
  answers = [{ status: 429, headers: { "retry-after": "0" } }];
  const said = await failure();
  expect([said.code, asked]).toEqual(["server-busy", 4]);
  expect(said.message).toBe(`${url} takes no more requests now (429): Rate limit reached.`);
  asked = 0;
  answers = [{ status: 429, headers: { "retry-after": "3600" } }];
  expect((await failure()).code).toBe("server-busy");
  expect(asked).toBe(1);
});

it("does not wait for a server that only says it is broken, and can be cancelled while it waits", async () => {
  answers = [{ status: 503 }];
  expect((await failure()).code).toBe("server-refused");
  expect(asked).toBe(1);
  answers = [{ status: 429, headers: { "retry-after": "50" } }];
  const cancel = new AbortController();
  setTimeout(() => cancel.abort(), 100);
  const started = performance.now();
  expect((await failure(cancel.signal)).code).toBe("cancelled");
  expect(performance.now() - started).toBeLessThan(5_000);
});
