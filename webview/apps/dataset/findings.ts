import type { DatasetInfo } from "../../../src/model/summary";
import type { RowQuery } from "../../../src/protocol/storeCalls";
import { el, icon } from "../../components/element";
import { count, percent, plural } from "../../components/format";
import { rowNoun } from "./rowQueries";

/** A filter that singles out what is worth looking at. */
interface Finding {
  readonly id: string;
  readonly filter: RowQuery;
  /** The sentence, without its number. */
  readonly sentence: string;
  readonly applies: (dataset: DatasetInfo) => boolean;
}

const grouped = (dataset: DatasetInfo): boolean =>
  dataset.groups > 0 && dataset.groups < dataset.trajectories;

const FINDINGS: readonly Finding[] = [
  {
    id: "all-failed",
    filter: { noContrast: true, success: false },
    sentence: "in groups that failed as a whole: they teach nothing under GRPO",
    applies: grouped,
  },
  {
    id: "all-passed",
    filter: { noContrast: true, success: true },
    sentence: "in groups that passed as a whole: nothing left to learn there",
    applies: grouped,
  },
  {
    id: "no-contrast",
    filter: { noContrast: true },
    sentence: "in groups without contrast (all rewards equal)",
    applies: grouped,
  },
  {
    id: "truncated",
    filter: { truncated: true },
    sentence: "cut by a length or time limit",
    applies: () => true,
  },
  {
    id: "ended",
    filter: { truncated: false },
    sentence: "ended by themselves",
    applies: () => true,
  },
  { id: "failed", filter: { success: false }, sentence: "failed", applies: () => true },
  { id: "passed", filter: { success: true }, sentence: "passed", applies: () => true },
];

export interface FindingsActions {
  /** Counts the rows behind a filter inside the selected training steps. */
  countRows(filter: RowQuery, counted: (total: number) => void): void;
  onFilter(filter: RowQuery | undefined): void;
  /** Shows the place that a warning names. */
  onNote(where: string): void;
}

/** What is wrong, as sentences with the number of rows behind each, most first; a click shows those rows. */
export class Findings {
  readonly element = el("nav", { class: "findings", aria: { label: "Findings" } });
  private counts = new Map<string, number>();
  private active: string | undefined;
  private dataset: DatasetInfo | undefined;
  private total = 0;
  private turn = 0;
  /** Every finding has been counted once: silence then means that there is nothing to say. */
  private counted = false;

  constructor(private readonly actions: FindingsActions) {}

  /** Counts anew, keeping the old numbers until the new ones are there. */
  count(dataset: DatasetInfo): void {
    this.dataset = dataset;
    const turn = ++this.turn;
    this.actions.countRows({}, (total) => {
      if (turn !== this.turn) return;
      this.total = total;
      this.draw();
    });
    for (const finding of FINDINGS.filter((each) => each.applies(dataset))) {
      this.actions.countRows(finding.filter, (rows) => {
        if (turn !== this.turn) return;
        this.counts.set(finding.id, rows);
        this.counted ||= FINDINGS.every((each) => !each.applies(dataset) || this.counts.has(each.id));
        this.draw();
      });
    }
    this.draw();
  }

  /** Marks the finding that the table shows. */
  setFilter(query: RowQuery): void {
    const found = FINDINGS.find(
      (each) =>
        each.filter.noContrast === query.noContrast &&
        each.filter.success === query.success &&
        each.filter.truncated === query.truncated,
    );
    this.active = found?.id;
    this.draw();
  }

  private draw(): void {
    const { dataset } = this;
    if (!dataset) return;
    const of = (id: string): number => this.counts.get(id) ?? 0;
    // Where every flat group failed or passed as a whole, the sum says nothing new.
    const covered = of("all-failed") + of("all-passed") === of("no-contrast");
    // Episodes of a task without an end are all cut by its time limit: that is the task, not a fault of the run.
    const endless = this.counts.get("ended") === 0 && of("truncated") > 1;
    const silent = (id: string): boolean =>
      id === "ended" || (id === "no-contrast" && covered) || (id === "truncated" && endless);
    const ranked = FINDINGS.filter((each) => of(each.id) > 0 && !silent(each.id)).sort(
      (a, b) => rank(a) - rank(b) || this.counts.get(b.id)! - this.counts.get(a.id)!,
    );
    const items = ranked.map((finding) => {
      const rows = this.counts.get(finding.id)!;
      const active = finding.id === this.active;
      const item = el(
        "button",
        {
          class: active ? "finding active" : "finding",
          title: `${plural(rows, rowNoun(dataset))} ${finding.sentence}${active ? "; click to show all again" : "; click to show them"}`,
          on: { click: () => this.actions.onFilter(active ? undefined : finding.filter) },
        },
        el("span", { class: "number strong finding-count", text: count(rows) }),
        el("span", {
          class: "number quiet finding-share",
          text: this.total > 0 ? percent(rows / this.total) : "",
        }),
        el("span", { class: "finding-sentence", text: finding.sentence }),
      );
      item.setAttribute("aria-pressed", String(active));
      return item;
    });
    const warnings = dataset.warnings.slice(0, 20).map(({ message, where }) => {
      const parts = [icon("warning"), el("span", { text: message })];
      if (where === undefined) return el("div", { class: "finding-note" }, ...parts);
      return el(
        "button",
        {
          class: "finding-note link",
          title: `${where}; click to open the file there`,
          on: { click: () => this.actions.onNote(where) },
        },
        ...parts,
      );
    });
    this.element.replaceChildren(
      el("div", { class: "pane-title", text: "findings" }),
      ...items,
      ...warnings,
      ...(endless
        ? [
            el("div", {
              class: "quiet finding-remark",
              text: `All ${plural(of("truncated"), rowNoun(dataset))} end at a length or time limit: the task has no end of its own.`,
            }),
          ]
        : []),
      ...(items.length + warnings.length === 0 && !endless
        ? [el("div", { class: "quiet", text: this.counted ? "Nothing stands out." : "Counting…" })]
        : []),
    );
  }
}

/** Trouble before plain counts. */
const rank = (finding: Finding): number => (finding.id === "failed" || finding.id === "passed" ? 1 : 0);
