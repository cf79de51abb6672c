import { recordedAdvantage } from "../recorded/recordedSeries";
import { resolveParameters, type ParameterValues, type Signal } from "../signal";

/** One convention to try: a signal with the parameters of one of its presets. */
export interface Candidate {
  readonly signal: Signal;
  readonly presetId: string;
  /** "GRPO advantage, verl Dr.GRPO" */
  readonly title: string;
  /** "verl Dr.GRPO" */
  readonly presetTitle: string;
  /** "gamma 0.95, lambda 0.9"; empty for conventions without discounts. */
  readonly discounts: string;
  readonly parameters: ParameterValues;
}

/** Discounts and trace decays that are tried where the run does not say which it used. */
const usualDiscounts = [0.9, 0.95, 0.97, 0.99, 0.995, 0.999, 1];
const usualDecays = [0, 0.5, 0.9, 0.92, 0.95, 0.97, 0.98, 1];

/**
 * Every preset of every signal whose unit is an advantage; conventions with a discount are tried with the run's own one,
 * or with the usual ones where it is not known.
 */
export function candidatesOf(
  signals: readonly Signal[],
  run: { readonly gamma?: number; readonly lambda?: number } = {},
): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const signal of signals) {
    if (signal.unit !== "advantage" || signal.id === recordedAdvantage.id) continue;
    const has = (name: string): boolean => signal.parameters.some((parameter) => parameter.name === name);
    const presets =
      signal.presets.length > 0 ? signal.presets : [{ id: "defaults", title: "defaults", values: {} }];
    for (const preset of presets) {
      const base = resolveParameters(signal, preset.id === "defaults" ? undefined : preset.id);
      const title = `${signal.title}, ${preset.title}`;
      const add = (values: Record<string, number>): void => {
        const said = Object.entries(values).map(([name, value]) => `${name} ${value}`);
        found.push({
          signal,
          presetId: preset.id,
          title: [title, ...said].join(", "),
          presetTitle: preset.title,
          discounts: said.join(", "),
          parameters: { ...base, ...values },
        });
      };
      // What the run says beats a library's default; without it the default is tried first, then the usual values.
      const choices = (
        name: "gamma" | "lambda",
        usual: readonly number[],
      ): readonly (number | undefined)[] => {
        if (!has(name)) return [undefined];
        const known = run[name];
        const own = base[name];
        if (known !== undefined) return [known];
        return [...new Set(typeof own === "number" ? [own, ...usual] : usual)];
      };
      const gammas = choices("gamma", usualDiscounts);
      const lambdas = choices("lambda", usualDecays);
      for (const gamma of gammas)
        for (const lambda of lambdas)
          add({ ...(gamma === undefined ? {} : { gamma }), ...(lambda === undefined ? {} : { lambda }) });
    }
  }
  return found;
}
