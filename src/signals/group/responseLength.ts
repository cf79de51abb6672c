import type { GroupMember } from "../signal";

/** Tokens that the policy produced: the mask's ones where the trajectory is at hand, else the recorded count. */
export function responseTokens(member: GroupMember): number | undefined {
  const mask = member.trajectory?.tokens?.mask;
  return mask ? mask.reduce((count, bit) => count + bit, 0) : member.tokenCount;
}
