import type { Step } from "../../src/model/trajectory";
import type { StepWindowItem } from "../../src/protocol/webviewMessages";
import { ABSENT, aligned, exact, oneLine } from "./format";
import { el, icon, setText, setTitle } from "./element";
import { reach } from "./limits";
import type { StepSeries } from "./stepSeries";
import { VirtualList, type RowView } from "./virtualList";

const KIND_ICONS: Readonly<Record<string, string>> = {
  prompt: "comment",
  think: "lightbulb",
  act: "play",
  answer: "pass",
  observe: "eye",
};
const ROLE_ICONS: Readonly<Record<string, string>> = {
  system: "gear",
  user: "account",
  assistant: "hubot",
  tool: "tools",
  environment: "globe",
};

/** Icon of a step: its kind where the format tells, its role otherwise. */
export function stepIcon(step: Step): string {
  return (step.kind !== undefined && KIND_ICONS[step.kind]) || ROLE_ICONS[step.role] || "circle";
}

/** Word for what a step is. */
export function stepKind(step: Step): string {
  return step.kind ?? step.role;
}

/** First words of a step. */
function stepWords(step: Step): string {
  const call = step.toolCalls?.[0];
  const text = [step.action, step.thought, step.observation].find(
    (part) => part !== undefined && part.trim() !== "",
  );
  return text !== undefined ? oneLine(text) : call ? `${call.name}(…)` : "";
}

export interface StepListSource {
  /** Maps a row of the list to a step (a filter leaves some out). */
  stepAt(row: number): number;
  item(step: number): StepWindowItem | undefined;
  /** Words for steps without text, such as the action of a numeric episode. */
  words(step: number): string | undefined;
  series(): StepSeries | undefined;
  onStep(step: number): void;
  onRange(start: number, end: number): void;
}

/** The steps of a trajectory, each with its number as text, sign and bar. */
export function stepList(source: StepListSource): VirtualList {
  return new VirtualList({
    role: "grid",
    label: "Steps",
    createRow: () => stepRow(source),
    onCursor: (row) => source.onStep(source.stepAt(row)),
    onRange: (start, end) => source.onRange(start, end),
  });
}

function stepRow(source: StepListSource): RowView {
  const index = el("span", { class: "step-index", role: "gridcell" });
  const glyph = icon("circle", "step-icon");
  const kind = el("span", { class: "step-kind", role: "gridcell" });
  const words = el("span", { class: "step-words", role: "gridcell" });
  const value = el("span", { class: "step-value number", role: "gridcell" });
  const fill = el("span", { class: "bar-fill" });
  const bar = el("span", { class: "bar", aria: { hidden: "true" } }, fill);
  const element = el("div", { class: "step-row" }, index, glyph, kind, words, value, bar);
  return {
    element,
    update: (row) => {
      const step = source.stepAt(row);
      const item = source.item(step);
      const series = source.series();
      setText(index, String(step + 1));
      const numericWords = source.words(step);
      glyph.className = `codicon step-icon codicon-${item ? stepIcon(item.step) : numericWords !== undefined ? "pulse" : "loading"}`;
      setText(kind, item ? stepKind(item.step) : "");
      const text = item ? stepWords(item.step) || (numericWords ?? "") : (numericWords ?? "…");
      setText(words, text);
      setTitle(words, text);
      element.classList.toggle("from-policy", item?.step.role === "assistant" || item === undefined);
      const credited = !series?.whole || item?.step.role === "assistant";
      const number = series && credited ? series.at(step) : NaN;
      const shown = Number.isFinite(number);
      setText(
        value,
        series && credited ? (shown ? aligned(number, largest(series), series.signed) : ABSENT) : "",
      );
      setTitle(
        value,
        series ? `${series.title} ${shown ? exact(number) : "has no number at this step"}` : "",
      );
      bar.hidden = !series;
      drawBar(bar, fill, shown ? number : undefined, series);
    },
  };
}

function largest(series: StepSeries): number {
  return series.limits ? reach(series.limits) : NaN;
}

/** Puts a number into a bar: right of the middle above zero, left of it below; unsigned series start at the left. */
export function drawBar(
  bar: HTMLElement,
  fill: HTMLElement,
  value: number | undefined,
  scale:
    | {
        readonly signed: boolean;
        readonly limits: { readonly low: number; readonly high: number } | undefined;
      }
    | undefined,
): void {
  bar.classList.toggle("signed", scale?.signed ?? false);
  fill.hidden = value === undefined || !scale?.limits;
  if (value === undefined || !scale?.limits) return;
  const { low, high } = scale.limits;
  if (scale.signed) {
    const share = Math.min(1, Math.abs(value) / reach(scale.limits)) * 50;
    fill.style.left = value < 0 ? `${50 - share}%` : "50%";
    fill.style.width = `${share}%`;
  } else {
    const from = Math.min(low, 0);
    fill.style.left = "0";
    fill.style.width = `${high > from ? Math.min(1, Math.max(0, (value - from) / (high - from))) * 100 : 0}%`;
  }
  fill.classList.toggle("below", scale.signed && value < 0);
}
