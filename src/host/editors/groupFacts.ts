import type { TrajectoryRow } from "../../model/summary";
import type { GroupMember, ToDatasetView } from "../../protocol/webviewMessages";
import { groupEstimator } from "../../services/defaultSignals";
import type { Services, SignalRequest } from "../../services/services";
import { shownTrajectory } from "../ui/credentialMask";
import { cutText } from "./messageSize";
import { sharedWithEarlier } from "./sharedText";

/** Members whose texts and advantages are shown; more would be a table of its own. */
const MEMBERS = 64;
/** Characters of a member's text that are sent: with 64 members half of what a message may hold. */
const TEXT = 1_500;
/** Columns of advantages beside each other. */
const CONVENTIONS = 2;

type GroupFacts = Extract<ToDatasetView, { type: "group" }>;

/** What the rows of a group say only together: where their texts part, and their advantages under two conventions. */
export async function groupFacts(services: Services, groupId: string, format: string): Promise<GroupFacts> {
  const { members } = await services.datasets.group(groupId);
  const shown = members.slice(0, MEMBERS);
  const trajectories = await services.datasets.trajectories(shown.map((row) => row.id));
  const texts = trajectories.map((trajectory) =>
    shownTrajectory(trajectory)
      .steps.filter((step) => step.role === "assistant")
      .flatMap((step) => [step.thought, step.action])
      .filter((text) => text !== undefined && text !== "")
      .join("\n"),
  );
  return {
    type: "group",
    groupId,
    members: shown.map((row, index): GroupMember => {
      const text = texts[index] ?? "";
      const shared = sharedWithEarlier(texts, index);
      // The text from a little before the place where it parts: that is what tells it from the others.
      const from = Math.max(0, shared - TEXT / 4);
      return { id: row.id, text: cutText(text.slice(from), TEXT), shared: shared - from, before: from };
    }),
    advantages: await advantages(services, members, shown, format),
  };
}

async function advantages(
  services: Services,
  members: readonly TrajectoryRow[],
  shown: readonly TrajectoryRow[],
  format: string,
): Promise<GroupFacts["advantages"]> {
  const found: GroupFacts["advantages"][number][] = [];
  const own = groupEstimator(format);
  // The trainer's own convention first, then the two that are told apart most often: with and without the spread.
  const requests: readonly SignalRequest[] = [
    ...(own ? [own] : []),
    ...["verl", "verl-dr-grpo"].map((presetId) => ({ signalId: "grpo", presetId })),
  ].filter(
    (request, index, all) =>
      all.findIndex((other) => other.signalId === request.signalId && other.presetId === request.presetId) ===
      index,
  );
  for (const request of requests) {
    if (found.length === CONVENTIONS) break;
    const values = new Map<string, number>();
    let convention = "";
    for await (const { row, track } of services.signals.computeRows(members, request)) {
      if ("missing" in track.result) continue;
      convention = track.convention;
      const numbers = track.result.values.filter((value) => !Number.isNaN(value));
      // A number for each step is no number of the whole rollout.
      if (numbers[0] !== undefined && numbers.every((value) => value === numbers[0]))
        values.set(row.id, numbers[0]);
    }
    if (values.size > 0)
      found.push({
        title: request.presetId ?? request.signalId,
        convention: `${request.signalId.toUpperCase()} · ${convention}`,
        values: shown.map((row) => values.get(row.id) ?? NaN),
      });
  }
  return found;
}
