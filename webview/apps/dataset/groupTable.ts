import type { GroupSummary } from "../../../src/model/summary";
import { beginDrawing } from "../../components/canvas";
import { el, icon, setText, setTitle } from "../../components/element";
import { exact, oneLine, plural, significant } from "../../components/format";
import { onThemeChange, theme } from "../../components/theme";
import { VirtualList } from "../../components/virtualList";
import type { WindowCache } from "../../components/windowCache";

/** A group with its members' rewards, where the host sent them. */
export interface GroupItem {
  readonly group: GroupSummary;
  readonly rewards: readonly (number | null)[] | undefined;
}

export interface GroupTableActions {
  /** Shows the members. */
  open(group: GroupSummary): void;
  openTree(group: GroupSummary): void;
}

/** One row a group: its rewards side by side, mean, spread, and what it teaches. */
export class GroupTable {
  readonly element = el("div", { class: "table groups" });
  readonly list: VirtualList;
  /** Largest and smallest reward seen, so that all groups share one scale. */
  private low = 0;
  private high = 0;

  constructor(
    private readonly items: WindowCache<GroupItem>,
    private readonly actions: GroupTableActions,
  ) {
    this.list = new VirtualList({
      role: "grid",
      label: "Groups",
      createRow: () => this.row(),
      onActivate: (index) => {
        const item = items.get(index);
        if (item) actions.open(item.group);
      },
      onRange: (start, end) => items.want(start, end),
      onKey: (event, index) => {
        const item = items.get(index);
        if (event.key !== "t" || !item) return false;
        actions.openTree(item.group);
        return true;
      },
    });
    this.element.append(
      el(
        "div",
        { class: "table-head group-row", role: "row" },
        ...["group", "step", "size", "rewards", "mean", "spread", "passed", ""].map((text, index) =>
          el("div", {
            class: index === 1 || index === 2 || (index > 3 && index < 7) ? "cell numeric" : "cell",
            role: "columnheader",
            text,
          }),
        ),
      ),
      this.list.element,
    );
    onThemeChange(() => this.list.refresh());
  }

  /** Widens the shared scale. */
  see(items: readonly GroupItem[]): void {
    for (const { group } of items) {
      if (group.rewardMin !== undefined) this.low = Math.min(this.low, group.rewardMin);
      if (group.rewardMax !== undefined) this.high = Math.max(this.high, group.rewardMax);
    }
  }

  private row(): { element: HTMLElement; update(index: number): void } {
    const cell = (): HTMLElement => el("div", { class: "cell numeric number", role: "gridcell" });
    const title = el("div", { class: "cell", role: "gridcell" });
    const [step, size, mean, spread, passed] = [cell(), cell(), cell(), cell(), cell()];
    const canvas = el("canvas", { class: "group-canvas", role: "img" });
    const tree = el(
      "button",
      { class: "link", title: "Open the branching tree (t)", aria: { label: "Open the branching tree" } },
      icon("git-merge"),
    );
    tree.tabIndex = -1;
    let shown: GroupSummary | undefined;
    tree.addEventListener("click", (event) => {
      event.stopPropagation();
      if (shown) this.actions.openTree(shown);
    });
    const element = el(
      "div",
      { class: "group-row" },
      title,
      step,
      size,
      el("div", { class: "cell", role: "gridcell" }, canvas),
      mean,
      spread,
      passed,
      el("div", { class: "cell", role: "gridcell" }, tree),
    );
    return {
      element,
      update: (index) => {
        const item = this.items.get(index);
        shown = item?.group;
        tree.hidden = !item;
        if (!item) {
          setText(title, "…");
          for (const each of [step, size, mean, spread, passed]) setText(each, "");
          beginDrawing(canvas);
          return;
        }
        const { group } = item;
        setText(title, oneLine(group.title));
        setTitle(title, group.groupGuess === undefined ? group.title : `${group.title}\n${group.groupGuess}`);
        setText(step, group.trainingStep === undefined ? "" : String(group.trainingStep));
        setText(size, String(group.size));
        setText(mean, significant(group.rewardMean));
        setTitle(mean, `mean ${exact(group.rewardMean)} of ${plural(group.rewardCount, "reward")}`);
        const flat = group.rewardCount > 1 && group.rewardMin === group.rewardMax;
        setText(spread, flat ? "none" : significant(group.rewardStd));
        setTitle(
          spread,
          flat
            ? "all rewards are equal: this group teaches nothing under GRPO"
            : `sample standard deviation (n-1) ${exact(group.rewardStd)}`,
        );
        spread.classList.toggle("flat", flat);
        setText(passed, group.successes === undefined ? "" : `${group.successes}/${group.size}`);
        canvas.setAttribute(
          "aria-label",
          item.rewards
            ? `rewards ${item.rewards.map((reward) => significant(reward)).join(", ")}`
            : `rewards from ${significant(group.rewardMin)} to ${significant(group.rewardMax)}`,
        );
        requestAnimationFrame(() => this.draw(canvas, item));
      },
    };
  }

  private draw(canvas: HTMLCanvasElement, { group, rewards }: GroupItem): void {
    const drawing = beginDrawing(canvas);
    if (!drawing) return;
    const { context, width, height } = drawing;
    const { positive, negative, neutral, muted } = theme();
    const span = this.high - this.low || 1;
    const y = (value: number): number => 3 + (1 - (value - this.low) / span) * (height - 6);
    const zero = y(Math.max(this.low, Math.min(this.high, 0)));
    context.fillStyle = neutral;
    if (!rewards) {
      if (group.rewardMin === undefined || group.rewardMax === undefined) return;
      const x = (value: number): number => 2 + ((value - this.low) / span) * (width - 4);
      context.fillRect(
        x(group.rewardMin),
        height / 2 - 0.5,
        Math.max(1, x(group.rewardMax) - x(group.rewardMin)),
        1,
      );
      context.fillStyle = positive;
      if (group.rewardMean !== undefined) context.fillRect(x(group.rewardMean) - 1, 4, 3, height - 8);
      return;
    }
    const each = Math.min(9, width / Math.max(1, rewards.length));
    context.fillRect(0, zero - 0.5, each * rewards.length, 1);
    rewards.forEach((reward, index) => {
      const left = index * each;
      if (reward === null || !Number.isFinite(reward)) {
        context.strokeStyle = muted;
        context.strokeRect(left + 0.5, 5.5, Math.max(1, each - 3), height - 11);
        return;
      }
      const top = y(reward);
      context.fillStyle = reward < 0 ? negative : positive;
      context.fillRect(
        left,
        Math.min(top, zero - 1),
        Math.max(1, each - 2),
        Math.max(2, Math.abs(top - zero)),
      );
    });
  }
}
