import { beginDrawing } from "./canvas";
import { button } from "./controls";
import { el } from "./element";
import { count, significant, withSign } from "./format";
import { reach } from "./limits";
import { divergingColour, sequentialColour } from "./theme";
import type { TreeScales } from "./treeScales";

/** Says what fill, ring, edge and outline mean in this tree, with the limits of their scales. */
export class TreeLegend {
  readonly element = el("div", { class: "legend", role: "note", aria: { label: "Legend" } });
  private readonly ramp = el("canvas", { class: "legend-ramp" });
  private open: boolean;

  /** @param open false where the picture is too small to give a corner away */
  constructor(open: boolean) {
    this.open = open;
  }

  show(scales: TreeScales, valueSource: string, advantageSource: string): void {
    const { value } = scales;
    const line = (mark: HTMLElement, text: string, title = text): HTMLElement =>
      el("div", { class: "legend-line", title }, mark, el("span", { text }));
    const swatch = (name: string): HTMLElement => el("i", { class: `legend-mark ${name}` });
    const body = el(
      "div",
      { hidden: !this.open },
      el(
        "div",
        { class: "legend-line", title: valueSource },
        this.ramp,
        el("span", {
          class: "number",
          text: value ? `${significant(value.low)} to ${significant(value.high)}` : "no values",
        }),
      ),
      el("div", { class: "legend-note quiet", text: `fill: value, ${valueSource}` }),
      line(
        swatch("edge above"),
        scales.advantage > 0 ? `advantage up to ${withSign(scales.advantage)}` : "no advantages",
        advantageSource,
      ),
      ...(scales.advantage > 0
        ? [
            line(swatch("edge below"), `and down to ${withSign(-scales.advantage)}`),
            el("div", { class: "legend-note quiet", text: advantageSource }),
          ]
        : []),
      ...(scales.visits > 1 ? [line(swatch("ring"), `ring: visits, up to ${count(scales.visits)}`)] : []),
      line(swatch("end"), "square: an end"),
      line(swatch("dashed"), "dashed: pruned or suppressed"),
      line(swatch("generated"), "double: generated here"),
    );
    this.element.replaceChildren(
      el(
        "div",
        { class: "legend-head" },
        el("span", { class: "pane-title", text: "legend" }),
        button({
          label: "Legend",
          icon: this.open ? "chevron-up" : "chevron-down",
          appearance: "icon",
          title: this.open ? "Fold the legend" : "Show the legend",
          onClick: () => {
            this.open = !this.open;
            this.show(scales, valueSource, advantageSource);
          },
        }).element,
      ),
      body,
    );
    requestAnimationFrame(() => {
      const drawing = beginDrawing(this.ramp);
      if (!drawing || !value) return;
      for (let x = 0; x < drawing.width; x++) {
        const at = value.low + ((value.high - value.low) * x) / drawing.width;
        drawing.context.fillStyle = scales.diverging
          ? divergingColour(at, reach(value))
          : sequentialColour(at, value.low, value.high);
        drawing.context.fillRect(x, 0, 1, drawing.height);
      }
    });
  }
}
