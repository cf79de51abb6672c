import { describe, expect, it } from "vitest";
import { kserveSeries } from "../../src/services/remote/kserve";
import { episode } from "./inferenceClient";
import { failed, ReplyingServer } from "./replyingServer";

const server = new ReplyingServer();

describe("KServe v2", () => {
  const tensor = (name: string, datatype: string, shape = [-1, 2]) => ({ name, datatype, shape });
  /** A server that counts from 1 as many rows as it is given. */
  const counts = (name: string, inputs: readonly object[]): void => {
    server.answers((path, body) => {
      const rows = (body["inputs"] as { shape: number[] }[] | undefined)?.[0]?.shape[0] ?? 0;
      const data = Array.from({ length: rows }, (_, row) => [row + 1]);
      return {
        body: path.endsWith("/infer")
          ? {
              model_name: "m",
              model_version: "1",
              outputs: [{ name, shape: [rows, 1], datatype: "FP32", data }],
            }
          : {
              name: "m",
              versions: ["1"],
              platform: "onnx_onnxv1",
              inputs,
              outputs: [tensor(name, "FP32", [-1, 1])],
            },
      };
    });
  };
  const score = (kind: "value" | "transition-reward", rows: readonly (readonly number[])[]) =>
    kserveSeries(
      { url: server.url, api: "kserve", kind, model: "m" },
      "m",
      episode("e", rows, [[7], [8]]),
      () => Promise.reject(new Error("an episode is no text")),
      {},
    );

  it("gets truth values as such, and never what JSON cannot say", async () => {
    counts("value", [tensor("observation", "BOOL")]);
    const series = await score("value", [
      [0, 1],
      [1, 0],
      [0, 0],
    ]);
    expect(series.map(({ name, values }) => [name, ...values])).toEqual([
      ["value", 1, 2],
      ["bootstrap_value", 3],
    ]);
    expect(server.asked[1]).toEqual({
      inputs: [
        {
          name: "observation",
          datatype: "BOOL",
          shape: [3, 2],
          data: [false, true, true, false, false, false],
        },
      ],
      outputs: [{ name: "value" }],
    });
    const failure = await failed(
      score("value", [
        [0, NaN],
        [1, 0],
        [0, 0],
      ]),
    );
    expect(failure).toMatchObject({ code: "bad-numbers" });
    expect(failure.message).toContain("observation");
  });

  it("gets each input by its name: the next observation is the next one, and an unknown one is refused", async () => {
    const inputs = [
      tensor("obs", "FP32"),
      tensor("action", "FP32", [-1, 1]),
      tensor("next_obs", "FP32", [-1, 1, 2]),
      tensor("done", "FP32", [-1, 1]),
    ];
    counts("reward", inputs);
    const rows = [
      [0, 1],
      [2, 3],
      [4, 5],
    ];
    const [series] = await score("transition-reward", rows);
    expect([series!.name, ...series!.values]).toEqual(["reward", 1, 2]);
    const sent = (server.asked[1]!["inputs"] as { name: string; shape: number[]; data: number[] }[]).map(
      ({ name, shape, data }) => [name, shape, data],
    );
    expect(sent).toEqual([
      ["obs", [2, 2], [0, 1, 2, 3]],
      ["action", [2, 1], [7, 8]],
      ["next_obs", [2, 1, 2], [2, 3, 4, 5]],
      ["done", [2, 1], [0, 0]],
    ]);
    // Without the state after the last step its transition has no reward.
    expect([...(await score("transition-reward", rows.slice(0, 2)))[0]!.values]).toEqual([1, NaN]);
    counts("reward", [tensor("obs", "FP32"), tensor("weather", "FP32")]);
    expect((await failed(score("transition-reward", rows))).message).toContain(
      "takes weather FP32 [free, 2]",
    );
    counts("value", [tensor("obs", "FP32", [-1, 3])]);
    expect(await failed(score("value", rows))).toMatchObject({ code: "shape-mismatch" });
    // The only input is the observation, whatever it is called.
    counts("value", [tensor("INPUT__0", "FP32")]);
    expect((await score("value", rows))[0]!.values.length).toBe(2);
  });
});
