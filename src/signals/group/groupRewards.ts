import { needHow, type Group, type GroupMember, type Parameter, type SignalContext } from "../signal";
import type { Missing } from "../series/episode";

/** The rewards of a group's members that were recorded, in the file's order. */
export interface GroupRewards {
  readonly group: Group;
  /** Members with a recorded reward (NaN included: a file may say NaN). */
  readonly members: readonly GroupMember[];
  readonly rewards: Float64Array;
  /** Position of the trajectory among `members`, -1 when its own reward is missing. */
  readonly own: number;
  readonly notes: readonly string[];
}

/** One weighted reward function: a component of the row and its weight. */
export interface WeightedFunction {
  readonly component: string;
  readonly weight: number;
}

export const functionsParameter: Parameter = {
  name: "functions",
  description:
    'Reward functions to combine instead of the total reward: "accuracy:1, format:0.5" (component names with weights); empty takes the total reward.',
  type: "string",
  default: "",
};

/**
 * Parses `name:weight, name:weight`; a name alone weighs 1.
 * @throws Error with one sentence when a weight is not a number
 */
export function parseFunctions(text: string): readonly WeightedFunction[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const colon = part.lastIndexOf(":");
      if (colon < 0) return { component: part, weight: 1 };
      const weight = Number(part.slice(colon + 1));
      if (part.slice(colon + 1).trim() === "" || Number.isNaN(weight)) {
        throw new Error(
          `Parameter functions must look like "accuracy:1, format:0.5"; "${part}" has no numeric weight.`,
        );
      }
      return { component: part.slice(0, colon).trim(), weight };
    });
}

/** Takes the recorded rewards of the context's group; refuses with a reason when the group or the own reward is missing. */
export function groupRewards(context: SignalContext): GroupRewards | Missing {
  const { group, trajectory } = context;
  if (!group) return { missing: ["group"], how: needHow.group };
  const members = group.members.filter((member) => typeof member.reward === "number");
  const own = members.findIndex((member) => member.trajectoryId === trajectory.id);
  if (own < 0) {
    const listed = group.members.some((member) => member.trajectoryId === trajectory.id);
    return listed
      ? { missing: ["outcomeReward"], how: needHow.outcomeReward }
      : {
          missing: ["group"],
          how: `Group ${group.groupId} does not list this trajectory: index its dataset again.`,
        };
  }
  const notes: string[] = [];
  const absent = group.members.length - members.length;
  if (absent > 0)
    notes.push(`${absent} of ${group.members.length} members have no recorded reward and are left out.`);
  if (group.guess !== undefined) notes.push(`The group is a guess: ${group.guess}.`);
  return {
    group,
    members,
    rewards: Float64Array.from(members, (member) => member.reward as number),
    own,
    notes,
  };
}

/** The group as it travels with a batch-relative result. */
export function groupOf(rewards: GroupRewards): {
  readonly groupId: string;
  readonly memberIds: readonly string[];
  readonly rewards: readonly (number | null | undefined)[];
} {
  return {
    groupId: rewards.group.groupId,
    memberIds: rewards.group.members.map((member) => member.trajectoryId),
    rewards: rewards.group.members.map((member) => member.reward),
  };
}
