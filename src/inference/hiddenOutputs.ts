import { Failure } from "../model/failure";
import type { HiddenOutput } from "./causalOptions";
import type { LoadedModel } from "./loadedModel";
import { specText } from "./tensors";

/** `hidden_states.3`, `hidden_states_3`, `hidden_state.3` */
const NUMBERED = /^hidden_states?[._](\d+)$/;

/**
 * The outputs that hold the states after the wanted layers, as exporters name them: one output a layer
 * (`hidden_states.N`, 0 = the embedding layer), one stacked output `hidden_states` [layers, batch, sequence, width], or
 * `last_hidden_state` alone.
 * @param layers -1 stands for the last
 * @throws Failure `no-hidden-states` naming the layers that the export has
 */
export function hiddenOutputs(model: LoadedModel, layers: readonly number[]): readonly HiddenOutput[] {
  const { outputs } = model.session;
  const numbered = new Map<number, string>();
  for (const { name } of outputs) {
    const layer = NUMBERED.exec(name)?.[1];
    if (layer !== undefined) numbered.set(Number(layer), name);
  }
  const stack = outputs.find((spec) => spec.name === "hidden_states" && spec.shape.length === 4);
  const stacked = typeof stack?.shape[0] === "number" ? stack.shape[0] : undefined;
  const last = model.session.output("last_hidden_state");
  const count = model.files.config?.num_hidden_layers;
  const deepest =
    numbered.size > 0 ? Math.max(...numbered.keys()) : stacked !== undefined ? stacked - 1 : count;
  const have = [
    ...(numbered.size > 0 ? [`layers ${[...numbered.keys()].sort((a, b) => a - b).join(", ")}`] : []),
    ...(stack ? [specText(stack)] : []),
    ...(last ? ["last_hidden_state"] : []),
  ];
  return layers.map((wanted) => {
    const layer = wanted === -1 ? deepest : wanted;
    if (layer !== undefined && numbered.has(layer)) return { layer, output: numbered.get(layer)! };
    if (stack && layer !== undefined && layer >= 0 && (stacked === undefined || layer < stacked))
      return { layer, output: stack.name, stacked: layer };
    if (last && (wanted === -1 || (count !== undefined && wanted === count)))
      return { layer: layer ?? -1, output: last.name };
    throw new Failure(
      "no-hidden-states",
      `${model.files.name} was exported without the hidden states after layer ${wanted}; it has ${have.join("; ") || "none"}.`,
      "Export the model with outputs hidden_states.N, or choose one of its layers.",
    );
  });
}
