import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelDeclaration } from "../../src/model/modelDeclaration";
import { createServices } from "../../src/services/openServices";
import { EchoProbe } from "../../src/services/remote/echoProbe";
import { contradiction } from "../../src/services/remote/remoteText";
import type { Services } from "../../src/services/services";
import { fixture, reference } from "./inferenceClient";
import { ModelServer } from "./modelServer";

let shifted: ModelServer;
let correct: ModelServer;
let services: Services;
let ids: string[];
let declared: readonly ModelDeclaration[] = [];

beforeAll(async () => {
  const dist = resolve("dist");
  if (!existsSync(join(dist, "inference.js")))
    throw new Error("dist/inference.js is missing: run `node esbuild.mjs` first.");
  const data = mkdtempSync(join(tmpdir(), "lens-echo-"));
  const { prompt, response } = reference.text[0]!;
  writeFileSync(
    join(data, "1.jsonl"),
    [0, 1]
      .map((step) => `${JSON.stringify({ input: prompt, output: response.join(""), score: 1, step })}\n`)
      .join(""),
  );
  [shifted, correct] = await Promise.all([ModelServer.start({ shifted: true }), ModelServer.start()]);
  services = createServices({
    storageFolder: mkdtempSync(join(tmpdir(), "lens-echo-store-")),
    distFolder: dist,
    models: () => declared,
  });
  await services.datasets.index([data], { watch: false });
  ids = (await services.datasets.rows({ sort: "row" }, 0, 10)).rows.map((row) => row.id);
});

afterAll(async () => {
  await services.dispose();
  await Promise.all([shifted.close(), correct.close()]);
});

describe("a server's echoed log-probabilities", () => {
  it("are refused with one sentence where each token has the probability behind itself", async () => {
    const policy = fixture("tiny-policy");
    declared = [
      { name: "text", url: shifted.url, kind: "policy-lm" },
      { name: "ids", url: shifted.url, kind: "policy-lm", tokenizer: policy },
    ];
    for (const name of ["text", "ids"]) {
      const error = await services.scoring.score(ids, name, "auto").catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "server-logprobs" });
      expect((error as Error).message).toMatch(
        /^http:\S+ gives wrong log-probabilities of a text \(.+ when it is generated and .+ when it is echoed\), so .+vLLM.+ this machine\.$/,
      );
    }
    // One token generated and echoed, behind a text and behind token ids.
    expect(shifted.requests.length).toBe(4);
    expect((await services.scoring.test("text", "auto")).problem).toContain("wrong log-probabilities");
  });

  it("are used where they are those of the model, and asked about once", async () => {
    declared = [
      { name: "text", url: correct.url, kind: "policy-lm" },
      { name: "ids", url: correct.url, kind: "policy-lm", tokenizer: fixture("tiny-policy") },
    ];
    const own = await services.scoring.score(ids, fixture("tiny-policy"), "cpu");
    const reports = [
      await services.scoring.score(ids, "text", "auto"),
      await services.scoring.score(ids, "ids", "auto"),
    ];
    expect(reports.flatMap((report) => report.failures)).toEqual([]);
    for (const one of reports.flatMap((report) => report.series)) {
      const twin = own.series.find((s) => s.name === "logprob" && s.trajectoryId === one.trajectoryId)!;
      expect(one.values.length).toBe(twin.values.length);
      one.values.forEach((value, i) => {
        if (Number.isNaN(twin.values[i]!)) expect(value).toBeNaN();
        else expect(value).toBeCloseTo(twin.values[i]!, 5);
      });
    }
    expect(correct.requests.length).toBe(2 * (2 + ids.length));
  });
});

/** A server that has one answer for what it generates, and one for what it echoes. */
async function withAnswers<T>(
  generated: object,
  echoed: object,
  use: (url: string, asked: () => number) => Promise<T>,
): Promise<T> {
  let asked = 0;
  const server: Server = createServer((request, response) => {
    asked++;
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
    request.on("end", () => {
      const { echo } = JSON.parse(text) as { echo?: boolean };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ choices: [echo ? echoed : generated] }));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, () => asked);
  } finally {
    await new Promise((done) => server.close(done));
  }
}

const check = (url: string): Promise<unknown> =>
  new EchoProbe().check({ url, kind: "policy-lm" }, {}).then(
    () => "right",
    (error: unknown) => error,
  );

describe("the probe", () => {
  const generated = { logprobs: { tokens: [" Paris"], token_logprobs: [-0.25] } };
  const tokens = ["The", " capital", " of", " France", " is", " Paris", "."];

  it("says that the numbers are shifted where the values prove it", async () => {
    const echoed = {
      logprobs: {
        tokens,
        token_logprobs: [null, -8, -9, -7, -9, -12, -1],
        top_logprobs: [
          null,
          { " of": -0.5 },
          { " the": -1 },
          { " is": -1 },
          { " Paris": -0.25 },
          { ".": -1 },
          null,
        ],
      },
    };
    const error = await withAnswers(generated, echoed, check);
    expect(String(error)).toContain("it echoes with each token the probabilities of the token after it");
  });

  it("takes vLLM's prompt_logprobs by the token's own text, in whatever order the ids stand", async () => {
    const entry = (logprob: number) => ({
      "900": { logprob, rank: 1, decoded_token: " Paris" },
      "17": { logprob: -5, rank: 2, decoded_token: " a" },
    });
    const reply = (logprob: number) => ({ prompt_logprobs: [null, entry(logprob)] });
    expect(await withAnswers(generated, reply(-0.251), check)).toBe("right");
    expect(await withAnswers(generated, reply(-5), check)).toMatchObject({ code: "server-logprobs" });
  });

  it("refuses what it cannot find out, and asks an unreachable server again", async () => {
    const nothing = { logprobs: { tokens: [""], token_logprobs: [0] } };
    const error = await withAnswers(nothing, nothing, check);
    expect(error).toMatchObject({ code: "server-logprobs" });
    expect(String(error)).toContain("cannot be found out");
    const probe = new EchoProbe();
    const declaration: ModelDeclaration = { url: "http://127.0.0.1:9/v1", kind: "policy-lm" };
    for (let tries = 0; tries < 2; tries++)
      await expect(probe.check(declaration, {})).rejects.toMatchObject({ code: "server-unreachable" });
  });

  it("keeps its verdict", async () => {
    const echoed = { logprobs: { tokens, token_logprobs: [null, -1, -1, -1, -1, -0.2501, -1] } };
    await withAnswers(generated, echoed, async (url, asked) => {
      const probe = new EchoProbe();
      for (let tries = 0; tries < 3; tries++) await probe.check({ url, kind: "policy-lm" }, {});
      expect(asked()).toBe(2);
    });
  });
});

describe("echoed tokens", () => {
  const text = "<s>What is 2+2?";
  const spans = [0, 3, 7, 10, 12, 13].map((start, i, all) => ({ start, end: all[i + 1] ?? text.length }));

  it("are held to the text, whatever a server writes for spaces and bytes", () => {
    expect(contradiction(text, ["<s>", "What", " is", " 2", "+", "2?"], spans)).toBeUndefined();
    expect(contradiction(text, ["", "What", "\u2581is", "\u01202", "<0x2B>", "2?"], spans)).toBeUndefined();
  });

  it("are refused where the server left one out", () => {
    expect(contradiction(text, ["What", " is", " 2", "+", "2?", " 4"], spans)).toBe(0);
    expect(contradiction(text, ["<s>", "What", " 2", "+", "2?", " 4"], spans)).toBe(2);
  });
});
