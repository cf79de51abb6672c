import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { LoadedModel } from "./loadedModel";

/** The logits output of a language model. @throws Failure when there is none of the right shape */
export function logitsOutput(model: LoadedModel): { name: string; vocabulary: number | undefined } {
  const spec = model.session.output("logits") ?? model.session.outputs[0];
  if (!spec || spec.shape.length !== 3) {
    throw new Failure(
      "model-does-not-fit",
      `A language model returns logits [batch, sequence, vocabulary]; ${model.files.name} returns ${spec ? `${spec.name} [${spec.shape.join(", ")}]` : "nothing"}.`,
      "Export the model with its language-model head.",
    );
  }
  const last = spec.shape[2];
  return { name: spec.name, vocabulary: typeof last === "number" ? last : model.files.config?.vocab_size };
}

/** @throws Failure `bad-output` when there are not logits for every token of every row */
export function checkLogits(logits: Tensor, rows: number, width: number): void {
  const [batch, length] = logits.dims;
  if (logits.dims.length !== 3 || batch !== rows || length !== width) {
    throw new Failure(
      "bad-output",
      `The model returned logits of shape [${logits.dims.join(", ")}]; expected [${rows}, ${width}, vocabulary].`,
      "Export the model so that it returns logits for every token.",
    );
  }
}
