import { beginDrawing } from "./canvas";
import { button } from "./controls";
import { el } from "./element";
import { count, significant, withSign } from "./format";
import { reach } from "./limits";
import { divergingColour, onThemeChange, sequentialColour } from "./theme";
import type { TreeScales } from "./treeScales";

/** Says what fill, ring, edge and outline mean in this tree, with the limits of their scales. */
export class TreeLegend {
  readonly element = el("div", { class: "legend", role: "note", aria: { label: "Legend" } });
  private readonly ramp = el("canvas", { class: "legend-ramp" });
  private open: boolean;
  private shown: () => void = () => undefined;

  /** @param open false where the picture is too small to give more than the scale away */
  constructor(open: boolean) {
    this.open = open;
    onThemeChange(() => this.shown());
  }

  show(scales: TreeScales, valueSource: string, advantageSource: string): void {
    this.shown = () => this.show(scales, valueSource, advantageSource);
    const { value } = scales;
    const line = (name: string, text: string, title = text): HTMLElement =>
      el(
        "div",
        { class: "legend-line", title },
        el("i", { class: `legend-mark ${name}` }),
        el("span", { text }),
      );
    const note = (text: string): HTMLElement => el("div", { class: "legend-note quiet", text });
    const lines = [note(`fill: value, ${valueSource}`)];
    if (scales.advantage > 0) {
      lines.push(
        line("edge above", `advantage up to ${withSign(scales.advantage)}`, advantageSource),
        line("edge below", `down to ${withSign(-scales.advantage)} (${advantageSource})`),
      );
    } else lines.push(note("no advantages"));
    if (scales.visits > 1) lines.push(line("ring", `ring: visits, up to ${count(scales.visits)}`));
    lines.push(line("end", "square: an end"));
    if (scales.abandoned) lines.push(line("dashed", "dashed: pruned or suppressed"));
    if (scales.generated) lines.push(line("generated", "double: generated here"));
    const fold = button({
      label: "Legend",
      icon: this.open ? "chevron-left" : "chevron-right",
      appearance: "icon",
      title: this.open ? "Fold the legend" : "Show the whole legend",
      onClick: () => {
        this.open = !this.open;
        this.shown();
      },
    });
    const limits = value ? `${significant(value.low)} to ${significant(value.high)}` : "no values";
    this.element.replaceChildren(
      el(
        "div",
        { class: "legend-head", title: `fill: value, ${valueSource}` },
        el("span", { class: "quiet", text: "value" }),
        this.ramp,
        el("span", { class: "number", text: limits }),
      ),
      el("div", { class: "legend-lines", hidden: !this.open }, ...lines),
      fold.element,
    );
    requestAnimationFrame(() => this.drawRamp(scales));
  }

  private drawRamp({ value, diverging }: TreeScales): void {
    const drawing = beginDrawing(this.ramp);
    if (!drawing || !value) return;
    for (let x = 0; x < drawing.width; x++) {
      const at = value.low + ((value.high - value.low) * x) / drawing.width;
      drawing.context.fillStyle = diverging
        ? divergingColour(at, reach(value))
        : sequentialColour(at, value.low, value.high);
      drawing.context.fillRect(x, 0, 1, drawing.height);
    }
  }
}
