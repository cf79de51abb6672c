import type { TrajectorySummary } from "../model/summary";
import { hash64 } from "./ids";

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
  readonly title: readonly string[];
  readonly ownId: readonly (string | null)[];
  readonly member: readonly (string | null)[];
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

class TextCoder {
  private readonly codeOf = new Map<string, number>();
  private readonly codes: number[] = [];
  add(text: string | undefined): void {
    if (text === undefined) {
      this.codes.push(-1);
      return;
    }
    let code = this.codeOf.get(text);
    if (code === undefined) {
      code = this.codeOf.size;
      this.codeOf.set(text, code);
    }
    this.codes.push(code);
  }
  done(): CodedTexts {
    return { texts: [...this.codeOf.keys()], codes: Int32Array.from(this.codes) };
  }
}

interface Placed {
  readonly row: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly summary: TrajectorySummary;
}

/** Collects summaries and packs them. */
export class SummaryBlockBuilder {
  private readonly placed: Placed[] = [];
  private readonly notes: BlockNote[] = [];
  private dropped = 0;
  private static readonly groupHashes = new Map<
    string,
    { readonly trainingStep: number | undefined; readonly hash: bigint }
  >();

  /** @param noteLimit notes beyond it are counted, not kept */
  constructor(private readonly noteLimit = 20) {}

  get count(): number {
    return this.placed.length;
  }

  add(row: number, byteOffset: number, byteLength: number, summaries: readonly TrajectorySummary[]): void {
    for (const summary of summaries) this.placed.push({ row, byteOffset, byteLength, summary });
  }

  note(note: BlockNote): void {
    if (this.notes.length < this.noteLimit) this.notes.push(note);
    else this.dropped++;
  }

  pack(records: number): SummaryBlock {
    const count = this.placed.length;
    const block = {
      count,
      records,
      row: new Int32Array(count),
      part: new Int32Array(count),
      byteOffset: new Float64Array(count),
      byteLength: new Float64Array(count),
      flags: new Uint32Array(count),
      reward: new Float64Array(count),
      advantage: new Float64Array(count),
      trainingStep: new Float64Array(count),
      stepCount: new Int32Array(count),
      tokenCount: new Float64Array(count),
      responseCharacters: new Float64Array(count),
      group: new BigUint64Array(count),
      title: new Array<string>(count),
      ownId: new Array<string | null>(count),
      member: new Array<string | null>(count),
    };
    const parentOwnId = new TextCoder();
    const split = new TextCoder();
    const stopReason = new TextCoder();
    const groupGuess = new TextCoder();
    const components = new Map<string, { values: Float64Array; state: Uint8Array }>();
    for (const [index, { row, byteOffset, byteLength, summary }] of this.placed.entries()) {
      block.row[index] = row;
      block.part[index] = summary.part;
      block.byteOffset[index] = byteOffset;
      block.byteLength[index] = byteLength;
      block.stepCount[index] = summary.stepCount;
      block.title[index] = summary.title;
      block.ownId[index] = summary.ownId ?? null;
      block.member[index] = summary.member ?? null;
      let flags = 0;
      if (summary.groupKey !== undefined) {
        flags |= Recorded.group;
        block.group[index] = SummaryBlockBuilder.groupHash(summary.trainingStep, summary.groupKey);
      }
      if (summary.trainingStep !== undefined) {
        flags |= Recorded.trainingStep;
        block.trainingStep[index] = summary.trainingStep;
      }
      if (summary.reward === null) flags |= Recorded.rewardNull;
      else if (summary.reward !== undefined) {
        flags |= Recorded.reward;
        block.reward[index] = summary.reward;
      }
      if (summary.success === null) flags |= Recorded.successNull;
      else if (summary.success !== undefined)
        flags |= Recorded.success | (summary.success ? Recorded.successTrue : 0);
      if (summary.truncated !== undefined)
        flags |= Recorded.truncated | (summary.truncated ? Recorded.truncatedTrue : 0);
      if (summary.advantage === null) flags |= Recorded.advantageNull;
      else if (summary.advantage !== undefined) {
        flags |= Recorded.advantage;
        block.advantage[index] = summary.advantage;
      }
      if (summary.tokenCount !== undefined) {
        flags |= Recorded.tokenCount;
        block.tokenCount[index] = summary.tokenCount;
      }
      if (summary.responseCharacters !== undefined) {
        flags |= Recorded.responseCharacters;
        block.responseCharacters[index] = summary.responseCharacters;
      }
      block.flags[index] = flags;
      parentOwnId.add(summary.parentOwnId);
      split.add(summary.split);
      stopReason.add(summary.stopReason);
      groupGuess.add(summary.groupGuess);
      for (const name in summary.components) {
        let column = components.get(name);
        if (column === undefined) {
          column = { values: new Float64Array(count), state: new Uint8Array(count) };
          components.set(name, column);
        }
        const value = summary.components[name];
        if (value === undefined) continue;
        column.state[index] = value === null ? 1 : 2;
        if (value !== null) column.values[index] = value;
      }
    }
    return {
      ...block,
      parentOwnId: parentOwnId.done(),
      split: split.done(),
      stopReason: stopReason.done(),
      groupGuess: groupGuess.done(),
      components: [...components].map(([name, column]) => ({ name, ...column })),
      steps: this.packSteps(),
      notes: this.notes,
      moreNotes: this.dropped,
    };
  }

  private packSteps(): StepBlock | undefined {
    let total = 0;
    for (const { summary } of this.placed) total += summary.steps?.length ?? 0;
    if (total === 0) return undefined;
    const steps = {
      trajectory: new Int32Array(total),
      step: new Int32Array(total),
      reward: new Float64Array(total),
      value: new Float64Array(total),
      advantage: new Float64Array(total),
      flags: new Uint8Array(total),
    };
    let at = 0;
    for (const [index, { summary }] of this.placed.entries()) {
      for (const step of summary.steps ?? []) {
        steps.trajectory[at] = index;
        steps.step[at] = step.index;
        let flags = 0;
        for (const [bit, name] of [
          [1, "reward"],
          [4, "value"],
          [16, "advantage"],
        ] as const) {
          const number = step[name];
          if (number === null) flags |= bit << 1;
          else if (number !== undefined) {
            flags |= bit;
            steps[name][at] = number;
          }
        }
        steps.flags[at++] = flags;
      }
    }
    return steps;
  }

  /** Members of a group share their key, often a long prompt, so the last keys' hashes are kept. */
  private static groupHash(trainingStep: number | undefined, key: string): bigint {
    const known = SummaryBlockBuilder.groupHashes.get(key);
    if (known !== undefined && known.trainingStep === trainingStep) return known.hash;
    const hash = hash64(`${trainingStep ?? ""}\n${key}`);
    if (SummaryBlockBuilder.groupHashes.size >= 256) SummaryBlockBuilder.groupHashes.clear();
    SummaryBlockBuilder.groupHashes.set(key, { trainingStep, hash });
    return hash;
  }
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
