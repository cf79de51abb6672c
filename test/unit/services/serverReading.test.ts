import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ModelDeclaration } from "../../../src/model/modelDeclaration";
import type { Trajectory } from "../../../src/model/trajectory";
import { trajectoryHash } from "../../../src/services/contentHash";
import { READING_VERSIONS, remoteKey, serverReading } from "../../../src/services/remote/serverReading";

const trajectory: Trajectory = {
  id: "t",
  datasetId: "d",
  format: "verl",
  source: { path: "/f", row: 0, part: 0 },
  task: { prompt: "p" },
  steps: [{ index: 0, role: "assistant", action: "ab" }],
  outcome: { reward: 1, components: {} },
  extra: {},
  notes: [],
};
const url = "http://localhost:8000/v1";
const servers: readonly ModelDeclaration[] = [
  { url, kind: "policy-lm" },
  { url, kind: "embedding" },
  { url, kind: "scalar-reward", api: "vllm-score" },
  { url, kind: "scalar-reward", api: "vllm-classify" },
  { url, kind: "scalar-reward", api: "sglang-classify" },
  { url, kind: "process-reward", api: "vllm-pooling" },
  { url, kind: "value", api: "kserve" },
];

describe("what a server is asked for", () => {
  it("follows from its kind and that of the model", () => {
    expect(servers.map(serverReading)).toEqual([
      "completions",
      "embeddings",
      "score",
      "classify",
      "reward",
      "pooling",
      "kserve",
    ]);
    expect(serverReading({ url, kind: "scalar-reward" })).toBe("pooling");
  });

  it("is refused in words where such a server does not give such numbers", () => {
    expect(() => serverReading({ url, kind: "process-reward", api: "vllm-score" })).toThrow(
      `${url} is declared as process-reward, which a server with api vllm-score does not give (it gives scalar-reward).`,
    );
    expect(() => serverReading({ name: "pair", url, kind: "preference-pair" })).toThrow(
      "pair is declared as preference-pair, which a server with api openai does not give (it gives policy-lm, embedding).",
    );
    expect(() => serverReading({ api: "vscode", kind: "value" })).toThrow("does not give.");
  });
});

describe("the key of a server's numbers", () => {
  it("changes with the version of its own reading alone", () => {
    for (const raised of Object.keys(READING_VERSIONS) as (keyof typeof READING_VERSIONS)[]) {
      const versions = { ...READING_VERSIONS, [raised]: READING_VERSIONS[raised] + 1 };
      expect(
        servers
          .filter((one) => remoteKey(trajectory, one, versions) !== remoteKey(trajectory, one))
          .map(serverReading),
      ).toEqual([raised]);
    }
  });

  it("is not the one under which squashed outputs of /pooling were once kept", () => {
    for (const server of servers) {
      const before = createHash("sha256")
        .update(`${trajectoryHash(trajectory)}\nremote, echo checked\n${JSON.stringify(server)}`)
        .digest("hex");
      expect(remoteKey(trajectory, server)).not.toBe(before);
    }
  });

  it("depends on what changes numbers, not on names and prices", () => {
    const [server] = servers;
    const key = remoteKey(trajectory, server!);
    const same = { ...server, name: "policy", pricePerMillion: { input: 1, output: 2 } };
    expect(remoteKey(trajectory, same)).toBe(key);
    for (const other of [{ url: "http://localhost:8001/v1" }, { model: "m" }, { tokenizer: "/t" }])
      expect(remoteKey(trajectory, { ...server, ...other })).not.toBe(key);
  });
});
