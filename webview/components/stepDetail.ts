import type { JsonValue } from "../../src/model/json";
import type { Step } from "../../src/model/trajectory";
import type { StepWindowItem, ToTrajectoryView } from "../../src/protocol/webviewMessages";
import { button } from "./controls";
import { el, icon } from "./element";
import { MarkedPicture } from "./markedPicture";
import { count, exact, significant, withSign } from "./format";
import { stepIcon, stepKind } from "./stepList";

export type TextField = "observation" | "thought" | "action";

/** Longer texts are folded to their beginning. */
const FOLD_CHARACTERS = 1_500;
const FOLD_LINES = 24;
/** Characters that one press on "show more" brings at most, so that a page never freezes on a giant text. */
const SHOWN_AT_ONCE = 200_000;

interface LongText {
  text: string;
  total: number;
  open: boolean;
  wanted: number;
}

export interface StepDetailActions {
  requestText(stepIndex: number, field: TextField, start: number): void;
  copy(text: string): void;
}

/** One step in full: what was seen, thought and done, as text and never as markup. */
export class StepDetail {
  readonly element = el("div", {
    class: "step-detail",
    tabIndex: 0,
    role: "region",
    aria: { label: "Step" },
  });
  private readonly long = new Map<string, LongText>();
  private item: StepWindowItem | undefined;

  constructor(private readonly actions: StepDetailActions) {}

  /** Forgets unfolded texts, for another trajectory. */
  reset(): void {
    this.long.clear();
    this.item = undefined;
  }

  show(item: StepWindowItem): void {
    if (this.item === item) return;
    const moved = this.item?.step.index !== item.step.index;
    this.item = item;
    this.draw();
    if (moved) this.element.scrollTop = 0;
  }

  /** Says why there is nothing to show. */
  say(text: string): void {
    this.item = undefined;
    this.element.replaceChildren(el("p", { class: "quiet", text }));
  }

  /** A piece of a long text has arrived. */
  receive({ stepIndex, field, start, text, total }: Extract<ToTrajectoryView, { type: "text" }>): void {
    const key = `${stepIndex} ${field}`;
    const long = this.long.get(key);
    if (!long || start > long.text.length) return;
    long.text = long.text.slice(0, start) + text;
    long.total = total;
    if (long.text.length < Math.min(total, long.wanted) && text.length > 0)
      this.actions.requestText(stepIndex, field, long.text.length);
    if (this.item?.step.index === stepIndex) this.draw();
  }

  private draw(): void {
    const item = this.item;
    if (!item) return;
    const { step } = item;
    // A screen is read faster than its element tree: what was done and the picture come before such a text.
    const pictured = step.action !== undefined && step.media?.some(({ kind }) => kind === "image") === true;
    const seen = pictured
      ? (["thought", "action"] as const)
      : (["observation", "thought", "action"] as const);
    this.element.replaceChildren(
      el(
        "div",
        { class: "detail-title" },
        icon(stepIcon(step)),
        el("span", { class: "strong", text: `step ${step.index + 1}` }),
        el("span", {
          text:
            step.kind !== undefined && stepKind(step) !== step.role
              ? `${step.role} · ${stepKind(step)}`
              : step.role,
        }),
        ...numbers(step),
        step.terminated === true && el("span", { class: "chip", text: "terminated" }),
        step.truncated === true && el("span", { class: "chip", text: "truncated" }),
      ),
      ...seen.flatMap((field) => this.text(item, field)),
      ...(step.toolCalls ?? []).map((call) =>
        block(
          "tool call",
          el("div", {}, el("code", { class: "strong", text: call.name }), textBox(json(call.arguments))),
        ),
      ),
      ...(pictured ? [...this.media(item), ...this.text(item, "observation")] : this.media(item)),
      ...extra(step),
    );
    if (this.element.childElementCount === 1)
      this.element.append(el("p", { class: "quiet", text: "This step holds no text." }));
  }

  private text(item: StepWindowItem, field: TextField): HTMLElement[] {
    const original = item.step[field];
    if (original === undefined) return [];
    const key = `${item.step.index} ${field}`;
    const cut = item.cut.includes(field);
    const total = item.totals?.[field] ?? (cut ? undefined : original.length);
    let long = this.long.get(key);
    const foldable = cut || original.length > FOLD_CHARACTERS || lineCount(original) > FOLD_LINES;
    if (!foldable) return [block(field, textBox(original))];
    long ??= { text: original, total: total ?? NaN, open: false, wanted: 0 };
    this.long.set(key, long);
    const kept = long;
    const box = textBox(kept.open ? kept.text : kept.text.slice(0, FOLD_CHARACTERS * 2));
    box.classList.toggle("folded", !kept.open);
    const complete = !cut || kept.text.length >= kept.total;
    const toggle = (open: boolean): void => {
      kept.open = open;
      if (open && !complete) {
        kept.wanted = kept.text.length + SHOWN_AT_ONCE;
        this.actions.requestText(item.step.index, field, kept.text.length);
      }
      this.draw();
    };
    const all = Number.isNaN(kept.total) ? "Show all" : `Show all ${count(kept.total)} characters`;
    const controls = el("div", { class: "fold-line" });
    if (!kept.open)
      controls.append(button({ label: all, icon: "unfold", onClick: () => toggle(true) }).element);
    else {
      if (!complete) {
        const label = `${count(kept.text.length)} of ${Number.isNaN(kept.total) ? "…" : count(kept.total)} characters, show more`;
        controls.append(button({ label, icon: "unfold", onClick: () => toggle(true) }).element);
      }
      controls.append(button({ label: "Show less", icon: "fold", onClick: () => toggle(false) }).element);
    }
    controls.append(
      button({
        label: "Copy",
        icon: "copy",
        appearance: "icon",
        title: "Copy what is loaded of this text",
        onClick: () => this.actions.copy(kept.text),
      }).element,
    );
    return [block(field, el("div", {}, box, controls))];
  }

  private media(item: StepWindowItem): HTMLElement[] {
    return (item.step.media ?? []).map((media, index) => {
      const uri = item.mediaUris?.[index];
      const caption = el("div", {
        class: "quiet",
        text:
          uri === undefined
            ? `${media.path}: not inside the dataset's own folder, so it is not loaded.`
            : media.path,
      });
      if (media.kind === "image") {
        const alt = `Picture of step ${item.step.index + 1}: ${media.path}`;
        return block("image", el("div", {}, new MarkedPicture(media, uri, alt).element, caption));
      }
      if (uri === undefined || media.kind === "other")
        return block(media.kind === "other" ? "file" : media.kind, caption);
      const video = el("video", { class: "media" });
      video.controls = true;
      video.src = uri;
      return block("video", el("div", {}, video, caption));
    });
  }
}

function numbers(step: Step): HTMLElement[] {
  const shown: HTMLElement[] = [];
  for (const name of ["reward", "advantage", "value", "logprob"] as const) {
    const value = step[name];
    if (value === undefined) continue;
    shown.push(
      el(
        "span",
        { class: "number", title: `${name} recorded by the file: ${exact(value)}` },
        el("span", { class: "quiet", text: `${name} ` }),
        name === "advantage" ? withSign(value) : significant(value),
      ),
    );
  }
  return shown;
}

function block(label: string, content: HTMLElement): HTMLElement {
  return el("section", { class: "detail-block" }, el("div", { class: "detail-label", text: label }), content);
}

function textBox(text: string): HTMLElement {
  return el("div", { class: "text", text });
}

function extra(step: Step): HTMLElement[] {
  if (!step.extra || Object.keys(step.extra).length === 0) return [];
  const details = el(
    "details",
    { class: "detail-extra" },
    el("summary", { text: `other fields (${Object.keys(step.extra).length})` }),
  );
  details.append(textBox(json(step.extra as JsonValue)));
  return [details];
}

function json(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function lineCount(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0 && lines <= FOLD_LINES; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
