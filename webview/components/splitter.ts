import { el } from "./element";

/** A bar between two panes: dragged, or moved with the arrow keys; tells the new size of the pane before or after it. */
export function splitter(options: {
  readonly label: string;
  readonly direction: "horizontal" | "vertical";
  readonly after: boolean;
  size(): number;
  onSize(size: number, done: boolean): void;
}): HTMLElement {
  const across = options.direction === "vertical";
  const element = el("div", {
    class: `splitter ${options.direction}`,
    role: "separator",
    tabIndex: 0,
    title: options.label,
    aria: { label: options.label, orientation: across ? "vertical" : "horizontal" },
  });
  element.addEventListener("pointerdown", (down) => {
    const start = across ? down.clientX : down.clientY;
    const size = options.size();
    element.setPointerCapture(down.pointerId);
    const sizeAt = (event: PointerEvent): number => {
      const moved = (across ? event.clientX : event.clientY) - start;
      return size + (options.after ? -moved : moved);
    };
    const move = (event: PointerEvent): void => options.onSize(sizeAt(event), false);
    const up = (event: PointerEvent): void => {
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      options.onSize(sizeAt(event), true);
    };
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
  });
  element.addEventListener("keydown", (event) => {
    const [less, more] = across ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    const sign = event.key === more ? 1 : event.key === less ? -1 : 0;
    if (sign === 0) return;
    event.preventDefault();
    event.stopPropagation();
    options.onSize(options.size() + sign * 22 * (options.after ? -1 : 1), true);
  });
  return element;
}
