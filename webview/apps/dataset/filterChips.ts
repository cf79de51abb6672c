import type { RowQuery } from "../../../src/protocol/storeCalls";
import { el, icon } from "../../components/element";
import type { BrushedSteps } from "../../components/trainingPlot";
import { without, withSteps } from "./rowQueries";

/** The filters in force, each with a way to clear it. */
export class FilterChips {
  readonly element = el("div", { class: "chips" });

  constructor(private readonly onQuery: (query: RowQuery) => void) {}

  set(query: RowQuery, steps: BrushedSteps | undefined): void {
    const chip = (text: string, next: RowQuery): HTMLElement =>
      el(
        "button",
        {
          class: "link chip",
          title: `${text}; click to clear`,
          on: { click: () => this.onQuery(next) },
        },
        text,
        icon("close"),
      );
    const chips: HTMLElement[] = [];
    if (steps) {
      const text = steps.from === steps.to ? `step ${steps.from}` : `steps ${steps.from} to ${steps.to}`;
      chips.push(chip(text, withSteps(query, undefined)));
    }
    if (query.groupId !== undefined) chips.push(chip("one group", without(query, "groupId")));
    if (query.noContrast === true) chips.push(chip("no contrast", without(query, "noContrast")));
    if (query.success !== undefined)
      chips.push(chip(query.success ? "passed" : "failed", without(query, "success")));
    if (query.truncated !== undefined)
      chips.push(chip(query.truncated ? "truncated" : "not truncated", without(query, "truncated")));
    this.element.replaceChildren(...chips);
  }
}
