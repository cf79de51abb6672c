import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat } from "./draft";
import { marksOf, picture } from "./guiActions";
import { isList, isObject, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { messageList, messageSteps } from "./messages";

const MAPPED = new Set(["messages", "image", "images", "image_sizes", "solution", "bbox"]);

function parsed(text: string | undefined): readonly JsonObject[] {
  try {
    const value = JSON.parse(text ?? "") as JsonValue;
    return (isList(value) ? value : [value]).filter(isObject);
  } catch {
    return [];
  }
}

/** Training rows of BTL-UI: a screen, the conversation, and the true action with its box. */
export const btlUi = draftedFormat({
  id: "btl-ui",
  title: "BTL-UI training rows",
  source: "xiaomi-research/btl-ui, examples/*_meta_format.json",
  containers: ["json", "jsonl"],
  grouping: "none",
  needs: [["messages", "solution"]],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) &&
      isList(row["messages"]) &&
      typeof row["solution"] === "string" &&
      "bbox" in row &&
      "image_sizes" in row
      ? { confidence: 0.95, reason: "messages, solution, bbox and image_sizes" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const listed = isList(row["images"]) ? row["images"] : isList(row["image"]) ? row["image"] : [];
    const paths = listed.flatMap((path) => (typeof path === "string" ? [path] : []));
    const sizes = isList(row["image_sizes"]) ? row["image_sizes"] : [];
    const messages = messageSteps(messageList(row["messages"]) ?? [], 0);
    const truth = parsed(textOf(row["solution"])).map((entry) =>
      isObject(entry["Action"]) ? entry["Action"] : entry,
    );
    const marks = [
      ...truth.flatMap((action) => marksOf(action, "truth")),
      ...marksOf({ bbox: row["bbox"] ?? null, action: "target" }, "truth"),
    ];
    const last = paths.length - 1;
    const media = paths.map((path, index) => {
      const size = sizes[index];
      const [width, height] = (isList(size) ? size : []).map(recordedNumber);
      return picture(
        path,
        // The action is on the newest screen.
        index === last ? marks : [],
        typeof width === "number" && typeof height === "number" ? { width, height } : undefined,
      );
    });
    const users = messages.map((step) => step.role).lastIndexOf("user");
    const steps: Step[] = messages.map((step, index) =>
      index === users && media.length > 0 ? { ...step, media } : step,
    );
    steps.push({
      index: steps.length,
      role: "assistant",
      kind: "answer",
      action: textOf(row["solution"]) ?? "",
      extra: { truth: truth, bbox: row["bbox"] ?? null },
    });
    const prompt =
      /## User Instruction\s*\n([^\n]+)/.exec(messages[users]?.observation ?? "")?.[1] ??
      messages[users]?.observation ??
      "";
    return [
      {
        title: titleOf(prompt),
        task: { prompt },
        steps,
        outcome: { components: {} },
        extra: without(row, MAPPED),
        notes: [
          { code: "truth", message: "The last step is the true action of the data, not a policy's answer." },
        ],
      },
    ];
  },
});
