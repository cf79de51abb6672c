import type { JsonObject } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, type TrajectoryDraft } from "./draft";
import type { FormatRecord } from "./format";
import { actionInText, actionText } from "./guiActions";
import { isList, isObject, textOf, without } from "./jsonFields";

interface Row {
  readonly row: JsonObject;
  /** What the file says of the row as a whole, such as "action type does not match". */
  readonly verdict?: string;
}

/** Rows of a list, or of the two lists of a file of errors. */
function rowsOf(record: FormatRecord): readonly Row[] {
  const value = record.kind === "value" ? record.value : null;
  if (isList(value)) return value.filter(isObject).map((row) => ({ row }));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    isObject(part)
      ? Object.entries(part).flatMap(([name, list]) =>
          name.endsWith("_details") && isList(list)
            ? list.filter(isObject).map((row) => ({ row, verdict: key }))
            : [],
        )
      : [],
  );
}

/** `episode_step`: the number behind the last underscore is the step. */
function placeOf(row: JsonObject): { readonly episode: string; readonly step: number } {
  const id = textOf(row["questionID"]) ?? "";
  const found = /^(.*)_(\d+)$/.exec(id);
  return found === null ? { episode: id, step: 0 } : { episode: found[1] ?? id, step: Number(found[2]) };
}

/** Predictions of UI-Genie on AndroidControl: predicted and true action of single steps, gathered by episode. */
export const uiGenie = draftedFormat({
  id: "ui-genie",
  title: "UI-Genie predictions",
  source: "Euphoria16/UI-Genie, androidcontrol_infer_acc/*/{example,*_badcase}.json",
  containers: ["json"],
  grouping: "none",
  nativeTree: false,
  wholeDocument: true,

  detect(head) {
    const document = head.firstRecord;
    const rows =
      document === undefined
        ? []
        : rowsOf({ kind: "value", value: head.array === true ? [document] : document });
    const first = rows[0]?.row;
    return first !== undefined && "questionID" in first && "answer" in first && "gt" in first
      ? { confidence: 0.95, reason: "questionID, answer and gt" }
      : undefined;
  },

  drafts(record) {
    const episodes = new Map<string, Row[]>();
    for (const entry of rowsOf(record)) {
      const { episode } = placeOf(entry.row);
      episodes.set(episode, [...(episodes.get(episode) ?? []), entry]);
    }
    return [...episodes].map(([episode, rows]): TrajectoryDraft => {
      const ordered = [...rows].sort((one, other) => placeOf(one.row).step - placeOf(other.row).step);
      return {
        ownId: episode,
        title: `episode ${episode}`,
        task: { id: episode },
        steps: ordered.map(({ row, verdict }, index): Step => {
          const predicted = actionInText(textOf(row["answer"]));
          const truth = actionInText(textOf(row["gt"]));
          return {
            index,
            role: "assistant",
            kind: "act",
            action: predicted ? actionText(predicted) : (textOf(row["answer"]) ?? ""),
            extra: {
              step: placeOf(row).step,
              ...(predicted ? { predicted_action: predicted } : {}),
              ...(truth ? { gt_action: truth } : {}),
              ...(verdict === undefined ? {} : { verdict }),
              ...without(row, new Set(["questionID", "answer", "gt"])),
            },
          };
        }),
        outcome: { components: {} },
        extra: {},
        notes: [
          {
            code: "single-steps",
            message:
              "Each step was predicted from the recorded state, not from the steps before it; steps that are not in the file are missing here.",
          },
        ],
      };
    });
  },
});
