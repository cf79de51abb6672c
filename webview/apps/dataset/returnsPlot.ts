import { extent, mean, scaleLinear, select } from "d3";
import { onResize, oncePerFrame } from "../../components/canvas";
import { el } from "../../components/element";
import { count, plural, significant } from "../../components/format";

/** Episodes fetched for the plot at most. */
export const PLOTTED_EPISODES = 2_000;
const HEIGHT = 90;

/** Returns over episodes in the order of the file, for datasets without training steps. */
export class ReturnsPlot {
  readonly element = el("figure", { class: "returns", hidden: true });
  private readonly caption = el("figcaption");
  private readonly svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  private returns: (number | undefined)[] = [];
  private total = 0;
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(private readonly onEpisode: (index: number) => void) {
    this.svg.setAttribute("role", "img");
    this.element.append(this.caption, this.svg);
    this.svg.addEventListener("click", (event) => {
      const box = this.svg.getBoundingClientRect();
      const index = Math.round(
        scaleLinear([4, box.width - 4], [0, this.returns.length - 1])(event.clientX - box.left),
      );
      if (index >= 0 && index < this.returns.length) this.onEpisode(index);
    });
    onResize(this.element, this.redraw);
  }

  /** @param total episodes of the dataset, to say when only the first ones are plotted */
  set(returns: readonly (number | undefined)[], total: number): void {
    this.returns = [...returns];
    this.total = total;
    this.element.hidden = returns.length < 2;
    this.redraw();
  }

  private draw(): void {
    const width = this.element.clientWidth - 16;
    if (width <= 0) return;
    const finite = this.returns.filter(
      (value): value is number => value !== undefined && Number.isFinite(value),
    );
    const [low, high] = extent(finite);
    const root = select(this.svg).attr("width", width).attr("height", HEIGHT);
    root.selectAll("*").remove();
    const part =
      this.returns.length < this.total
        ? `first ${count(this.returns.length)} of ${plural(this.total, "episode")}`
        : plural(this.total, "episode");
    this.caption.textContent =
      low === undefined || high === undefined
        ? "return: no episode records rewards"
        : `return over episodes (${part}): mean ${significant(mean(finite))}, ${significant(low)} to ${significant(high)}`;
    if (low === undefined || high === undefined) return;
    this.svg.setAttribute("aria-label", this.caption.textContent ?? "");
    const x = scaleLinear([0, Math.max(1, this.returns.length - 1)], [4, width - 4]);
    const y = scaleLinear(low === high ? [low - 1, high + 1] : [low, high], [HEIGHT - 6, 6]);
    const ground = root.append("g").attr("class", "ground");
    for (const value of [low, high])
      ground.append("line").attr("x1", 0).attr("x2", width).attr("y1", y(value)).attr("y2", y(value));
    const points = this.returns
      .map((value, index) => ({ value, index }))
      .filter(
        (point): point is { value: number; index: number } =>
          point.value !== undefined && Number.isFinite(point.value),
      );
    root
      .append("g")
      .attr("class", "points s0")
      .selectAll("circle")
      .data(points)
      .join("circle")
      .attr("r", points.length > 500 ? 1.2 : 2.2)
      .attr("cx", (point) => x(point.index))
      .attr("cy", (point) => y(point.value));
  }
}
