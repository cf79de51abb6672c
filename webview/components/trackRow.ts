import type { TrackData } from "../../src/protocol/webviewMessages";
import { beginDrawing } from "./canvas";
import { button, select } from "./controls";
import { el, icon, setText, setTitle } from "./element";
import { ABSENT, exact, plural, valueText } from "./format";
import { countBeyond, robustLimits, type Limits } from "./limits";
import { missingButton, type MissingAction } from "./missingAction";
import type { StepAxis } from "./stepAxis";
import { intervalText } from "./stepSeries";
import { creditedSpans, drawLevel, drawSeries, type PlottedSeries } from "./trackPlot";

/** Where tokens lie on the step axis; undefined = the file does not tell, so they are spread evenly. */
export type TokenPositions = Float64Array | undefined;

export interface TrackActions {
  onSelect(key: string): void;
  onPreset(key: string, presetId: string): void;
  onRemove(key: string): void;
  onMissing(action: MissingAction): void;
  onExplain(key: string): void;
  /** False where a step is known not to be the policy's: what the whole trajectory earned is not its doing. */
  credited(step: number): boolean;
}

/** One track: what it is, its number at the cursor, its picture, its limits. */
export class TrackRow {
  readonly element = el("div", { class: "track", role: "row" });
  readonly canvas = el("canvas", { class: "track-canvas" });
  private readonly title = el("span", { class: "track-title" });
  private readonly convention = el("span", { class: "track-convention quiet" });
  /** Stands where the model did not read everything. */
  private readonly mark = el("span", { class: "chip", hidden: true });
  private readonly presets = select({
    label: "Convention",
    onChange: (id) => {
      if (id !== "") this.actions.onPreset(this.track.key, id);
    },
  });
  private readonly value = el("div", { class: "track-value number", role: "gridcell" });
  private readonly plot = el("div", { class: "track-plot", role: "gridcell" });
  private readonly limitsBox = el("div", { class: "track-limits number", role: "slider", tabIndex: -1 });
  private readonly menu = el("div", { class: "track-menu", role: "gridcell" });
  private track!: TrackData;
  private natural: Limits | undefined;
  private scale = 1;
  private tokens: TokenPositions;

  constructor(private readonly actions: TrackActions) {
    const label = el(
      "div",
      { class: "track-label", role: "rowheader" },
      el("div", { class: "track-name" }, this.title, this.mark),
      el("div", { class: "track-by" }, this.presets.element, this.convention),
    );
    label.addEventListener("click", (event) => {
      if (event.target !== this.presets.element) this.actions.onSelect(this.track.key);
    });
    label.addEventListener("dblclick", () => this.actions.onExplain(this.track.key));
    this.menu.append(
      button({
        label: "Explain",
        icon: "question",
        appearance: "icon",
        title: "Explain this number (e)",
        onClick: () => this.actions.onExplain(this.track.key),
      }).element,
      button({
        label: "Remove",
        icon: "close",
        appearance: "icon",
        title: "Remove this track",
        onClick: () => this.actions.onRemove(this.track.key),
      }).element,
    );
    this.element.append(label, this.value, this.plot, this.limitsBox, this.menu);
    this.dragLimits();
  }

  get data(): TrackData {
    return this.track;
  }

  /** Puts a track in; the picture is drawn by `draw`. */
  set(track: TrackData, axis: StepAxis, tokens: TokenPositions): void {
    if (this.track?.key !== track.key) this.scale = 1;
    this.track = track;
    this.tokens =
      track.tokenText === undefined && tokens?.length === track.values?.length ? tokens : undefined;
    const { low = [], high = [] } = track.interval ?? {};
    this.natural = track.values
      ? robustLimits(track.interval ? [...track.values, ...low, ...high] : track.values, track.signed)
      : undefined;
    setText(this.title, track.title);
    const hasPresets = (track.presets?.length ?? 0) > 1;
    this.presets.element.hidden = !hasPresets;
    const preset = track.presets?.find((each) => each.id === track.presetId)?.title;
    // Parameters of the run itself (its discount, say) are no library's preset: the menu then names them first.
    const own = hasPresets && preset === undefined;
    // The menu names the preset; what it stands for follows.
    const named = [preset, track.presetId].find((name) => name && track.convention.startsWith(name));
    const rest =
      hasPresets && named !== undefined
        ? track.convention.slice(named.length).replace(/^[\s·]+/, "")
        : track.convention;
    setText(this.convention, own ? "" : rest);
    setText(this.mark, track.partial === undefined ? "" : "cut");
    this.mark.hidden = track.partial === undefined;
    setTitle(this.mark, track.partial ?? "");
    setTitle(
      this.element.firstElementChild as HTMLElement,
      [`${track.title}, ${track.unit}`, track.convention, ...track.notes].join("\n"),
    );
    if (hasPresets)
      this.presets.setChoices(
        [
          ...(own ? [{ id: "", title: track.convention || "own parameters" }] : []),
          ...track.presets!.map(({ id, title }) => ({ id, title })),
        ],
        own ? "" : track.presetId,
      );
    this.plot.replaceChildren(...this.content(axis));
    this.element.classList.toggle("missing", track.missing !== undefined);
    this.limitsBox.hidden = !this.natural;
    (this.menu.firstElementChild as HTMLElement).hidden = !track.explainable || track.missing !== undefined;
    this.drawLimits();
  }

  private content(axis: StepAxis): HTMLElement[] {
    const { track } = this;
    if (track.missing) {
      const { how, action } = track.missing;
      return [
        el(
          "div",
          { class: "hatched" },
          icon("circle-slash"),
          el("span", { class: "hatched-text", text: how, title: how }),
          action && missingButton(action, (wanted) => this.actions.onMissing(wanted)),
        ),
      ];
    }
    if (track.valueCount !== undefined)
      return [
        el("div", { class: "quiet track-waiting", text: `Reading ${plural(track.valueCount, "number")}…` }),
      ];
    if (!track.values || !this.natural) {
      return [
        el(
          "div",
          { class: "hatched" },
          icon("circle-slash"),
          el("span", {
            class: "hatched-text",
            text: track.notes[0] ?? "No number in this series is finite.",
          }),
        ),
      ];
    }
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", this.summary(axis));
    return [this.canvas];
  }

  /** The picture in words. */
  private summary(axis: StepAxis): string {
    const values = this.track.values ?? new Float64Array(0);
    const finite = values.filter(Number.isFinite);
    if (this.track.level === "trajectory" && values.length === 1)
      return `${this.track.title} ${exact(values[0])} for the whole trajectory`;
    const low = finite.reduce((least, value) => Math.min(least, value), Infinity);
    const high = finite.reduce((most, value) => Math.max(most, value), -Infinity);
    return `${this.track.title}: ${plural(finite.length, "number")} over ${plural(axis.count, "step")}, from ${valueText(low, this.track.signed)} to ${valueText(high, this.track.signed)}`;
  }

  private limits(): Limits | undefined {
    const { natural, scale } = this;
    if (!natural || scale === 1) return natural;
    const low = this.track.signed ? natural.low * scale : natural.low;
    const high = this.track.signed
      ? natural.high * scale
      : natural.low + (natural.high - natural.low) * scale;
    return { low, high, beyond: countBeyond(this.track.values ?? [], low, high) };
  }

  private drawLimits(): void {
    const limits = this.limits();
    if (!limits) return;
    const { signed } = this.track;
    // A limit of zero is an edge, not a number with a sign.
    const limit = (value: number): string => (value === 0 ? "0" : valueText(value, signed));
    const high = limit(limits.high);
    const low = limit(limits.low);
    this.limitsBox.replaceChildren(
      el("span", { text: high }),
      limits.beyond > 0 && this.scale === 1
        ? el("span", { class: "quiet", text: `${limits.beyond} beyond` })
        : "",
      el("span", { text: low }),
    );
    this.limitsBox.setAttribute("aria-label", `Limits of ${this.track.title}`);
    this.limitsBox.setAttribute("aria-valuenow", String(this.scale));
    this.limitsBox.setAttribute(
      "aria-valuetext",
      `${low} to ${high}${limits.beyond > 0 ? `, ${plural(limits.beyond, "value")} beyond` : ""}`,
    );
    setTitle(
      this.limitsBox,
      `Scale from ${low} to ${high}${limits.beyond > 0 ? `; ${plural(limits.beyond, "value")} beyond are cut` : ""}. Drag up or down to change, double-click to reset.`,
    );
  }

  private dragLimits(): void {
    const rescale = (scale: number): void => {
      this.scale = Math.min(100, Math.max(0.01, scale));
      this.drawLimits();
      if (this.lastAxis) this.draw(this.lastAxis);
    };
    this.limitsBox.addEventListener("pointerdown", (down) => {
      const from = this.scale;
      this.limitsBox.setPointerCapture(down.pointerId);
      const move = (event: PointerEvent): void => rescale(from * 2 ** ((event.clientY - down.clientY) / 40));
      this.limitsBox.addEventListener("pointermove", move);
      this.limitsBox.addEventListener(
        "pointerup",
        () => this.limitsBox.removeEventListener("pointermove", move),
        { once: true },
      );
    });
    this.limitsBox.addEventListener("dblclick", () => rescale(1));
    this.limitsBox.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      rescale(this.scale * (event.key === "ArrowDown" ? 1.25 : 0.8));
      event.preventDefault();
      event.stopPropagation();
    });
  }

  private lastAxis: StepAxis | undefined;

  /** The series with its places on the axis. */
  private plotted(axis: StepAxis, limits: Limits): PlottedSeries {
    const values = this.track.values!;
    const { low, high } = limits;
    const { interval } = this.track;
    const shared = { values, signed: this.track.signed, low, high, ...(interval ? { interval } : {}) };
    if (this.track.level !== "token") {
      return {
        ...shared,
        position: (index) => index + 0.5,
        range: (from, to) => [Math.max(0, Math.floor(from)), Math.min(values.length, Math.ceil(to))],
      };
    }
    const positions = this.tokens;
    if (positions)
      return { ...shared, position: (index) => positions[index]!, range: () => [0, values.length] };
    const each = axis.count / Math.max(1, values.length);
    return {
      ...shared,
      position: (index) => (index + 0.5) * each,
      range: (from, to) => [
        Math.max(0, Math.floor(from / each)),
        Math.min(values.length, Math.ceil(to / each)),
      ],
    };
  }

  draw(axis: StepAxis): void {
    this.lastAxis = axis;
    const limits = this.limits();
    if (!limits || !this.canvas.isConnected) return;
    const drawing = beginDrawing(this.canvas);
    if (!drawing) return;
    const { context, width, height } = drawing;
    const { values, level, signed } = this.track;
    if (level === "trajectory" && values!.length === 1)
      drawLevel(
        context,
        width,
        height,
        values![0]!,
        signed,
        limits.low,
        limits.high,
        creditedSpans(axis, (step) => this.actions.credited(step)),
      );
    else drawSeries(context, width, height, axis, this.plotted(axis, limits));
  }

  /** The number at a step, or at a token for token series. */
  at(step: number, token: number | undefined): number {
    const { values, level } = this.track;
    if (!values) return NaN;
    if (level === "trajectory" && values.length === 1) return values[0]!;
    return (level === "token" ? (token === undefined ? NaN : values[token]) : values[step]) ?? NaN;
  }

  /** The number at a step (or token) with every digit, what it is and where it is from. */
  words(step: number, token: number | undefined): string {
    const { title, unit, convention, notes, level, missing } = this.track;
    const place =
      level === "trajectory"
        ? "the trajectory"
        : level === "token"
          ? `token ${(token ?? 0) + 1}`
          : `step ${step + 1} (t = ${step})`;
    const number = this.at(step, token);
    return [
      `${title} = ${Number.isFinite(number) ? exact(number) : (missing?.how ?? "not recorded")}${unit ? ` (${unit})` : ""}${intervalText(this.track, step)}, ${place}`,
      convention,
      ...notes,
    ]
      .filter((line) => line !== "")
      .join("\n");
  }

  /** Shows the number at a step (or token). */
  point(step: number, token: number | undefined, hovering: boolean): void {
    const number = this.at(step, token);
    const { signed, level } = this.track;
    const shown = Number.isFinite(number);
    setText(
      this.value,
      this.track.values
        ? shown
          ? /^rank/.test(this.track.unit) && Number.isInteger(number)
            ? String(number)
            : valueText(number, signed)
          : level === "token" && token === undefined
            ? ""
            : ABSENT
        : "",
    );
    setTitle(
      this.value,
      shown ? `${exact(number)} ${this.track.unit}${intervalText(this.track, step)}` : "no number here",
    );
    this.value.classList.toggle("hovering", hovering);
    this.value.classList.toggle("below", signed && number < 0);
    this.value.classList.toggle("above", signed && number > 0);
  }
}
