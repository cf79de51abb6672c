import type { TrackData, TrajectoryHead } from "../../../src/protocol/webviewMessages";
import { button } from "../../components/controls";
import { el, icon, setText } from "../../components/element";
import { count, exact, oneLine, plural, significant, withSign } from "../../components/format";

export interface HeaderActions {
  chooseModel(): void;
  score(): void;
  fork(): void;
  value(): void;
  cancelScore(): void;
  openTree(): void;
  openGroup(): void;
  openSource(): void;
  help(): void;
  explainHeadline(): void;
  open(trajectoryId: string): void;
}

/** The line that says what this trajectory is: title, place in the group, outcome, advantage, step, model, actions. */
export class Header {
  readonly element = el("header", { class: "header" });
  private readonly facts = el("div", { class: "facts" });
  private readonly title = el("h1", { class: "title" });
  private readonly model;
  private readonly scoreButton;
  private readonly tree;
  private readonly groupButton;
  private readonly strip = el("nav", { class: "group-strip", aria: { label: "Group" }, hidden: true });
  private scoring = false;
  private advantage: TrackData | undefined;
  private head: TrajectoryHead | undefined;

  constructor(private readonly actions: HeaderActions) {
    this.model = button({
      label: "Choose a model",
      icon: "chip",
      title: "Choose the model that scores",
      onClick: () => actions.chooseModel(),
    });
    this.scoreButton = button({
      label: "Score",
      icon: "play",
      appearance: "primary",
      title: "Score this trajectory with the chosen model (s)",
      onClick: () => (this.scoring ? actions.cancelScore() : actions.score()),
    });
    this.tree = button({
      label: "Tree",
      icon: "git-merge",
      title: "Open the branching tree (t)",
      class: "collapses",
      onClick: () => actions.openTree(),
    });
    this.groupButton = button({
      label: "Group",
      icon: "group-by-ref-type",
      title: "Open the group (g)",
      class: "collapses",
      onClick: () => actions.openGroup(),
    });
    this.element.append(
      el(
        "div",
        { class: "header-line" },
        this.title,
        this.facts,
        el(
          "div",
          { class: "header-actions", role: "toolbar", aria: { label: "Actions" } },
          this.model.element,
          this.scoreButton.element,
          button({
            label: "Fork",
            icon: "repo-forked",
            title: "Continue from the step at the cursor with a local policy (f)",
            class: "collapses",
            onClick: () => actions.fork(),
          }).element,
          button({
            label: "Value",
            icon: "graph-scatter",
            title:
              "Monte-Carlo value of every step with its 95 % interval, from continuations by a local policy (v)",
            class: "collapses",
            onClick: () => actions.value(),
          }).element,
          this.tree.element,
          this.groupButton.element,
          button({
            label: "Source",
            icon: "go-to-file",
            title: "Show where this trajectory lies in its file",
            class: "collapses",
            onClick: () => actions.openSource(),
          }).element,
          button({
            label: "Keys",
            icon: "keyboard",
            appearance: "icon",
            title: "Keys (?)",
            onClick: () => actions.help(),
          }).element,
        ),
      ),
      this.strip,
    );
  }

  setHead(head: TrajectoryHead): void {
    this.head = head;
    const title = oneLine(head.row.title || head.prompt || head.row.ownId || head.row.id, 200);
    setText(this.title, title);
    this.title.title = head.prompt ?? title;
    this.tree.element.hidden = !head.hasTree;
    this.groupButton.element.hidden = head.row.groupId === undefined;
    const chosen = head.models.find((model) => model.path === head.modelPath);
    this.model.setLabel(
      chosen
        ? `${chosen.name}${head.provider ? ` on ${head.provider}` : ""}`
        : head.models.length > 0
          ? "Choose a model"
          : "No model",
    );
    this.model.setTitle(
      chosen
        ? `${chosen.kind} model ${chosen.path}, click to choose another`
        : "Choose the model that scores",
    );
    this.element.classList.toggle("long", (head.row.groupSize ?? 1) > 1);
    this.drawFacts();
    this.drawStrip();
  }

  setAdvantage(track: TrackData | undefined): void {
    this.advantage = track;
    if (this.head) this.drawFacts();
  }

  setScoring(running: boolean): void {
    this.scoring = running;
    this.scoreButton.setLabel(running ? "Cancel" : "Score");
    this.scoreButton.setTitle(running ? "Stop scoring" : "Score this trajectory with the chosen model (s)");
  }

  private drawFacts(): void {
    const { head } = this;
    if (!head) return;
    const { row, outcome } = head;
    const facts: (HTMLElement | false | undefined)[] = [
      row.memberIndex !== undefined &&
        row.groupSize !== undefined &&
        row.groupSize > 1 &&
        el("span", {
          class: "number",
          text: `#${row.memberIndex} in a group of ${row.groupSize}`,
          title:
            row.groupGuess ??
            `rollout ${row.memberIndex}, counted from 0, of ${row.groupSize} of the same prompt`,
        }),
      this.outcome(),
      (outcome.truncated ?? row.truncated) === true &&
        el(
          "span",
          { class: "chip", title: outcome.stopReason ?? "cut by a length or time limit" },
          icon("ellipsis"),
          "truncated",
        ),
      this.advantageFact(),
      row.trainingStep !== undefined &&
        el(
          "span",
          { class: "number", title: "optimiser iteration that this rollout was sampled for" },
          el("span", { class: "quiet", text: "training step " }),
          count(row.trainingStep),
        ),
      el("span", {
        class: "number quiet",
        text:
          (head.stepCount === 0 ? "no steps recorded" : plural(head.stepCount, "step")) +
          (head.tokenCount > 0 ? `, ${plural(head.tokenCount, "token")}` : ""),
      }),
      head.groundTruth !== undefined &&
        el(
          "span",
          { class: "fact-truth", title: `ground truth: ${head.groundTruth}` },
          el("span", { class: "quiet", text: "truth " }),
          oneLine(head.groundTruth, 40),
        ),
      el("span", {
        class: "quiet fact-dataset",
        text: `${head.datasetName} · ${head.formatTitle}`,
        title: head.source.path,
      }),
    ];
    this.facts.replaceChildren(...facts.filter((fact) => fact instanceof HTMLElement));
  }

  private outcome(): HTMLElement {
    const { outcome, row } = this.head!;
    const success = outcome.success === undefined ? row.success : outcome.success;
    const reward = outcome.reward === undefined ? row.reward : outcome.reward;
    const word = success === true ? "pass" : success === false ? "fail" : "reward";
    const parts = Object.entries(outcome.components).map(([name, value]) => `${name} ${exact(value)}`);
    return el(
      "span",
      {
        class: `outcome ${word}`,
        title: [
          `reward ${reward === undefined ? "not recorded" : exact(reward)}${outcome.rewardSource !== undefined ? ` (${outcome.rewardSource})` : ""}`,
          ...parts,
        ].join("\n"),
      },
      word !== "reward" && icon(word === "pass" ? "pass-filled" : "error"),
      el("span", { text: word }),
      // Passed or failed says enough where no number is recorded; the title says that there is none.
      (reward !== undefined || word === "reward") &&
        el("span", {
          class: "number strong",
          text: reward === undefined ? "not recorded" : significant(reward),
        }),
    );
  }

  private advantageFact(): HTMLElement | undefined {
    const recorded = this.head!.row.advantage;
    const value = this.advantage?.values?.[0] ?? recorded;
    if (value === undefined) return undefined;
    const convention = this.advantage ? this.advantage.convention : "recorded by the file";
    const side = typeof value !== "number" || value === 0 ? "" : value < 0 ? "below" : "above";
    return el(
      "button",
      {
        class: "fact-advantage",
        title: `advantage ${exact(value)}\n${convention}\nclick to explain (e)`,
        on: { click: () => this.actions.explainHeadline() },
      },
      el("span", { class: "quiet", text: "adv " }),
      el("span", { class: `number strong ${side}`.trimEnd(), text: withSign(value) }),
      el("span", { class: "quiet fact-convention", text: ` ${convention}` }),
    );
  }

  private drawStrip(): void {
    const { group, row } = this.head!;
    this.strip.hidden = group.length < 2;
    if (group.length < 2) return;
    const rewards = group
      .map((member) => member.reward)
      .filter((reward): reward is number => typeof reward === "number" && Number.isFinite(reward));
    const high = Math.max(...rewards.map(Math.abs), 0);
    this.strip.replaceChildren(
      el("span", { class: "quiet", text: `group of ${row.groupSize ?? group.length}` }),
      ...group.map((member, index) => {
        const self = member.id === row.id;
        const word = member.success === true ? "pass" : member.success === false ? "fail" : "";
        const share = typeof member.reward === "number" && high > 0 ? Math.abs(member.reward) / high : 0;
        const mark = el("i", {
          class: typeof member.reward === "number" && member.reward < 0 ? "member-bar below" : "member-bar",
        });
        mark.style.height = `${Math.round(share * 100)}%`;
        const told = `#${index} ${word} reward ${exact(member.reward)}, ${plural(member.stepCount, "step")}${member.truncated === true ? ", truncated" : ""}${self ? " (open here)" : ""}`;
        const chip = el(
          "button",
          {
            class: `member ${self ? "self" : ""}`,
            title: told,
            aria: { label: told },
            on: { click: () => !self && this.actions.open(member.id) },
          },
          el("span", { class: "member-gauge", aria: { hidden: "true" } }, mark),
          el("span", { class: "number", text: significant(member.reward) }),
          member.truncated === true && icon("ellipsis"),
        );
        if (self) chip.setAttribute("aria-current", "true");
        return chip;
      }),
    );
    // Only the strip itself may scroll: bringing the member into view must not move the page.
    const current = this.strip.querySelector<HTMLElement>(".self");
    if (current) this.strip.scrollLeft = Math.max(0, current.offsetLeft - this.strip.clientWidth / 2);
  }
}
