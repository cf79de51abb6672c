import { shortNumber } from "../signals/expression";
import type { ParameterValue, ParameterValues, Signal } from "../signals/signal";

/** How a parameter reads in a convention; what is not here reads "name value". */
const WORDS: Readonly<Record<string, (value: ParameterValue) => string | undefined>> = {
  std: (value) =>
    ({ sample: "std n-1", population: "std n", none: "no std" })[String(value)] ?? `std ${String(value)}`,
  epsilon: (value) => (typeof value === "number" && value !== 0 ? `eps ${epsilonText(value)}` : undefined),
  baseline: (value) => (value === "mean" ? undefined : `${String(value)} baseline`),
  singleton: () => undefined,
  zeroSpread: () => undefined,
  nan: () => undefined,
  spreadOver: (value) => (value === "others" ? "std of the others" : undefined),
  // Whole files: the name of the formula says enough.
  formula: (value) => (String(value).includes("\n") ? undefined : String(value).slice(0, 80)),
  machine: () => undefined,
  propositions: () => undefined,
  name: (value) => (value === "" ? undefined : String(value)),
  expression: (value) => String(value).slice(0, 80),
  column: (value) => String(value).slice(0, 80),
  precision: (value) => (value === "float32" ? "float32" : undefined),
};

/** `1e-6` rather than `0.000001`. */
const epsilonText = (value: number): string =>
  value < 1e-3 ? value.toExponential().replace("e-0", "e-") : String(value);

/**
 * One line that says which convention made a number: "verl · std n-1, eps 1e-6". Parameters that a named preset fixes
 * or that were changed by hand are told, the rest of the defaults are not.
 */
export function conventionText(
  signal: Signal,
  presetId: string | undefined,
  parameters: ParameterValues,
): string {
  const preset = signal.presets.find((candidate) => candidate.id === presetId);
  const title = preset?.id ?? "";
  const parts: string[] = [];
  for (const parameter of signal.parameters) {
    const value = parameters[parameter.name];
    if (value === undefined) continue;
    const fixed = preset !== undefined && parameter.name in preset.values;
    const changed = value !== parameter.default;
    const always =
      parameter.name === "std" ||
      parameter.name === "epsilon" ||
      parameter.name === "gamma" ||
      parameter.name === "lambda";
    if (!fixed && !changed && !always) continue;
    if (parameter.name === "epsilon" && parameters["std"] === "none") continue;
    const word = WORDS[parameter.name];
    const text = word
      ? word(value)
      : value === null
        ? undefined
        : `${parameter.name} ${typeof value === "number" ? shortNumber(value) : String(value)}`;
    if (text !== undefined) parts.push(text);
  }
  return [title, parts.join(", ")].filter((part) => part !== "").join(" · ");
}
