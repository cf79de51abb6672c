import type { Trajectory } from "../model/trajectory";
import type { ForkPoint, InferenceCalls } from "../protocol/inferenceCalls";
import { newBranchId, type BranchRecord } from "./branchFiles";
import type { ForkRequest, LookAheadRequest } from "./generationContract";
import { ruleText } from "./lookAheadPresets";

/** Continuations as records of their file, each with how it came about. */
export function forkRecords(
  trajectory: Trajectory,
  request: ForkRequest,
  model: string,
  result: InferenceCalls["generate"]["result"],
): readonly BranchRecord[] {
  const { temperature, topP, seed, maxNewTokens } = request.options;
  const how = `temperature ${temperature}, top-p ${topP}, seed ${seed}, at most ${maxNewTokens} new tokens`;
  const created = new Date().toISOString();
  return result.continuations.map((continuation): BranchRecord => ({
    ...origin(trajectory, request.point),
    id: newBranchId(),
    prefix: result.prefix,
    text: continuation.text,
    tokens: continuation.ids.length,
    logprob: continuation.logprobs.reduce((sum, value) => sum + value, 0),
    stop_reason: continuation.stopReason,
    status: "generated",
    model,
    provider: result.provider,
    how,
    created,
  }));
}

/** Branches of a look-ahead tree as records of their file: each holds what it says from where it leaves its parent. */
export function lookAheadRecords(
  trajectory: Trajectory,
  request: LookAheadRequest,
  model: string,
  result: InferenceCalls["lookAhead"]["result"],
): readonly BranchRecord[] {
  const created = new Date().toISOString();
  const how = `LATR look-ahead, greedy, ${ruleText(request.rule)}`;
  const ids = result.branches.map(newBranchId);
  return result.branches.map((branch, i): BranchRecord => {
    const parent = branch.parent < 0 ? undefined : result.branches[branch.parent]!;
    const probabilities = branch.forkProbabilities
      ? `, opened at p ${branch.forkProbabilities[1].toPrecision(3)} beside ${branch.forkProbabilities[0].toPrecision(3)}`
      : "";
    return {
      ...origin(trajectory, request.point),
      id: ids[i]!,
      ...(parent === undefined
        ? {}
        : { parent_branch: ids[branch.parent]!, parent_characters: branch.birthCharacters }),
      prefix: result.prefix + branch.text.slice(0, branch.birthCharacters),
      text: branch.text.slice(branch.birthCharacters),
      tokens: branch.ids.length - branch.birthStep,
      logprob: branch.logprob,
      stop_reason: branch.stopReason,
      status: branch.stopReason === "pruned" ? "pruned" : "generated",
      ...(branch.reason === undefined ? {} : { reason: `pruned: ${branch.reason}` }),
      model,
      provider: result.provider,
      how: `${how}${probabilities}, ${branch.suppressed} suppressed`,
      created,
    };
  });
}

/** Fields that say where a branch leaves its trajectory. */
function origin(
  trajectory: Trajectory,
  point: ForkPoint,
): Pick<BranchRecord, "trajectory_lens" | "trajectory_id" | "group_id" | "after_step" | "after_token"> {
  const step =
    "afterStep" in point
      ? point.afterStep
      : (trajectory.steps.find(
          ({ tokenStart, tokenEnd }) =>
            tokenStart !== undefined &&
            tokenEnd !== undefined &&
            point.afterToken >= tokenStart &&
            point.afterToken < tokenEnd,
        )?.index ?? 0);
  return {
    trajectory_lens: "branch",
    trajectory_id: trajectory.id,
    ...(trajectory.groupId === undefined ? {} : { group_id: trajectory.groupId }),
    after_step: step,
    ...("afterToken" in point ? { after_token: point.afterToken } : {}),
  };
}
