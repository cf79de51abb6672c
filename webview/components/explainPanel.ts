import type { ExplanationView, TrackData } from "../../src/protocol/webviewMessages";
import { button } from "./controls";
import { el } from "./element";
import { exact, significant, valueText } from "./format";
import { formula } from "./formula";
import { intervalText } from "./stepSeries";
import { missingButton, type MissingAction } from "./missingAction";

export interface ExplainActions {
  onMissing(action: MissingAction): void;
  openCode(path: string, line: number): void;
  open(trajectoryId: string): void;
  copy(text: string): void;
}

/** Why a number is what it is: the formula, the numbers put in, the value, the convention, the source. */
export class ExplainPanel {
  readonly element = el("div", {
    class: "explain",
    tabIndex: 0,
    role: "region",
    aria: { label: "Explanation", live: "polite" },
  });

  constructor(private readonly actions: ExplainActions) {}

  /** @param action what mends it, as a button below the sentence */
  say(text: string, action?: MissingAction): void {
    this.element.replaceChildren(
      el("p", { class: "quiet", text }),
      ...(action ? [missingButton(action, (wanted) => this.actions.onMissing(wanted))] : []),
    );
  }

  /** A number without a formula: what it is, who gave it, and how. */
  showPlain(track: TrackData, index: number, where: string, away: string): void {
    const value = track.values![index]!;
    const sure = intervalText(track, index).replace(/^, /, "");
    const origin =
      track.source === "recorded" ? "as the file records it" : track.convention || "without a formula";
    const copied = [
      `${track.title} = ${exact(value)}${track.unit ? ` (${track.unit})` : ""}, ${where}`,
      sure,
      origin,
      ...track.notes,
    ];
    this.element.replaceChildren(
      this.title(track.title, where, "Copy the number in full precision with its source", copied),
      ...this.remark(away),
      this.headline(value, exact(value), track.signed),
      ...(sure === "" ? [] : [el("div", { class: "number", text: sure })]),
      el("div", { class: "explain-convention", text: origin }),
      ...track.notes.map((note) => el("p", { class: "note", text: note })),
    );
  }

  /**
   * @param where "step 5", "token 12", or "the trajectory"
   * @param away says that the number is not the one at the cursor, or ""
   */
  show(explanation: ExplanationView, track: TrackData | undefined, where: string, away: string): void {
    const [main, ...others] = explanation.lines;
    const signed = track?.signed ?? false;
    const copied = explanation.lines.map(
      (line) => `${line.name} = ${line.formula} = ${line.substituted} = ${line.exact}`,
    );
    this.element.replaceChildren(
      this.title(explanation.title, where, "Copy the formula with its numbers in full precision", [
        `${explanation.title}, ${where}`,
        explanation.convention,
        ...copied,
        explanation.source,
      ]),
      ...this.remark(away),
      ...(main ? [this.headline(main.value, main.exact, signed), this.line(main, signed, true)] : []),
      ...(others.length > 0 ? [el("div", { class: "explain-where quiet", text: "where" })] : []),
      ...others.map((line) => this.line(line, false, false)),
      ...this.group(explanation),
      el("div", { class: "explain-convention", text: explanation.convention }),
      ...explanation.notes.map((note) => el("p", { class: "note", text: note })),
      el("div", { class: "quiet explain-source", text: explanation.source }),
      ...(explanation.code
        ? [
            button({
              label: explanation.code.label,
              icon: "go-to-file",
              title: `Open the trainer's own line ${explanation.code.line}`,
              onClick: () =>
                explanation.code && this.actions.openCode(explanation.code.path, explanation.code.line),
            }).element,
          ]
        : []),
    );
  }

  private title(name: string, where: string, copyTitle: string, copied: readonly string[]): HTMLElement {
    return el(
      "div",
      { class: "explain-title" },
      el("span", { class: "strong", text: name }),
      el("span", { class: "quiet", text: where }),
      button({
        label: "Copy",
        icon: "copy",
        appearance: "icon",
        title: copyTitle,
        onClick: () => this.actions.copy(copied.filter((line) => line !== "").join("\n")),
      }).element,
    );
  }

  private remark(away: string): HTMLElement[] {
    return away === "" ? [] : [el("p", { class: "quiet explain-away", text: away })];
  }

  private headline(number: number, full: string, signed: boolean): HTMLElement {
    const value = el("div", {
      class: "explain-value number",
      title: `${full} (full precision)`,
      text: valueText(number, signed),
    });
    value.classList.toggle("below", signed && number < 0);
    value.classList.toggle("above", signed && number > 0);
    return value;
  }

  private line(line: ExplanationView["lines"][number], signed: boolean, main: boolean): HTMLElement {
    const left = formula(line.name);
    const repeated = line.substituted === line.formula;
    return el(
      "div",
      { class: main ? "explain-line main" : "explain-line" },
      el("div", { class: "explain-left" }, left),
      el(
        "div",
        { class: "explain-right" },
        el("div", { class: "equals" }, "=", formula(line.formula)),
        !repeated && el("div", { class: "equals" }, "=", formula(line.substituted)),
        el(
          "div",
          { class: "number", title: `${line.exact} (full precision)` },
          `= ${valueText(line.value, signed)}`,
        ),
      ),
    );
  }

  private group(explanation: ExplanationView): HTMLElement[] {
    const { group } = explanation;
    if (!group || group.length === 0) return [];
    return [
      el("div", { class: "quiet", text: `group of ${group.length}, rewards` }),
      el(
        "div",
        { class: "explain-group" },
        ...group.map((member, index) => {
          const chip = el("button", {
            class: member.self ? "member self" : "member",
            text: significant(member.reward),
            title: `#${index}: reward ${exact(member.reward)}${member.self ? ", this trajectory" : ", click to open"}`,
            aria: {
              label: `#${index}: reward ${exact(member.reward)}${member.self ? ", this trajectory" : ""}`,
            },
            on: { click: () => !member.self && this.actions.open(member.id) },
          });
          if (member.self) chip.setAttribute("aria-current", "true");
          return chip;
        }),
      ),
    ];
  }
}
