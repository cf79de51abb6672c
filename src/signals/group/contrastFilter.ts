import { meanAndSpread } from "../kernels/groupNormalisation";
import { symbol } from "../expression";
import { numberOf } from "../series/parameters";
import { groupSignal } from "./groupSignal";

export interface GroupContrast {
  readonly key: string;
  /** Population deviation of the group's metric. */
  readonly spread: number;
  readonly rows: readonly number[];
  readonly kept: boolean;
}

/**
 * Dynamic sampling: keeps groups whose metric differs (population deviation above the threshold) and groups of one
 * (DAPO: threshold 0; UI-S1: 0.3).
 *
 * @param keys group of each row, [N]; @param metric [N]; @param counts rows that enter the deviation, undefined = all
 */
export function contrastGroups(
  keys: readonly string[],
  metric: ArrayLike<number>,
  threshold: number,
  counts?: (row: number) => boolean,
): readonly GroupContrast[] {
  const rows = new Map<string, number[]>();
  keys.forEach((key, row) => {
    const known = rows.get(key);
    if (known) known.push(row);
    else rows.set(key, [row]);
  });
  return [...rows].map(([key, members]) => {
    const values = Float64Array.from(
      members.filter((row) => counts === undefined || counts(row)),
      (row) => metric[row]!,
    );
    const { spread } = meanAndSpread(values, "population");
    return { key, spread, rows: members, kept: spread > threshold || values.length === 1 };
  });
}

export const groupContrast = groupSignal({
  id: "group-contrast",
  title: "Kept by dynamic sampling",
  unit: "kept",
  signed: false,
  needs: ["group", "outcomeReward"],
  parameters: [
    {
      name: "threshold",
      description: "The group's population deviation must be above this.",
      type: "number",
      minimum: 0,
      default: 0,
    },
  ],
  presets: [
    {
      id: "dapo",
      title: "DAPO",
      values: { threshold: 0 },
      source: "verl-project/verl-recipe, dapo/dapo_ray_trainer.py, filter_groups",
    },
    {
      id: "uis1",
      title: "UI-S1",
      values: { threshold: 0.3 },
      source: "X-PLUG/MobileAgent, UI-S1/verl/trainer/ppo/dapo_ray_trainer.py, fit",
    },
  ],
  source: "Yu et al. 2025, DAPO, dynamic sampling",
  description:
    "1 when the trainer would keep this rollout's group, 0 when it would drop it for lack of contrast. A group of one is kept.",
  derive({ rewards }, _context, parameters) {
    const threshold = numberOf(parameters, "threshold");
    const [group] = contrastGroups(
      Array.from(rewards, () => "group"),
      rewards,
      threshold,
    );
    const kept = group!.kept ? 1 : 0;
    return {
      value: kept,
      parts: { deviation: group!.spread },
      lines: [
        {
          name: "kept",
          expression: symbol(
            "kept",
            kept,
            `population deviation ${group!.spread} against threshold ${threshold}${rewards.length === 1 ? "; a group of one is kept" : ""}`,
          ),
          value: kept,
        },
      ],
      notes: kept === 1 ? [] : ["The trainer drops this group: its rewards do not differ enough."],
      convention: `population std above ${threshold}`,
    };
  },
});
