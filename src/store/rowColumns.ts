import type { Grouping } from "../formats/format";
import type { FileEntry } from "./fileEntry";
import { hash64 } from "./ids";
import { componentColumns, type ComponentSets } from "./componentSets";
import { Recorded, type CodedTexts, type PackedTexts, type SummaryBlock } from "./summaryBlock";
import type { AppendColumn, ColumnAppender } from "./vectors";

export function rowTypes({
  BIGINT,
  BOOLEAN,
  DOUBLE,
  INTEGER,
  LIST,
  UBIGINT,
  UTINYINT,
  VARCHAR,
}: Parameters<Parameters<typeof ColumnAppender.open>[2]>[0]): ReturnType<
  Parameters<typeof ColumnAppender.open>[2]
> {
  return [
    BIGINT,
    INTEGER,
    INTEGER,
    INTEGER,
    DOUBLE,
    DOUBLE,
    VARCHAR,
    VARCHAR,
    VARCHAR,
    UBIGINT,
    VARCHAR,
    DOUBLE,
    VARCHAR,
    VARCHAR,
    DOUBLE,
    BOOLEAN,
    BOOLEAN,
    VARCHAR,
    DOUBLE,
    INTEGER,
    DOUBLE,
    DOUBLE,
    UTINYINT,
    INTEGER,
    LIST(DOUBLE),
  ];
}

export function appendRows(
  appender: ColumnAppender,
  file: FileEntry,
  block: SummaryBlock,
  grouping: Grouping,
  baseRow: number,
  tno: bigint,
  sets: ComponentSets,
): void {
  const { count, flags } = block;
  const groups = groupNumbers(file, block, grouping, baseRow);
  const bit = (index: number, mask: number): boolean => ((flags[index] ?? 0) & mask) !== 0;
  const numbers = (data: Extract<AppendColumn, { kind: "numbers" }>["data"]): AppendColumn => ({
    kind: "numbers",
    data,
  });
  const flagged = (data: Float64Array | Uint8Array, mask: number): AppendColumn => {
    if (!anyFlag(flags, mask)) return { kind: "nulls" };
    return everyFlag(flags, mask)
      ? { kind: "numbers", data }
      : { kind: "numbers", data, isNull: (row) => !bit(row, mask) };
  };
  const packed = (texts: PackedTexts): AppendColumn =>
    texts.absent?.every((absent) => absent === 1) === true ? { kind: "nulls" } : { kind: "packed", texts };
  const coded = ({ texts: words, codes }: CodedTexts): AppendColumn => {
    const [only] = words;
    if (only === undefined) return { kind: "nulls" };
    if (words.length === 1 && codes.every((code) => code === 0)) return { kind: "constant", text: only };
    return { kind: "coded", texts: { texts: words, codes } };
  };
  const nulls = Uint8Array.from(
    flags,
    (bits) =>
      ((bits & Recorded.rewardNull) === 0 ? 0 : 1) |
      ((bits & Recorded.successNull) === 0 ? 0 : 2) |
      ((bits & Recorded.advantageNull) === 0 ? 0 : 4),
  );
  appender.append(
    [
      numbers(numbersFrom(tno, count)),
      numbers(new Int32Array(count).fill(file.fileNo)),
      numbers(block.row.map((row) => baseRow + row)),
      numbers(block.part),
      numbers(block.byteOffset),
      numbers(block.byteLength),
      packed(block.member),
      packed(block.ownId),
      coded(block.parentOwnId),
      grouping === "none" || !anyFlag(flags, Recorded.group)
        ? { kind: "nulls" }
        : {
            kind: "numbers",
            data: groups,
            ...(everyFlag(flags, Recorded.group)
              ? {}
              : { isNull: (row: number) => !bit(row, Recorded.group) }),
          },
      coded(block.groupGuess),
      flagged(block.trainingStep, Recorded.trainingStep),
      coded(block.split),
      coded(block.title),
      flagged(block.reward, Recorded.reward),
      flagged(
        Uint8Array.from(flags, (bits) => ((bits & Recorded.successTrue) === 0 ? 0 : 1)),
        Recorded.success,
      ),
      flagged(
        Uint8Array.from(flags, (bits) => ((bits & Recorded.truncatedTrue) === 0 ? 0 : 1)),
        Recorded.truncated,
      ),
      coded(block.stopReason),
      flagged(block.advantage, Recorded.advantage),
      numbers(block.stepCount),
      flagged(block.tokenCount, Recorded.tokenCount),
      flagged(block.responseCharacters, Recorded.responseCharacters),
      numbers(nulls),
      ...componentColumns(block, sets),
    ],
    count,
  );
}

/** `count` numbers from `first` on; their halves are written as 32-bit words, for big integers are slow. */
function numbersFrom(first: bigint, count: number): BigInt64Array {
  const numbers = new BigInt64Array(count);
  const words = new Uint32Array(numbers.buffer);
  let low = Number(first & 0xffffffffn);
  let high = Number(first >> 32n);
  for (let index = 0; index < count; index++) {
    words[2 * index] = low;
    words[2 * index + 1] = high;
    low = (low + 1) >>> 0;
    if (low === 0) high++;
  }
  return numbers;
}

export function appendSteps(appender: ColumnAppender, block: SummaryBlock, tno: bigint): void {
  const { steps } = block;
  if (steps === undefined) return;
  const unless = (data: Float64Array, bit: number): AppendColumn => ({
    kind: "numbers",
    data,
    isNull: (row) => ((steps.flags[row] ?? 0) & bit) === 0,
  });
  appender.append(
    [
      { kind: "numbers", data: BigInt64Array.from(steps.trajectory, (index) => tno + BigInt(index)) },
      { kind: "numbers", data: steps.step },
      unless(steps.reward, 1),
      unless(steps.value, 4),
      unless(steps.advantage, 16),
    ],
    steps.step.length,
  );
}

function everyFlag(flags: Uint32Array, mask: number): boolean {
  return flags.every((bits) => (bits & mask) !== 0);
}

function anyFlag(flags: Uint32Array, mask: number): boolean {
  return flags.some((bits) => (bits & mask) !== 0);
}

/** Group numbers of a block's trajectories, unique over all datasets. Carries the run of consecutive rows on in `file`. */
function groupNumbers(
  file: FileEntry,
  block: SummaryBlock,
  grouping: Grouping,
  baseRow: number,
): BigUint64Array {
  const numbers = new BigUint64Array(block.count);
  const datasetHash = hash64(file.datasetId);
  if (grouping === "key") {
    // Rows without a group hold 0 here and are written as NULL.
    const keys = new Uint32Array(block.group.buffer, block.group.byteOffset, 2 * block.count);
    const words = new Uint32Array(numbers.buffer);
    const [low, high] = new Uint32Array(BigUint64Array.of(datasetHash).buffer) as unknown as [number, number];
    for (let index = 0; index < words.length; index += 2) {
      words[index] = (keys[index] as number) ^ low;
      words[index + 1] = (keys[index + 1] as number) ^ high;
    }
    return numbers;
  }
  for (let index = 0; index < block.count; index++) {
    if (((block.flags[index] ?? 0) & Recorded.group) === 0 || grouping === "none") continue;
    const key = block.group[index] ?? 0n;
    const row = baseRow + (block.row[index] ?? 0);
    if (grouping === "record") numbers[index] = hash64(`${file.hash}:${row}`);
    else {
      if (file.lastGroup === undefined || file.lastGroupKey !== key)
        file.lastGroup = hash64(`${file.hash}:${row}`);
      file.lastGroupKey = key;
      numbers[index] = file.lastGroup;
    }
  }
  return numbers;
}
