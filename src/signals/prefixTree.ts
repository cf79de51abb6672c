import type { Trajectory } from "../model/trajectory";
import type { Tree, TreeNode } from "../model/tree";
import { stepText, stepUnits } from "./series/stepText";
import type { Group } from "./signal";

interface Rollout {
  readonly trajectory: Trajectory;
  /** Recorded total reward; undefined when the file records none or null. */
  readonly reward: number | undefined;
  /** Units of each step, cut when first needed. */
  readonly units: (readonly string[] | undefined)[];
}

type Draft = { -readonly [K in keyof TreeNode]: TreeNode[K] };

/** A set of rollouts that agree so far, and where they stand. */
interface Front {
  readonly parent: number;
  readonly rollouts: readonly Rollout[];
  readonly step: number;
  readonly unit: number;
}

function unitsOf(rollout: Rollout, step: number): readonly string[] {
  return (rollout.units[step] ??= stepUnits(rollout.trajectory, rollout.trajectory.steps[step]!));
}

/** What must be equal for two rollouts to stay together: the speaker at the start of a step, then the next unit. */
function nextKey(rollout: Rollout, step: number, unit: number): string {
  const role = unit === 0 ? rollout.trajectory.steps[step]!.role : "";
  return `${role}\u0000${unitsOf(rollout, step)[unit] ?? ""}`;
}

/** Mean of the recorded rewards; undefined when there is none, so that a missing reward never counts as 0. */
function meanReward(rollouts: readonly Rollout[]): number | undefined {
  let sum = 0;
  let count = 0;
  for (const { reward } of rollouts) {
    if (reward === undefined) continue;
    sum += reward;
    count++;
  }
  return count === 0 ? undefined : sum / count;
}

function node(
  parent: number,
  nodes: readonly Draft[],
  text: string,
  rollouts: readonly Rollout[],
  stepIndex: number,
): Draft {
  const value = meanReward(rollouts);
  const above = parent >= 0 ? nodes[parent]?.value : undefined;
  return {
    parent,
    depth: parent < 0 ? 0 : nodes[parent]!.depth + 1,
    text,
    ...(value === undefined ? {} : { value }),
    ...(value === undefined || typeof above !== "number" ? {} : { advantage: value - above }),
    visits: rollouts.length,
    leaf: false,
    status: "kept",
    stepIndex,
  };
}

function makeLeaf(draft: Draft, rollout: Rollout): void {
  const { outcome, id } = rollout.trajectory;
  draft.leaf = true;
  draft.trajectoryId = id;
  if (outcome.reward !== undefined) draft.reward = outcome.reward;
  if (outcome.stopReason !== undefined) draft.finishReason = outcome.stopReason;
}

/** Leading steps that are not the policy's and that all rollouts share: they become the root. */
function sharedPrompt(rollouts: readonly Rollout[]): number {
  const first = rollouts[0]!.trajectory.steps;
  let shared = 0;
  while (shared < first.length && first[shared]!.role !== "assistant") {
    const { role } = first[shared]!;
    const text = stepText(first[shared]!);
    const same = rollouts.every(({ trajectory }) => {
      const step = trajectory.steps[shared];
      return step !== undefined && step.role === role && stepText(step) === text;
    });
    if (!same) break;
    shared++;
  }
  return shared;
}

/**
 * Builds a tree over the members of a group that share prefixes but carry no parent links.
 *
 * Rollouts stay together while their steps are equal, then while the tokens (or words) of a step are equal; a node
 * never runs across the end of a step. The value of a node is the mean reward of the rollouts below it, its edge
 * advantage the difference to its parent's value. Time is linear in the text of the group.
 *
 * @param group members with their trajectories loaded; members without one are left out, and `valueSource` says so
 * @param datasetId dataset that the tree belongs to
 */
export function prefixTree(group: Group, datasetId: string, title = ""): Tree {
  const rollouts: Rollout[] = group.members.flatMap((member) =>
    member.trajectory
      ? [
          {
            trajectory: member.trajectory,
            reward: typeof member.reward === "number" ? member.reward : undefined,
            units: [],
          },
        ]
      : [],
  );
  const nodes: Draft[] = [];
  const rewarded = rollouts.filter((rollout) => rollout.reward !== undefined).length;
  const tree = {
    id: `prefix:${group.groupId}`,
    title,
    datasetId,
    groupId: group.groupId,
    origin: "prefix" as const,
    valueSource: `mean reward of the rollouts below (${rewarded} of ${group.members.length} have a reward${
      rollouts.length < group.members.length
        ? `, ${group.members.length - rollouts.length} could not be loaded`
        : ""
    })`,
    advantageSource: "value of the node minus value of its parent",
    nodes,
  };
  if (rollouts.length === 0) return tree;
  const shared = sharedPrompt(rollouts);
  const prompt =
    shared > 0
      ? rollouts[0]!.trajectory.steps.slice(0, shared).map(stepText).join("\n")
      : (rollouts[0]!.trajectory.task.prompt ?? "");
  nodes.push(node(-1, nodes, prompt, rollouts, Math.max(0, shared - 1)));
  const fronts: Front[] = [{ parent: 0, rollouts, step: shared, unit: 0 }];
  while (fronts.length > 0) {
    const front = fronts.pop()!;
    grow(front, nodes, fronts);
  }
  return tree;
}

function grow(front: Front, nodes: Draft[], fronts: Front[]): void {
  const going = new Map<string, Rollout[]>();
  for (const rollout of front.rollouts) {
    const { steps } = rollout.trajectory;
    // A rollout that ends where others go on, or where several end alike, gets a leaf of its own.
    if (front.step >= steps.length) {
      if (front.parent > 0 && nodes[front.parent]!.visits === 1) makeLeaf(nodes[front.parent]!, rollout);
      else {
        const leaf = node(front.parent, nodes, "", [rollout], Math.max(0, steps.length - 1));
        makeLeaf(leaf, rollout);
        nodes.push(leaf);
      }
      continue;
    }
    const key = nextKey(rollout, front.step, front.unit);
    const together = going.get(key);
    if (together) together.push(rollout);
    else going.set(key, [rollout]);
  }
  // Pushed in reverse so that branches are grown, and listed, in the order of the group.
  const next: Front[] = [];
  for (const together of going.values()) {
    const first = unitsOf(together[0]!, front.step);
    let end = first.length;
    for (const rollout of together) {
      const units = unitsOf(rollout, front.step);
      let k = front.unit;
      while (k < end && k < units.length && units[k] === first[k]) k++;
      end = k;
    }
    nodes.push(node(front.parent, nodes, first.slice(front.unit, end).join(""), together, front.step));
    const parent = nodes.length - 1;
    const finished = together.filter((rollout) => unitsOf(rollout, front.step).length <= end);
    const within = together.filter((rollout) => unitsOf(rollout, front.step).length > end);
    if (within.length === 0) next.push({ parent, rollouts: finished, step: front.step + 1, unit: 0 });
    else {
      next.push({ parent, rollouts: within, step: front.step, unit: end });
      if (finished.length > 0) next.push({ parent, rollouts: finished, step: front.step + 1, unit: 0 });
    }
  }
  for (let i = next.length - 1; i >= 0; i--) fronts.push(next[i]!);
}
