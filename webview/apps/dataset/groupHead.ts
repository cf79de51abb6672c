import { deviation, mean } from "d3";
import type { TrajectoryRow } from "../../../src/model/summary";
import { el } from "../../components/element";
import { count, exact, oneLine, plural, significant } from "../../components/format";

/** What a group teaches, in one sentence; "" where nothing stands out. */
function groupSentence(rows: readonly TrajectoryRow[]): string {
  const rewards = rows.map((row) => row.reward).filter((reward) => typeof reward === "number");
  if (rows.length < 2 || rewards.length < rows.length)
    return rewards.length < rows.length && rewards.length > 0
      ? `${plural(rows.length - rewards.length, "rollout")} without a reward.`
      : "";
  if (rewards.some((reward) => reward !== rewards[0])) return "";
  const all = `All ${count(rows.length)}`;
  if (rows.every((row) => row.success === false))
    return `${all} failed: this group teaches nothing under GRPO.`;
  if (rows.every((row) => row.success === true))
    return `${all} passed: nothing is left to learn here under GRPO.`;
  return `${all} have the same reward: this group teaches nothing under GRPO.`;
}

/** The line above the members of one group: size, outcome, mean, spread, and what that means. */
export class GroupHead {
  readonly element = el("div", { class: "group-head", role: "status", hidden: true });

  /** @param rows all members of the group; undefined = no group is shown */
  show(rows: readonly TrajectoryRow[] | undefined): void {
    this.element.hidden = !rows || rows.length === 0;
    if (!rows || rows.length === 0) return;
    const rewards = rows
      .map((row) => row.reward)
      .filter((reward): reward is number => typeof reward === "number");
    const passed = rows.filter((row) => row.success === true).length;
    const told = rows.filter((row) => typeof row.success === "boolean").length;
    const [middle, spread] = [mean(rewards), deviation(rewards)];
    const fact = (name: string, value: number): HTMLElement =>
      el(
        "span",
        { class: "number", title: exact(value) },
        el("span", { class: "quiet", text: `${name} ` }),
        el("span", { class: "strong", text: significant(value) }),
      );
    const sentence = groupSentence(rows);
    this.element.replaceChildren(
      el("span", { class: "strong", text: oneLine(rows[0]!.title, 120), title: rows[0]!.title }),
      el("span", { class: "number", text: `group of ${count(rows.length)}` }),
      ...(told > 0
        ? [el("span", { class: "number", text: `${count(passed)} of ${count(told)} passed` })]
        : []),
      ...(middle === undefined ? [] : [fact("mean reward", middle)]),
      ...(spread === undefined ? [] : [fact("std (n-1)", spread)]),
      ...(sentence === "" ? [] : [el("span", { class: "note", text: sentence })]),
    );
  }
}
