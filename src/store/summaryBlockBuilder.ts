import type { StepSummary, TrajectorySummary } from "../model/summary";
import { hash64 } from "./ids";
import {
  Recorded,
  type BlockNote,
  type CodedTexts,
  type PackedTexts,
  type StepBlock,
  type SummaryBlock,
} from "./summaryBlock";

/** A column that grows. The numbers are kept outside the garbage collector's reach from the start. */
class Column<T extends Int32Array | Uint32Array | Float64Array | Uint8Array> {
  constructor(
    private readonly make: (size: number) => T,
    private values = make(256),
  ) {}

  set(index: number, value: number): void {
    if (index >= this.values.length) {
      const larger = this.make(Math.max(index + 1, 2 * this.values.length));
      larger.set(this.values);
      this.values = larger;
    }
    this.values[index] = value;
  }

  /** The first `count` values; what was never set is 0. */
  take(count: number): T {
    const taken = this.make(count);
    taken.set(this.values.subarray(0, count));
    return taken;
  }
}

const int32 = (): Column<Int32Array> => new Column((size) => new Int32Array(size));
const float64 = (): Column<Float64Array> => new Column((size) => new Float64Array(size));
const uint8 = (): Column<Uint8Array> => new Column((size) => new Uint8Array(size));

class TextColumn {
  private readonly codeOf = new Map<string, number>();
  private readonly codes = int32();

  add(index: number, text: string | undefined): void {
    let code = text === undefined ? -1 : this.codeOf.get(text);
    if (code === undefined) {
      code = this.codeOf.size;
      this.codeOf.set(text as string, code);
    }
    this.codes.set(index, code);
  }

  take(count: number): CodedTexts {
    return { texts: [...this.codeOf.keys()], codes: this.codes.take(count) };
  }
}

class PackedColumn {
  private readonly texts: string[] = [];
  private readonly ends = int32();
  private readonly absent = uint8();
  private length = 0;
  private present = 0;

  add(index: number, text: string | undefined): void {
    if (text === undefined) this.absent.set(index, 1);
    else {
      this.texts.push(text);
      this.length += text.length;
      this.present++;
    }
    this.ends.set(index, this.length);
  }

  take(count: number): PackedTexts {
    return {
      text: this.texts.join(""),
      ends: this.ends.take(count),
      ...(this.present === count ? {} : { absent: this.absent.take(count) }),
    };
  }
}

/** Members of a group share their key, often a long prompt, so the last keys' hashes are kept. */
const groupHashes = new Map<string, { readonly trainingStep: number | undefined; readonly hash: bigint }>();

let lastGroup:
  { readonly trainingStep: number | undefined; readonly key: string; readonly hash: bigint } | undefined;

function groupHash(trainingStep: number | undefined, key: string): bigint {
  // Comparing with the last key is cheaper than hashing a long one for the map.
  if (lastGroup?.trainingStep === trainingStep && lastGroup?.key === key) return lastGroup.hash;
  const hash = knownHash(trainingStep, key);
  lastGroup = { trainingStep, key, hash };
  return hash;
}

function knownHash(trainingStep: number | undefined, key: string): bigint {
  const known = groupHashes.get(key);
  if (known !== undefined && known.trainingStep === trainingStep) return known.hash;
  const hash = hash64(`${trainingStep ?? ""}\n${key}`);
  if (groupHashes.size >= 256) groupHashes.clear();
  groupHashes.set(key, { trainingStep, hash });
  return hash;
}

/** Turns summaries into the columns of a block, one by one, without holding on to them. */
export class SummaryBlockBuilder {
  private count = 0;
  private readonly row = int32();
  private readonly part = int32();
  private readonly byteOffset = float64();
  private readonly byteLength = float64();
  private readonly flags = new Column((size) => new Uint32Array(size));
  private readonly reward = float64();
  private readonly advantage = float64();
  private readonly trainingStep = float64();
  private readonly stepCount = int32();
  private readonly tokenCount = float64();
  private readonly responseCharacters = float64();
  private readonly group: bigint[] = [];
  private readonly title = new TextColumn();
  private readonly ownId = new PackedColumn();
  private readonly member = new PackedColumn();
  private readonly parentOwnId = new TextColumn();
  private readonly split = new TextColumn();
  private readonly stopReason = new TextColumn();
  private readonly groupGuess = new TextColumn();
  private readonly components = new Map<
    string,
    { readonly values: Column<Float64Array>; readonly state: Column<Uint8Array> }
  >();
  private readonly steps = new StepColumns();
  private readonly notes: BlockNote[] = [];
  private dropped = 0;

  /** @param noteLimit notes beyond it are counted, not kept */
  constructor(private readonly noteLimit = 20) {}

  note(note: BlockNote): void {
    if (this.notes.length < this.noteLimit) this.notes.push(note);
    else this.dropped++;
  }

  add(row: number, byteOffset: number, byteLength: number, summaries: readonly TrajectorySummary[]): void {
    for (const summary of summaries) {
      const index = this.count++;
      this.row.set(index, row);
      this.part.set(index, summary.part);
      this.byteOffset.set(index, byteOffset);
      this.byteLength.set(index, byteLength);
      this.stepCount.set(index, summary.stepCount);
      this.title.add(index, summary.title);
      this.ownId.add(index, summary.ownId);
      this.member.add(index, summary.member);
      this.group.push(
        summary.groupKey === undefined ? 0n : groupHash(summary.trainingStep, summary.groupKey),
      );
      this.parentOwnId.add(index, summary.parentOwnId);
      this.split.add(index, summary.split);
      this.stopReason.add(index, summary.stopReason);
      this.groupGuess.add(index, summary.groupGuess);
      this.flags.set(index, this.numbers(index, summary));
      this.addComponents(index, summary.components);
      if (summary.steps !== undefined) this.steps.add(index, summary.steps);
    }
  }

  /** Sets the numbers that may be missing. @returns the flags that say which are there */
  private numbers(index: number, summary: TrajectorySummary): number {
    let flags = summary.groupKey === undefined ? 0 : Recorded.group;
    const number = (column: Column<Float64Array>, value: number | undefined, bit: number): void => {
      if (value === undefined) return;
      column.set(index, value);
      flags |= bit;
    };
    number(this.trainingStep, summary.trainingStep, Recorded.trainingStep);
    number(this.tokenCount, summary.tokenCount, Recorded.tokenCount);
    number(this.responseCharacters, summary.responseCharacters, Recorded.responseCharacters);
    number(this.reward, summary.reward ?? undefined, Recorded.reward);
    number(this.advantage, summary.advantage ?? undefined, Recorded.advantage);
    if (summary.reward === null) flags |= Recorded.rewardNull;
    if (summary.advantage === null) flags |= Recorded.advantageNull;
    if (summary.success === null) flags |= Recorded.successNull;
    else if (summary.success !== undefined)
      flags |= Recorded.success | (summary.success ? Recorded.successTrue : 0);
    if (summary.truncated !== undefined)
      flags |= Recorded.truncated | (summary.truncated ? Recorded.truncatedTrue : 0);
    return flags;
  }

  private addComponents(index: number, components: Readonly<Record<string, number | null>>): void {
    for (const name in components) {
      const value = components[name];
      if (value === undefined) continue;
      let column = this.components.get(name);
      if (column === undefined) {
        column = { values: float64(), state: uint8() };
        this.components.set(name, column);
      }
      column.state.set(index, value === null ? 1 : 2);
      if (value !== null) column.values.set(index, value);
    }
  }

  /** @param records how many records were passed, those that did not fit included */
  pack(records: number): SummaryBlock {
    const { count } = this;
    return {
      count,
      records,
      row: this.row.take(count),
      part: this.part.take(count),
      byteOffset: this.byteOffset.take(count),
      byteLength: this.byteLength.take(count),
      flags: this.flags.take(count),
      reward: this.reward.take(count),
      advantage: this.advantage.take(count),
      trainingStep: this.trainingStep.take(count),
      stepCount: this.stepCount.take(count),
      tokenCount: this.tokenCount.take(count),
      responseCharacters: this.responseCharacters.take(count),
      group: BigUint64Array.from(this.group),
      title: this.title.take(count),
      ownId: this.ownId.take(count),
      member: this.member.take(count),
      parentOwnId: this.parentOwnId.take(count),
      split: this.split.take(count),
      stopReason: this.stopReason.take(count),
      groupGuess: this.groupGuess.take(count),
      components: [...this.components].map(([name, { values, state }]) => ({
        name,
        values: values.take(count),
        state: state.take(count),
      })),
      steps: this.steps.take(),
      notes: this.notes,
      moreNotes: this.dropped,
    };
  }
}

/** Numbers per step, flattened over the trajectories that record them. */
class StepColumns {
  private count = 0;
  private readonly trajectory = int32();
  private readonly step = int32();
  private readonly reward = float64();
  private readonly value = float64();
  private readonly advantage = float64();
  private readonly flags = uint8();

  add(trajectory: number, steps: readonly StepSummary[]): void {
    for (const step of steps) {
      const index = this.count++;
      this.trajectory.set(index, trajectory);
      this.step.set(index, step.index);
      let flags = 0;
      for (const [bit, name] of STEP_NUMBERS) {
        const number = step[name];
        if (number === null) flags |= bit << 1;
        else if (number !== undefined) {
          flags |= bit;
          this[name].set(index, number);
        }
      }
      this.flags.set(index, flags);
    }
  }

  take(): StepBlock | undefined {
    const { count } = this;
    if (count === 0) return undefined;
    return {
      trajectory: this.trajectory.take(count),
      step: this.step.take(count),
      reward: this.reward.take(count),
      value: this.value.take(count),
      advantage: this.advantage.take(count),
      flags: this.flags.take(count),
    };
  }
}

const STEP_NUMBERS = [
  [1, "reward"],
  [4, "value"],
  [16, "advantage"],
] as const;
