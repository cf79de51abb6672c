import { interpolateRgb } from "d3";

/** The colours and fonts that canvases need, read from VS Code's theme variables. */
export interface Theme {
  readonly foreground: string;
  readonly muted: string;
  readonly background: string;
  readonly border: string;
  readonly focus: string;
  readonly selection: string;
  /** Above zero, at zero, below zero: blue, neutral, orange. */
  readonly positive: string;
  readonly neutral: string;
  readonly negative: string;
  readonly series: readonly string[];
  readonly font: string;
  readonly fontSize: number;
  readonly monospace: string;
  readonly highContrast: boolean;
}

let current: Theme | undefined;
const listeners = new Set<() => void>();

function read(): Theme {
  const style = getComputedStyle(document.body);
  const variable = (name: string, fallback: string): string =>
    style.getPropertyValue(name).trim() || fallback;
  const highContrast = /vscode-high-contrast/.test(document.body.className);
  const foreground = variable("--vscode-editor-foreground", variable("--vscode-foreground", "#808080"));
  return {
    foreground,
    muted: highContrast ? foreground : variable("--vscode-descriptionForeground", foreground),
    background: variable("--vscode-editor-background", "transparent"),
    border: variable("--vscode-contrastBorder", variable("--vscode-panel-border", "#80808059")),
    focus: variable("--vscode-focusBorder", "#007fd4"),
    selection: variable("--vscode-list-inactiveSelectionBackground", "#80808033"),
    // The extension's own colours: charts.orange is one third transparent in the default themes and absent in high contrast.
    positive: variable("--vscode-trajectoryLens-positive", variable("--vscode-charts-blue", "#3794ff")),
    neutral: variable("--vscode-charts-lines", "#808080"),
    negative: variable("--vscode-trajectoryLens-negative", variable("--vscode-charts-orange", "#d18616")),
    series: [
      variable("--vscode-charts-blue", foreground),
      variable("--vscode-trajectoryLens-negative", variable("--vscode-charts-orange", foreground)),
      ...["green", "purple", "yellow", "red"].map((name) => variable(`--vscode-charts-${name}`, foreground)),
    ],
    font: variable("--vscode-font-family", "sans-serif"),
    fontSize: Number.parseFloat(variable("--vscode-font-size", "13px")) || 13,
    monospace: variable("--vscode-editor-font-family", "monospace"),
    highContrast,
  };
}

/** The theme in force; cheap to call while drawing. */
export function theme(): Theme {
  current ??= read();
  return current;
}

/** Calls back after VS Code has changed the theme, a font or the contrast. */
export function onThemeChange(listener: () => void): void {
  if (listeners.size === 0) {
    let queued = false;
    const observer = new MutationObserver(() => {
      if (queued) return;
      queued = true;
      requestAnimationFrame(() => {
        queued = false;
        current = undefined;
        for (const each of listeners) each();
      });
    });
    observer.observe(document.body, { attributes: true, attributeFilter: ["class", "style"] });
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "style"] });
  }
  listeners.add(listener);
}

/** Colours of a ramp: mixing one for every node of a large tree would cost more than drawing it. */
const RAMP = 64;
const ramps = new WeakMap<Theme, Readonly<Record<"above" | "below" | "sequential", readonly string[]>>>();

function ramp(kind: "above" | "below" | "sequential", share: number): string {
  const colours = theme();
  let made = ramps.get(colours);
  if (!made) {
    const mix = (from: string, to: string, least: number): readonly string[] =>
      Array.from({ length: RAMP + 1 }, (_, index) =>
        interpolateRgb(from, to)(least + ((1 - least) * index) / RAMP),
      );
    made = {
      above: mix(colours.neutral, colours.positive, 0.25),
      below: mix(colours.neutral, colours.negative, 0.25),
      sequential: mix(colours.background, colours.positive, 0.12),
    };
    ramps.set(colours, made);
  }
  return made[kind][Math.round(Math.min(1, Math.max(0, share)) * RAMP)]!;
}

/** Colour of a signed number: orange below zero, neutral at it, blue above. */
export function divergingColour(value: number, limit: number): string {
  return ramp(value < 0 ? "below" : "above", limit > 0 ? Math.abs(value) / limit : 0);
}

/** Colour of an unsigned number between two limits: from the background towards blue. */
export function sequentialColour(value: number, low: number, high: number): string {
  return ramp("sequential", high > low ? (value - low) / (high - low) : 0.5);
}
