/** Bits of `SummaryBlock.flags`: what the file records, so that null, absent and a value stay apart. */
export const Recorded = {
  group: 1,
  trainingStep: 1 << 1,
  reward: 1 << 2,
  rewardNull: 1 << 3,
  success: 1 << 4,
  successNull: 1 << 5,
  successTrue: 1 << 6,
  truncated: 1 << 7,
  truncatedTrue: 1 << 8,
  advantage: 1 << 9,
  advantageNull: 1 << 10,
  tokenCount: 1 << 11,
  responseCharacters: 1 << 12,
} as const;

/** A column of few different texts: `codes[i]` is an index into `texts`, -1 = absent. */
export interface CodedTexts {
  readonly texts: readonly string[];
  readonly codes: Int32Array;
}

/** A column of mostly different texts, one behind the other: one string goes from thread to thread faster than many. */
export interface PackedTexts {
  readonly text: string;
  /** Where each one ends in `text`, in UTF-16 units; it begins where the one before ended. */
  readonly ends: Int32Array;
  /** 1 where there is none; absent when all are there. */
  readonly absent?: Uint8Array;
}

/** A component by name; `state` per trajectory: 0 = no such field, 1 = null, 2 = a number. */
export interface ComponentColumn {
  readonly name: string;
  readonly values: Float64Array;
  readonly state: Uint8Array;
}

/** A record that could not be read, by its place in the block. */
export interface BlockNote {
  readonly row: number;
  readonly code: string;
  /** Why, as half a sentence. */
  readonly reason: string;
}

/** Numbers per step of trajectories that record them, flattened; NaN = absent, see `nulls`. */
export interface StepBlock {
  readonly trajectory: Int32Array;
  readonly step: Int32Array;
  readonly reward: Float64Array;
  readonly value: Float64Array;
  readonly advantage: Float64Array;
  /** Bits: 1 reward recorded, 2 reward null, 4 value recorded, 8 value null, 16 advantage recorded, 32 advantage null. */
  readonly flags: Uint8Array;
}

/** Summaries of a run of records as columns: cheap to hand from a worker thread, and free of text but for the titles. */
export interface SummaryBlock {
  readonly count: number;
  /** Records that were passed, those that did not fit included; rows are numbered from the block's own 0. */
  readonly records: number;
  readonly row: Int32Array;
  readonly part: Int32Array;
  readonly byteOffset: Float64Array;
  readonly byteLength: Float64Array;
  readonly flags: Uint32Array;
  readonly reward: Float64Array;
  readonly advantage: Float64Array;
  readonly trainingStep: Float64Array;
  readonly stepCount: Int32Array;
  readonly tokenCount: Float64Array;
  readonly responseCharacters: Float64Array;
  /** Hash of (training step, group key). */
  readonly group: BigUint64Array;
  readonly title: CodedTexts;
  readonly ownId: PackedTexts;
  readonly member: PackedTexts;
  readonly parentOwnId: CodedTexts;
  readonly split: CodedTexts;
  readonly stopReason: CodedTexts;
  readonly groupGuess: CodedTexts;
  readonly components: readonly ComponentColumn[];
  readonly steps: StepBlock | undefined;
  readonly notes: readonly BlockNote[];
  /** Further records that could not be read, beyond those in `notes`. */
  readonly moreNotes: number;
}

/** The buffers of a block, to be transferred rather than copied between threads. */
export function buffersOf(block: SummaryBlock): ArrayBuffer[] {
  const arrays: ArrayBufferView[] = [
    block.row,
    block.part,
    block.byteOffset,
    block.byteLength,
    block.flags,
    block.reward,
    block.advantage,
    block.trainingStep,
    block.stepCount,
    block.tokenCount,
    block.responseCharacters,
    block.group,
    block.title.codes,
    block.ownId.ends,
    block.member.ends,
    ...[block.ownId.absent, block.member.absent].filter((array) => array !== undefined),
    block.parentOwnId.codes,
    block.split.codes,
    block.stopReason.codes,
    block.groupGuess.codes,
    ...block.components.flatMap((column) => [column.values, column.state]),
    ...(block.steps === undefined
      ? []
      : Object.values(block.steps as unknown as Record<string, ArrayBufferView>)),
  ];
  return arrays.map((array) => array.buffer as ArrayBuffer);
}
