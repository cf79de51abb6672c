import { describe, expect, it } from "vitest";
import { kindOf, type KindEvidence } from "../../../src/inference/modelKind";

const spec = (name: string, shape: readonly (number | string)[], type = "float32") => ({ name, type, shape });
const ids = [
  spec("input_ids", ["batch", "sequence"], "int64"),
  spec("attention_mask", ["batch", "sequence"], "int64"),
];
const evidence = (part: Partial<KindEvidence>): KindEvidence => ({
  config: undefined,
  metadata: {},
  inputs: ids,
  outputs: [],
  ...part,
});

describe("kindOf", () => {
  it("believes what the exporter declares", () => {
    expect(kindOf(evidence({ config: { trajectory_lens: { kind: "process-reward" } } }))).toEqual({
      kind: "process-reward",
    });
    const control = [spec("observation", ["batch", 3]), spec("action", ["batch", 1])];
    expect(kindOf(evidence({ metadata: { kind: "reward" }, inputs: control }))).toEqual({
      kind: "transition-reward",
    });
    expect(kindOf(evidence({ metadata: { kind: "reward" } }))).toEqual({ kind: "scalar-reward" });
    expect(kindOf(evidence({ metadata: { kind: "policy_gaussian" }, inputs: control.slice(0, 1) }))).toEqual({
      kind: "policy-gaussian",
    });
    expect(kindOf(evidence({ metadata: { kind: "diffusion" } })).problem).toMatch(
      /declares the kind “diffusion”; known kinds are/,
    );
  });

  it("reads architectures", () => {
    const of = (architecture: string, labels?: number) =>
      kindOf(
        evidence({
          config: { architectures: [architecture], ...(labels === undefined ? {} : { num_labels: labels }) },
        }),
      ).kind;
    expect(of("LlamaForCausalLM")).toBe("policy-lm");
    expect(of("GPT2LMHeadModel")).toBe("policy-lm");
    expect(of("LlamaForSequenceClassification", 1)).toBe("scalar-reward");
    expect(of("Qwen2ForProcessRewardModel")).toBe("process-reward");
    expect(of("Qwen2ForTokenClassification", 2)).toBe("process-reward");
  });

  it("falls back on names and shapes", () => {
    const of = (outputs: KindEvidence["outputs"]) => kindOf(evidence({ outputs })).kind;
    expect(of([spec("logits", ["b", "s", 50_000])])).toBe("policy-lm");
    expect(of([spec("logits", ["b", "s", 2])])).toBe("process-reward");
    expect(of([spec("score", ["b", "s"])])).toBe("process-reward");
    expect(of([spec("reward", ["b", 1])])).toBe("scalar-reward");
    const control = (outputs: KindEvidence["outputs"], inputs = [spec("obs", ["b", 4])]) =>
      kindOf(evidence({ inputs, outputs })).kind;
    expect(control([spec("logits", ["b", 2])])).toBe("policy-discrete");
    expect(control([spec("mu", ["b", 2]), spec("log_std", ["b", 2])])).toBe("policy-gaussian");
    expect(control([spec("V", ["b"])])).toBe("value");
    expect(control([spec("reward", ["b"])], [spec("state", ["b", 4]), spec("action", ["b", 1])])).toBe(
      "transition-reward",
    );
    expect(control([spec("reward", ["b"])])).toBe("unknown");
  });

  it("tells models of pictures by their inputs and outputs", () => {
    const picture = spec("pixel_values", ["b", 3, 224, 224]);
    const kind = (
      outputs: KindEvidence["outputs"],
      inputs: KindEvidence["inputs"] = [picture],
      part: Partial<KindEvidence> = {},
    ): string => {
      const found = kindOf(evidence({ inputs, outputs, ...part }));
      return found.problem === undefined ? found.kind : `${found.kind}: ${found.problem}`;
    };
    expect(kind([spec("last_hidden_state", ["b", 197, 768]), spec("pooler_output", ["b", 768])])).toBe(
      "embedding",
    );
    expect(kind([spec("text_embeds", ["t", 512]), spec("image_embeds", ["b", 512])], [...ids, picture])).toBe(
      "embedding",
    );
    expect(
      kind(
        [spec("last_hidden_state", ["b", "n", 1024])],
        [spec("pixel_values_videos", ["b", 16, 3, 256, 256])],
      ),
    ).toBe("embedding");
    expect(kind([spec("reward", ["b"])])).toBe("video-reward");
    expect(kind([spec("score", ["b"])], [spec("frames", ["b", "t", 3, 64, 64])])).toBe("video-reward");
    expect(kind([spec("logits", ["b", 1])], [picture], { config: { num_labels: 1 } })).toBe("video-reward");
    // A classifier of many labels is no embedding unless it is declared to be one, whatever its input is called.
    expect(kind([spec("logits", ["b", 1000])])).toContain("unknown: ");
    const declared = { config: { trajectory_lens: { kind: "embedding" } } };
    expect(kind([spec("probabilities", ["b", 2])], [spec("x", ["b", 3, 48, 192])], declared)).toBe(
      "embedding",
    );
    expect(kind([spec("probabilities", ["b", 2])], [spec("x", ["b", 48])], declared)).toContain(
      "embedding: A embedding model takes",
    );
  });

  it("tells the two kinds of flow, and a decoder alone", () => {
    const kind = (inputs: KindEvidence["inputs"], outputs: KindEvidence["outputs"]) =>
      kindOf(evidence({ inputs, outputs }));
    const state = (name: string) => spec(name, ["n", 64]);
    expect(
      kind([state("x_t"), spec("t", ["n"]), state("condition"), spec("layer", ["n"])], [state("velocity")]),
    ).toEqual({ kind: "flow" });
    expect(kind([spec("observation", ["b", 2])], [spec("log_flow", ["b"])])).toEqual({ kind: "flow" });
    expect(kind([spec("latent", ["b", 8])], [spec("reconstruction", ["b", 64])]).problem).toMatch(
      /^It is a decoder alone/,
    );
  });

  it("says what it expected and what it found", () => {
    const { kind, problem } = kindOf(
      evidence({
        config: { architectures: ["LlamaForCausalLM"] },
        inputs: [...ids, spec("pixel_values", ["b", 3, 224, 224])],
      }),
    );
    expect(kind).toBe("policy-lm");
    expect(problem).toMatch(
      /A policy-lm model takes input_ids.*this one takes .*pixel_values float32 \[b, 3, 224, 224\]/,
    );
  });
});
