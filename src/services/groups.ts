import type { GroupSummary, TrajectoryRow } from "../model/summary";
import type { Trajectory } from "../model/trajectory";
import type { DatasetRow, Group, GroupMember } from "../signals/signal";

/** A row of the index as signals see a member of a group; the trajectory only where it was loaded. */
export function groupMember(row: TrajectoryRow, trajectory?: Trajectory): GroupMember {
  return {
    trajectoryId: row.id,
    reward: row.reward,
    components: row.components,
    stepCount: row.stepCount,
    ...(row.tokenCount === undefined ? {} : { tokenCount: row.tokenCount }),
    ...(row.responseCharacters === undefined ? {} : { responseCharacters: row.responseCharacters }),
    ...(row.success === undefined ? {} : { success: row.success }),
    ...(row.truncated === undefined ? {} : { truncated: row.truncated }),
    ...(trajectory === undefined ? {} : { trajectory }),
  };
}

/** A group of the index as signals see it. */
export function signalGroup(summary: GroupSummary, members: readonly GroupMember[]): Group {
  return {
    groupId: summary.groupId,
    members,
    ...(summary.trainingStep === undefined ? {} : { trainingStep: summary.trainingStep }),
    ...(summary.groupGuess === undefined ? {} : { guess: summary.groupGuess }),
  };
}

/** A row of the index as signals of a whole run see it. */
export function datasetRow(row: TrajectoryRow): DatasetRow {
  return {
    ...groupMember(row),
    ...(row.groupId === undefined ? {} : { groupId: row.groupId }),
    ...(row.trainingStep === undefined ? {} : { trainingStep: row.trainingStep }),
  };
}
