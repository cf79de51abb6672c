import type { TrajectoryRow } from "../../model/summary";
import { trainerOfFormat } from "../../services/defaultSignals";
import type { Library } from "../library";
import { settings } from "../ui/settings";

/** Members whose advantages are worth the reading when a group is unfolded. */
const MEMBER_LIMIT = 64;
/** Groups remembered; unfolding the same one again asks nothing. */
const KEPT = 200;

type Advantage = { readonly value: number; readonly convention: string };

/** Group-relative advantages for lists, under the convention of the trainer that wrote the file. */
export class GroupAdvantages {
  private readonly known = new Map<string, { readonly size: number; readonly preset: string; readonly values: ReadonlyMap<string, Advantage> }>();

  constructor(private readonly library: Library) {}

  /** Advantage by trajectory id; empty where the trainer has no group-relative estimator or rewards are missing. */
  async of(groupId: string, members: readonly TrajectoryRow[]): Promise<ReadonlyMap<string, Advantage>> {
    const first = members[0];
    if (!first || members.length > MEMBER_LIMIT || members.some((member) => typeof member.reward !== "number")) return new Map();
    const dataset = await this.library.dataset(first.datasetId);
    const preset = settings.presets()["grpo"] ?? (dataset && trainerOfFormat(dataset.format)?.presets["grpo"]);
    if (preset === undefined) return new Map();
    const cached = this.known.get(groupId);
    if (cached?.size === members.length && cached.preset === preset) return cached.values;
    const values = new Map<string, Advantage>();
    for (const member of members) {
      const { result, convention } = await this.library.services.signals.compute(member.id, { signalId: "grpo", presetId: preset });
      const value = "missing" in result ? undefined : result.values.find((entry) => !Number.isNaN(entry));
      if (value !== undefined) values.set(member.id, { value, convention: `GRPO ${convention}` });
    }
    this.known.set(groupId, { size: members.length, preset, values });
    const oldest = this.known.keys().next().value;
    if (this.known.size > KEPT && oldest !== undefined) this.known.delete(oldest);
    return values;
  }
}
