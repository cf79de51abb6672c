/** Sizes a canvas to its box in device pixels and gives a context that draws in CSS pixels, cleared. */
export function beginDrawing(
  canvas: HTMLCanvasElement,
): { context: CanvasRenderingContext2D; width: number; height: number } | undefined {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (width === 0 || height === 0) return undefined;
  const ratio = window.devicePixelRatio || 1;
  const pixelWidth = Math.round(width * ratio);
  const pixelHeight = Math.round(height * ratio);
  if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
    canvas.width = pixelWidth;
    canvas.height = pixelHeight;
  }
  const context = canvas.getContext("2d");
  if (!context) return undefined;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Runs `draw` once in the next frame however often it is asked. */
export function oncePerFrame(draw: () => void): () => void {
  let queued = false;
  return () => {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      draw();
    });
  };
}

/** Calls back when an element's box changes, in the next frame. */
export function onResize(element: Element, changed: () => void): void {
  const queued = oncePerFrame(changed);
  new ResizeObserver(queued).observe(element);
}

/** As much of a text as fits into a width, with an ellipsis where it is cut; "" when only a few letters would. */
export function fitting(context: CanvasRenderingContext2D, text: string, width: number): string {
  const full = context.measureText(text).width;
  if (full <= width) return text;
  let kept = Math.floor((text.length * width) / full);
  while (kept > 3 && context.measureText(`${text.slice(0, kept)}…`).width > width) kept--;
  return kept > 3 ? `${text.slice(0, kept)}…` : "";
}
