import type { PlainValue } from "../model/plain";
import { fieldsOf, isArray, isMap, isPlainList, isStub } from "./plainFields";
import { fieldsOrNone, isTokenBatch, tokenBatchFormat } from "./tokenBatch";

/** The last part of a stub's class name. */
function classOf(value: PlainValue): string {
  return isStub(value) ? (value.className.split(".").at(-1) ?? "") : "";
}

/** verl's DataProto, pickled: the tensors, lists with an entry a row, and what holds for the batch. RAGEN saves its too. */
export const verlDataProto = tokenBatchFormat({
  id: "verl-data-proto",
  title: "verl DataProto",
  source: "verl, DataProto.save_to_disk; RAGEN, val_rollouts.pkl",
  batch(value) {
    if (classOf(value) !== "DataProto" || !isStub(value)) return undefined;
    const fields = fieldsOf(value);
    const [batch, lists, meta] = isPlainList(value.state)
      ? value.state
      : [fields?.get("batch"), fields?.get("non_tensor_batch"), fields?.get("meta_info")];
    const tensors = fieldsOrNone(batch);
    const entries = fieldsOrNone(lists);
    if (tensors.size === 0 && entries.size === 0) return undefined;
    return {
      batch: { tensors, lists: entries, meta: fieldsOrNone(meta) },
      detection: { confidence: 0.95, reason: `a pickle of ${value.className}` },
    };
  },
});

/** SkyRL's TrainingInputBatch: a dict of padded tensors, with the rows' uids in its metadata. */
export const skyRlBatch = tokenBatchFormat({
  id: "skyrl-training-input",
  title: "SkyRL training batch",
  source: "NovaSky-AI/SkyRL, trainer.dump_data_batch, dumped_data/global_step_{N}_training_input.pkl",
  batch(value) {
    const name = classOf(value);
    if ((name !== "TrainingInputBatch" && name !== "TensorBatch") || !isStub(value)) return undefined;
    const state = isMap(value.state) ? fieldsOrNone(value.state) : new Map<string, PlainValue>();
    const held = fieldsOrNone(state.get("batch_dict"));
    const tensors = held.size > 0 ? held : fieldsOrNone(value.entries);
    if (!isTokenBatch(tensors)) return undefined;
    const meta = fieldsOrNone(state.get("metadata"));
    return {
      batch: { tensors, lists: new Map([...meta].filter(([, item]) => isPlainList(item))), meta },
      detection: { confidence: 0.95, reason: `a pickle of ${value.className}` },
    };
  },
});

/** OpenRLHF's Experience and other dicts of padded tensors of one batch. */
export const experienceBatch = tokenBatchFormat({
  id: "openrlhf-experience",
  title: "Experience batch",
  source:
    "OpenRLHF Experience, and any pickled dict of sequences, attention_mask and tensors of the same rows",
  batch(value) {
    const tensors = fieldsOf(value);
    if (tensors === undefined || !isTokenBatch(tensors)) return undefined;
    const names = [...tensors].filter(([, item]) => isArray(item)).map(([key]) => key);
    const lists = new Map(
      [...tensors].filter(
        ([name, item]) =>
          name !== "reward" && (isPlainList(item) || (isArray(item) && item.shape.length === 1)),
      ),
    );
    return {
      batch: { tensors, lists, meta: fieldsOrNone(tensors.get("info")) },
      detection: {
        confidence: classOf(value) === "Experience" || names.includes("sequences") ? 0.85 : 0.6,
        reason: `tensors ${names.slice(0, 5).join(", ")} with a row a sequence`,
      },
    };
  },
});
