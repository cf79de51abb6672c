import type { TrajectoryRow } from "../../model/summary";
import { groupEstimator } from "../../services/defaultSignals";
import type { Library } from "../library";
import { settings } from "../ui/settings";

/** Members whose advantages are worth the reading when a group is unfolded. */
const MEMBER_LIMIT = 256;
/** Groups remembered; unfolding the same one again asks nothing. */
const KEPT = 200;

type Advantage = { readonly value: number; readonly convention: string };

/** Group-relative advantages for lists, under the convention of the trainer that wrote the file. */
export class GroupAdvantages {
  private readonly known = new Map<
    string,
    { readonly stamp: string; readonly values: ReadonlyMap<string, Advantage> }
  >();

  constructor(private readonly library: Library) {}

  /**
   * Advantage by trajectory id; empty where the trainer has no group-relative estimator, where rewards are missing,
   * and where the estimator gives every step a number of its own, so that a whole rollout has none.
   */
  async of(groupId: string, members: readonly TrajectoryRow[]): Promise<ReadonlyMap<string, Advantage>> {
    const first = members[0];
    if (
      !first ||
      members.length > MEMBER_LIMIT ||
      members.some((member) => typeof member.reward !== "number")
    )
      return new Map();
    const dataset = await this.library.dataset(first.datasetId);
    const estimator = dataset && groupEstimator(dataset.format);
    if (!estimator) return new Map();
    const preset = settings.presets()[estimator.signalId];
    const request = preset === undefined ? estimator : { ...estimator, presetId: preset };
    const stamp = `${members.length} ${request.signalId} ${request.presetId ?? ""}`;
    const cached = this.known.get(groupId);
    if (cached?.stamp === stamp) return cached.values;
    const values = new Map<string, Advantage>();
    for await (const { row, track } of this.library.services.signals.computeRows(members, request)) {
      if ("missing" in track.result) continue;
      const numbers = track.result.values.filter((value) => !Number.isNaN(value));
      const value = numbers[0];
      if (value === undefined || numbers.some((other) => other !== value)) continue;
      values.set(row.id, { value, convention: `${request.signalId.toUpperCase()} · ${track.convention}` });
    }
    this.known.set(groupId, { stamp, values });
    const oldest = this.known.keys().next().value;
    if (this.known.size > KEPT && oldest !== undefined) this.known.delete(oldest);
    return values;
  }
}
