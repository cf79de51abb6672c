import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { TokenColumns } from "../model/trajectory";
import type { FileHead, Format, FormatRecord, RecordContext } from "./format";
import {
  float64,
  isList,
  isObject,
  recordedNumber,
  stemNumber,
  textOf,
  wholeNumber,
  without,
} from "./jsonFields";
import { promptLength, sharedAdvantage, stepsOfMask } from "./maskedTokens";

/** Names of the model for the export's arrays; arrays that are not listed keep their own names. */
const SERIES_NAMES: Readonly<Record<string, string>> = {
  advantages: "advantage",
  inference_logprobs: "logprob",
  trainer_logprobs: "trainer_logprob",
};
const NOT_SERIES = new Set(["token_ids", "position_ids", "loss_mask"]);

const SAME_PROMPT = "sequences of one training step whose prompt tokens are equal";

/** Half-open token range of one document inside a packed sequence. */
interface Document {
  readonly start: number;
  readonly end: number;
}

function rowOf(record: FormatRecord): JsonObject {
  if (record.kind !== "value" || !isObject(record.value) || !isList(record.value["token_ids"])) {
    throw new Failure(
      "missing-field",
      "The row has no list `token_ids`.",
      "Check that the file is a prime-rl token export.",
    );
  }
  return record.value;
}

/**
 * A new document starts where position_ids returns to 0. Padding is packed as documents of a single untrained token
 * at the end; those are left out.
 */
function documentsOf(row: JsonObject): readonly Document[] {
  const ids = row["token_ids"] as readonly JsonValue[];
  const positions = isList(row["position_ids"]) ? row["position_ids"] : [];
  const documents: Document[] = [];
  let start = 0;
  for (let index = 1; index <= ids.length; index++) {
    if (index < ids.length && positions[index] !== 0) continue;
    documents.push({ start, end: index });
    start = index;
  }
  const mask = maskOf(row);
  const isPadding = ({ start: from, end }: Document): boolean =>
    end - from === 1 && mask !== undefined && mask[from] === 0;
  let last = documents.length;
  while (last > 1 && isPadding(documents[last - 1] as Document)) last--;
  // One untrained token beside a longer document may be a document; a row of them is padding.
  return documents.length - last >= 2 ? documents.slice(0, last) : documents;
}

function maskOf(row: JsonObject): Uint8Array | undefined {
  const mask = row["loss_mask"];
  return isList(mask) ? Uint8Array.from(mask, (value) => (recordedNumber(value) === 1 ? 1 : 0)) : undefined;
}

function arraysOf(row: JsonObject): readonly (readonly [string, readonly JsonValue[]])[] {
  const length = (row["token_ids"] as readonly JsonValue[]).length;
  return Object.entries(row).flatMap(([key, value]) =>
    isList(value) && value.length === length && !NOT_SERIES.has(key) ? [[key, value] as const] : [],
  );
}

function tokensOf(row: JsonObject, document: Document): TokenColumns {
  const ids = row["token_ids"] as readonly JsonValue[];
  const mask = maskOf(row);
  const series: Record<string, Float64Array> = {};
  for (const [key, values] of arraysOf(row)) {
    if (values.every((value) => value === null || recordedNumber(value) !== undefined))
      series[SERIES_NAMES[key] ?? key] = float64(values.slice(document.start, document.end));
  }
  return {
    count: document.end - document.start,
    ids: Int32Array.from(ids.slice(document.start, document.end), Number),
    ...(mask === undefined ? {} : { mask: mask.slice(document.start, document.end) }),
    series,
  };
}

function titleOfTokens(row: JsonObject, tokens: TokenColumns): string {
  const prompt = promptLength(tokens);
  const env = textOf(row["env_name"]);
  return `${env === undefined ? "" : `${env}: `}${prompt} prompt tokens, ${tokens.count - prompt} more`;
}

function groupKeyOf(row: JsonObject, tokens: TokenColumns): string {
  return `${textOf(row["env_name"]) ?? ""}:${tokens.ids?.subarray(0, promptLength(tokens)).join(",") ?? ""}`;
}

function trainingStepOf(row: JsonObject, context: RecordContext): number | undefined {
  const folder = /(?:^|[/\\])step_(\d+)[/\\][^/\\]*$/.exec(context.path)?.[1];
  return wholeNumber(row["step"]) ?? (folder === undefined ? stemNumber(context.path) : Number(folder));
}

/** prime-rl's token exports: one line a packed sequence, every array aligned with all of its tokens. */
export const primeRlTokens: Format = {
  id: "prime-rl-tokens",
  title: "prime-rl token export",
  source: "PrimeIntellect-ai/prime-rl, token_exports/step_{N}/rank_{r}.jsonl",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "token",

  detect(head: FileHead) {
    const row = head.firstRecord;
    if (
      !isObject(row) ||
      !isList(row["token_ids"]) ||
      !isList(row["position_ids"]) ||
      !("inference_logprobs" in row)
    )
      return undefined;
    return {
      confidence: row["schema_version"] === 1 && "micro_step" in row ? 0.95 : 0.7,
      reason: "keys token_ids, position_ids, inference_logprobs",
    };
  },

  notes(head: FileHead) {
    if (head.siblings.includes("STABLE")) return [];
    return [
      {
        code: "unfinished-export",
        message: "The folder has no STABLE file yet: this step's token export may still be being written.",
        where: head.path,
      },
    ];
  },

  summarise(record, context) {
    const row = rowOf(record);
    const trainingStep = trainingStepOf(row, context);
    return documentsOf(row).map((document, part) => {
      const tokens = tokensOf(row, document);
      const advantage = sharedAdvantage(tokens);
      return {
        part,
        groupKey: groupKeyOf(row, tokens),
        groupGuess: SAME_PROMPT,
        ...(trainingStep === undefined ? {} : { trainingStep }),
        title: titleOfTokens(row, tokens),
        ...(advantage === undefined ? {} : { advantage }),
        stepCount: stepsOfMask(tokens).length,
        tokenCount: tokens.count,
        components: {},
      };
    });
  },

  read(record, place, context) {
    const row = rowOf(record);
    const documents = documentsOf(row);
    const document = documents[place.source.part];
    if (document === undefined)
      throw new Failure(
        "missing-part",
        `The packed sequence holds ${documents.length} documents, not ${place.source.part + 1}.`,
        "Refresh the Trajectories view.",
      );
    const tokens = tokensOf(row, document);
    const trainingStep = trainingStepOf(row, context);
    const advantage = sharedAdvantage(tokens);
    const arrays = new Set([...arraysOf(row).map(([key]) => key), ...NOT_SERIES, "step"]);
    return {
      ...place,
      format: "prime-rl-tokens",
      task: textOf(row["env_name"]) === undefined ? {} : { id: textOf(row["env_name"]) as string },
      ...(trainingStep === undefined ? {} : { trainingStep }),
      steps: stepsOfMask(tokens),
      tokens,
      outcome: { components: {} },
      ...(advantage === undefined ? {} : { advantage }),
      extra: without(row, arrays),
      notes: [
        { code: "guessed-group", message: `The group is guessed: ${SAME_PROMPT}.` },
        {
          code: "no-text",
          message:
            "A token export holds ids and numbers, no text and no reward: its steps are the runs of the loss mask.",
        },
        ...(documents.length > 1
          ? [
              {
                code: "packed-sequence",
                message: `One of ${documents.length} documents that were packed into one sequence, split where position_ids returns to 0.`,
              },
            ]
          : []),
      ],
    };
  },
};
