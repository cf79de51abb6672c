import { beginDrawing, fitting, onResize, oncePerFrame } from "./canvas";
import { button, select } from "./controls";
import { el } from "./element";
import { ABSENT, count, exact, significant, valueText, visibleToken } from "./format";
import { reach, robustLimits } from "./limits";
import { divergingColour, onThemeChange, sequentialColour, theme } from "./theme";
import { alternativesAt, alternativeWords, TokenHover, type Alternatives } from "./tokenHover";
import { tokenTable, type TokenTable } from "./tokenTable";

/** Tokens [start, start + text.length) with their numbers. */
export interface TokenWindow {
  readonly start: number;
  readonly text: readonly string[];
  readonly ids: Int32Array | undefined;
  readonly mask: Uint8Array | undefined;
  readonly series: Readonly<Record<string, Float64Array>>;
}

export interface TokenSource {
  readonly id: string;
  readonly title: string;
}

export interface TokenStripActions {
  onSource(id: string): void;
  onToken(token: number): void;
  onPage(offset: 1 | -1): void;
  copy(text: string): void;
}

const LINE = 30;
const GAP = 1;
const LOGPROB = /log-?prob(ability)?$/i;
const SIGNED = /advantage|reward|return|logprob_diff|kl/i;

/** Tokens as a heat strip: a bar above or below each token's line, a tint, and the numbers of the one under the cursor. */
export class TokenStrip {
  readonly element = el("div", { class: "tokens" });
  private readonly canvas = el("canvas", {
    class: "token-canvas",
    tabIndex: 0,
    role: "slider",
    aria: { label: "Tokens" },
  });
  private readonly scroller = el("div", { class: "token-scroller" }, this.canvas);
  private readonly readout = el("div", { class: "token-readout number", aria: { live: "off" } });
  private readonly range = el("span", { class: "quiet number" });
  private readonly scale = el("span", { class: "token-legend number" });
  private readonly colourBy = select({
    label: "Colour tokens by",
    onChange: (id) => this.actions.onSource(id),
  });
  private readonly back = button({
    label: "Earlier",
    icon: "chevron-left",
    appearance: "icon",
    title: "Earlier tokens",
    onClick: () => this.actions.onPage(-1),
  });
  private readonly forward = button({
    label: "Later",
    icon: "chevron-right",
    appearance: "icon",
    title: "Later tokens",
    onClick: () => this.actions.onPage(1),
  });
  private readonly table: TokenTable;
  private readonly box = new TokenHover();
  private alternatives: Alternatives | undefined;
  private source = "";
  private shown: TokenWindow | undefined;
  private series = "";
  private active = -1;
  private boxes: { x: number; y: number; width: number }[] = [];
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(private readonly actions: TokenStripActions) {
    this.table = tokenTable((token) => this.point(token, true));
    this.table.element.hidden = true;
    const asTable = button({
      label: "Table",
      icon: "table",
      appearance: "icon",
      title: "Show the tokens as a table",
      onClick: () => {
        this.table.element.hidden = !this.table.element.hidden;
        this.scroller.hidden = !this.table.element.hidden;
        asTable.setTitle(this.scroller.hidden ? "Show the tokens as a strip" : "Show the tokens as a table");
        this.redraw();
      },
    });
    this.element.append(
      el(
        "div",
        { class: "tokens-head" },
        el("span", { class: "pane-title", text: "tokens" }),
        el("span", { class: "quiet", text: "coloured by" }),
        this.colourBy.element,
        this.scale,
        el(
          "span",
          { class: "tokens-pages" },
          this.back.element,
          this.range,
          this.forward.element,
          asTable.element,
        ),
      ),
      this.scroller,
      this.table.element,
      this.readout,
      this.box.element,
    );
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => {
      this.read(this.active);
      this.box.hide();
    });
    this.canvas.addEventListener("blur", () => this.box.hide());
    this.scroller.addEventListener("scroll", () => this.box.hide());
    this.canvas.addEventListener("click", (event) => {
      const index = this.hit(event);
      if (index >= 0 && this.shown) this.point(this.shown.start + index, true);
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    onResize(this.scroller, this.redraw);
    onThemeChange(this.redraw);
  }

  setSources(sources: readonly TokenSource[], selected: string): void {
    this.colourBy.setChoices(sources, selected);
    this.source = sources.find((source) => source.id === selected)?.title ?? "";
  }

  /** What the policy held likeliest at the tokens shown; undefined = not known. */
  setAlternatives(alternatives: Alternatives | undefined): void {
    this.alternatives = alternatives;
  }

  /** @param where how these tokens lie in the whole: "step 5", or empty */
  show(window: TokenWindow, series: string, total: number, where: string): void {
    const moved = this.shown?.start !== window.start || this.shown.text !== window.text;
    this.shown = window;
    this.series = series;
    const end = window.start + window.text.length;
    this.range.textContent = `${count(window.start + 1)} to ${count(end)} of ${count(total)}${where === "" ? "" : ` · ${where}`}`;
    this.back.setDisabled(window.start === 0);
    this.forward.setDisabled(end >= total);
    if (moved) {
      this.active = -1;
      this.box.hide();
      this.readout.textContent = "";
      this.scroller.scrollTop = 0;
    }
    this.table.set(window);
    this.canvas.setAttribute("aria-valuemin", String(window.start + 1));
    this.canvas.setAttribute("aria-valuemax", String(end));
    this.redraw();
  }

  private point(token: number, tell: boolean): void {
    const window = this.shown;
    if (!window || window.text.length === 0) return;
    this.active = Math.max(0, Math.min(window.text.length - 1, token - window.start));
    this.read(this.active);
    this.canvas.setAttribute("aria-valuenow", String(window.start + this.active + 1));
    this.canvas.setAttribute("aria-valuetext", this.words(this.active));
    this.redraw();
    const box = this.boxes[this.active];
    if (
      box &&
      (box.y < this.scroller.scrollTop || box.y + LINE > this.scroller.scrollTop + this.scroller.clientHeight)
    )
      this.scroller.scrollTop = box.y - LINE;
    this.showBox(this.active);
    if (tell) this.actions.onToken(window.start + this.active);
  }

  private title(index: number): string {
    const window = this.shown!;
    return `token ${count(window.start + index + 1)} ${JSON.stringify(window.text[index] ?? "")}`;
  }

  /** A token's numbers by name. @param full every digit */
  private facts(index: number, full = false): readonly (readonly [string, string])[] {
    const window = this.shown!;
    const facts: (readonly [string, string])[] = [];
    if (window.ids) facts.push(["id", String(window.ids[index])]);
    if (window.mask) facts.push(["mask", window.mask[index] === 1 ? "trained" : "not trained"]);
    for (const [name, values] of Object.entries(window.series)) {
      const value = values[index] ?? NaN;
      const written = (number: number): string =>
        full || (/rank$/.test(name) && Number.isInteger(number))
          ? exact(number)
          : valueText(number, SIGNED.test(name) && !LOGPROB.test(name));
      facts.push([name, Number.isNaN(value) ? ABSENT : written(value)]);
      if (LOGPROB.test(name) && Number.isFinite(value))
        facts.push([`p`, full ? exact(Math.exp(value)) : significant(Math.exp(value))]);
    }
    return facts;
  }

  /** A token's numbers, in words. */
  private words(index: number): string {
    const window = this.shown;
    if (!window || index < 0 || index >= window.text.length) return "";
    const likeliest = alternativeWords(alternativesAt(this.alternatives, window.start + index));
    return [
      this.title(index),
      ...this.facts(index).map(([name, text]) => (name === "mask" ? text : `${name} ${text}`)),
      ...(likeliest === "" ? [] : [likeliest]),
    ].join(" · ");
  }

  /** Shows the box beside a token. */
  private showBox(index: number): void {
    const [window, box] = [this.shown, this.boxes[index]];
    if (!window || !box) return this.box.hide();
    const canvas = this.canvas.getBoundingClientRect();
    const top = canvas.top + box.y;
    this.box.show(
      this.title(index),
      this.facts(index),
      alternativesAt(this.alternatives, window.start + index),
      window.text[index] ?? "",
      { x: canvas.left + box.x, top, bottom: top + LINE },
    );
  }

  /** The token at the cursor with every digit and where the numbers are from. */
  private copy(): void {
    const window = this.shown;
    if (!window || this.active < 0) return;
    const likeliest = alternativeWords(alternativesAt(this.alternatives, window.start + this.active));
    this.actions.copy(
      [
        this.title(this.active),
        ...this.facts(this.active, true).map(([name, text]) => (name === "mask" ? text : `${name} ${text}`)),
        ...(likeliest === "" ? [] : [likeliest]),
        this.source,
      ].join("\n"),
    );
  }

  private read(index: number): void {
    this.readout.textContent = this.words(index);
    const values = this.shown?.series[this.series];
    this.readout.title = index >= 0 && values ? `${this.series} ${exact(values[index])}` : "";
  }

  private hover(event: PointerEvent): void {
    const index = this.hit(event);
    this.read(index >= 0 ? index : this.active);
    if (index >= 0) this.showBox(index);
    else this.box.hide();
  }

  private hit(event: MouseEvent): number {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    return this.boxes.findIndex(
      (each) => y >= each.y && y < each.y + LINE && x >= each.x && x < each.x + each.width,
    );
  }

  private key(event: KeyboardEvent): void {
    const window = this.shown;
    if (!window) return;
    const line = (offset: 1 | -1): number => {
      const from = this.boxes[this.active];
      if (!from) return this.active;
      const target = from.y + offset * LINE;
      const next = this.boxes.findIndex((box) => box.y === target && box.x + box.width > from.x);
      return next >= 0 ? next : this.active;
    };
    const moves: Readonly<Record<string, () => number>> = {
      ArrowRight: () => this.active + 1,
      ArrowLeft: () => this.active - 1,
      ArrowDown: () => line(1),
      ArrowUp: () => line(-1),
      Home: () => 0,
      End: () => window.text.length - 1,
    };
    if (event.key === "c" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      return this.copy();
    }
    if (event.key === "Escape") return this.box.hide();
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.point(window.start + move(), true);
  }

  private draw(): void {
    const window = this.shown;
    if (!window || this.scroller.hidden) return;
    const width = this.scroller.clientWidth;
    const colours = theme();
    const font = `${colours.fontSize}px ${colours.monospace}`;
    const measure = this.canvas.getContext("2d");
    if (!measure || width === 0) return;
    measure.font = font;
    let x = 0;
    let y = 0;
    const words = window.text.map(visibleToken);
    this.boxes = words.map((word) => {
      const own = Math.min(width, measure.measureText(word).width + 4);
      if (x + own > width && x > 0) {
        x = 0;
        y += LINE;
      }
      const box = { x, y, width: own };
      x += own + GAP;
      if (word.endsWith("⏎")) {
        x = 0;
        y += LINE;
      }
      return box;
    });
    this.canvas.style.height = `${(this.boxes.at(-1)?.y ?? 0) + LINE}px`;
    this.canvas.style.width = `${width}px`;
    const drawing = beginDrawing(this.canvas);
    if (!drawing) return;
    const { context } = drawing;
    const values = window.series[this.series];
    const signed =
      values !== undefined &&
      values.some((value) => value < 0) &&
      SIGNED.test(this.series) &&
      !LOGPROB.test(this.series);
    const limits = values ? robustLimits(values, signed) : undefined;
    this.scale.textContent = limits
      ? `${valueText(limits.low, signed)} to ${valueText(limits.high, signed)}`
      : values
        ? "no numbers here"
        : "";
    context.font = font;
    context.textBaseline = "alphabetic";
    this.boxes.forEach((box, index) => {
      const value = values?.[index] ?? NaN;
      const trained = window.mask === undefined || window.mask[index] === 1;
      if (limits && Number.isFinite(value)) {
        const colour = signed
          ? divergingColour(value, reach(limits))
          : sequentialColour(value, limits.low, limits.high);
        context.fillStyle = colour;
        if (!colours.highContrast) {
          context.globalAlpha = 0.28;
          context.fillRect(box.x, box.y + 1, box.width, LINE - 11);
          context.globalAlpha = 1;
        }
        const base = box.y + LINE - (signed ? 5.5 : 1.5);
        const share = signed
          ? Math.max(-1, Math.min(1, value / reach(limits)))
          : Math.max(0, Math.min(1, (value - limits.low) / (limits.high - limits.low)));
        const size = Math.max(1, Math.abs(share) * (signed ? 4 : 8));
        context.fillStyle = signed ? (value < 0 ? colours.negative : colours.positive) : colours.positive;
        context.fillRect(box.x, share < 0 ? base : base - size, box.width - 1, size);
        if (signed) {
          context.fillStyle = colours.neutral;
          context.fillRect(box.x, base - 0.5, box.width - 1, 1);
        }
      }
      context.fillStyle = trained ? colours.foreground : colours.muted;
      if (!trained) context.globalAlpha = 0.75;
      context.fillText(fitting(context, words[index]!, box.width - 4), box.x + 2, box.y + 15);
      context.globalAlpha = 1;
      if (index === this.active) {
        context.strokeStyle = colours.focus;
        context.lineWidth = 1;
        context.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, LINE - 2);
      }
    });
  }
}
