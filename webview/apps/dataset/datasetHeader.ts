import type { DatasetInfo } from "../../../src/model/summary";
import { button } from "../../components/controls";
import { el, icon, setText } from "../../components/element";
import { bytes, count, plural, significant } from "../../components/format";
import { rowNoun } from "./rowQueries";

/** The line that says what this dataset is and how much of it there is. */
export class DatasetHeader {
  readonly element: HTMLElement;
  private readonly title = el("h1", { class: "title" });
  private readonly facts = el("div", { class: "facts" });

  constructor(actions: { openAsText(): void; search(): void; help(): void }) {
    this.element = el(
      "header",
      { class: "header header-line" },
      this.title,
      this.facts,
      el(
        "div",
        { class: "header-actions", role: "toolbar", aria: { label: "Actions" } },
        button({
          label: "Search",
          icon: "search",
          title: "Search the texts of the whole run (Ctrl+Shift+F)",
          class: "collapses",
          onClick: () => actions.search(),
        }).element,
        button({
          label: "Open as text",
          icon: "go-to-file",
          title: "Open the file as text",
          class: "collapses",
          onClick: () => actions.openAsText(),
        }).element,
        button({
          label: "Keys",
          icon: "keyboard",
          appearance: "icon",
          title: "Keys (?)",
          onClick: () => actions.help(),
        }).element,
      ),
    );
  }

  /** Says what is going on while there is no dataset. */
  say(title: string): void {
    this.facts.replaceChildren();
    setText(this.title, title);
  }

  /** @param live the dataset is still being written */
  set(dataset: DatasetInfo, live: boolean): void {
    document.title = dataset.name;
    setText(this.title, dataset.name);
    this.title.title = dataset.path;
    const fact = (text: string): HTMLElement => el("span", { class: "number", text });
    const facts: HTMLElement[] = [
      el("span", { class: "quiet", text: dataset.formatTitle }),
      fact(plural(dataset.trajectories, rowNoun(dataset))),
    ];
    if (dataset.trainingSteps > 1) facts.push(fact(plural(dataset.trainingSteps, "training step")));
    if (dataset.groups > 0) facts.push(fact(plural(dataset.groups, "group")));
    if (dataset.rewardMean !== undefined) {
      facts.push(
        el(
          "span",
          { class: "number", title: `mean reward ${dataset.rewardMean}` },
          el("span", { class: "quiet", text: "mean reward " }),
          el("span", { class: "strong", text: significant(dataset.rewardMean) }),
        ),
      );
    }
    const files = dataset.files > 1 ? `${count(dataset.files)} files, ` : "";
    // The size of a file is known when it is through.
    if (dataset.bytes > 0)
      facts.push(el("span", { class: "quiet number", text: `${files}${bytes(dataset.bytes)}` }));
    if (live) {
      const title = "This dataset is still being written; new rows appear by themselves";
      facts.push(el("span", { class: "live", title }, icon("circle-filled"), "live"));
    }
    this.facts.replaceChildren(...facts);
  }
}
