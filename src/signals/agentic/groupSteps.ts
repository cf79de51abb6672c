import type { Step } from "../../model/trajectory";
import type { Missing } from "../series/episode";
import { needHow, type SignalContext } from "../signal";

/** One policy step of one member of a group. */
export interface GroupStep {
  readonly member: number;
  readonly trajectoryId: string;
  /** Index among the member's policy steps, from 0. */
  readonly order: number;
  readonly step: Step;
  /** Total reward of the member's episode; NaN = not recorded. */
  readonly episodeReward: number;
}

export interface GroupSteps {
  readonly groupId: string;
  /** Members one after the other, steps in order. */
  readonly rows: readonly GroupStep[];
  /** Rows of the trajectory itself. */
  readonly own: readonly number[];
  readonly memberIds: readonly string[];
  readonly rewards: readonly (number | null | undefined)[];
  readonly notes: readonly string[];
}

/** Policy steps of every member of the context's group, for credit that compares steps across rollouts. */
export function groupSteps(context: SignalContext): GroupSteps | Missing {
  const { group, trajectory } = context;
  if (!group) return { missing: ["group"], how: needHow.group };
  const rows: GroupStep[] = [];
  let absent = 0;
  group.members.forEach((member, index) => {
    const loaded = member.trajectoryId === trajectory.id ? trajectory : member.trajectory;
    if (!loaded) {
      absent++;
      return;
    }
    let order = 0;
    for (const step of loaded.steps) {
      if (step.role !== "assistant") continue;
      rows.push({
        member: index,
        trajectoryId: member.trajectoryId,
        order,
        step,
        episodeReward: member.reward ?? NaN,
      });
      order++;
    }
  });
  if (absent > 0) {
    return {
      missing: ["group"],
      how: `Needs the steps of all members; ${absent} of ${group.members.length} could not be loaded.`,
    };
  }
  const own = [...rows.keys()].filter((row) => rows[row]!.trajectoryId === trajectory.id);
  if (own.length === 0)
    return {
      missing: ["actions"],
      how: "The trajectory has no step of the policy, so no step can be credited.",
    };
  return {
    groupId: group.groupId,
    rows,
    own,
    memberIds: group.members.map((member) => member.trajectoryId),
    rewards: group.members.map((member) => member.reward),
    notes: group.guess === undefined ? [] : [`The group is a guess: ${group.guess}.`],
  };
}
