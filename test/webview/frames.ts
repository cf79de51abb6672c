import type { Page } from "playwright-core";

/** How evenly a view draws while something moves. */
export interface FrameRate {
  readonly frames: number;
  readonly perSecond: number;
  /** Milliseconds from one frame to the next: middle, 95 of 100, longest. */
  readonly median: number;
  readonly p95: number;
  readonly longest: number;
}

/** What moves: a list scrolled by pixels a frame, or a canvas zoomed in and out with the wheel. */
export type Motion =
  | { readonly kind: "scroll"; readonly selector: string; readonly pixels: number }
  | { readonly kind: "zoom"; readonly selector: string };

/** Moves something in every frame for a while and times the frames. */
export async function frameRate(page: Page, motion: Motion, milliseconds = 2_000): Promise<FrameRate> {
  const times = await page.evaluate(
    ({ motion, milliseconds }) =>
      new Promise<number[]>((done) => {
        const element = document.querySelector<HTMLElement>(motion.selector)!;
        const box = element.getBoundingClientRect();
        const stamps: number[] = [];
        let direction = 1;
        const next = (now: number): void => {
          stamps.push(now);
          if (now - stamps[0]! >= milliseconds) return done(stamps);
          if (motion.kind === "scroll") {
            const before = element.scrollTop;
            element.scrollTop += direction * motion.pixels;
            // At an end it turns back, so that there is something to draw in every frame.
            if (element.scrollTop === before) direction = -direction;
          } else
            element.dispatchEvent(
              new WheelEvent("wheel", {
                deltaY: stamps.length % 60 < 30 ? -60 : 60,
                clientX: box.x + box.width / 2,
                clientY: box.y + box.height / 2,
                bubbles: true,
                cancelable: true,
              }),
            );
          requestAnimationFrame(next);
        };
        requestAnimationFrame(next);
      }),
    { motion, milliseconds },
  );
  const gaps = times
    .slice(1)
    .map((time, index) => time - times[index]!)
    .sort((a, b) => a - b);
  const at = (share: number): number =>
    gaps[Math.min(gaps.length - 1, Math.floor(share * gaps.length))] ?? NaN;
  return {
    frames: gaps.length,
    perSecond: (gaps.length * 1_000) / (times.at(-1)! - times[0]!),
    median: at(0.5),
    p95: at(0.95),
    longest: gaps.at(-1) ?? NaN,
  };
}

export const rateText = ({ perSecond, median, p95, longest }: FrameRate): string =>
  `${perSecond.toFixed(0)} frames a second; ${median.toFixed(1)} ms a frame, 95 of 100 within ${p95.toFixed(1)}, longest ${longest.toFixed(0)}`;
