import { dirname, resolve } from "node:path";
import { Failure } from "../../model/failure";
import type { ValueGrader } from "../../services/generationContract";
import type { StateValue } from "../../protocol/inferenceCalls";
import { counted, shownTask } from "../progress";
import { rowOf, withIndex, type CommonOptions, type Output } from "../session";
import { table } from "../table";
import { samplingOf, type SamplingOptions } from "./fork";
import { providerOption } from "./modelOptions";
import { nearestPython } from "./recompute";

export interface ValueOptions extends CommonOptions, SamplingOptions {
  readonly id: string;
  readonly model: string;
  readonly provider: string;
  readonly afterStep: readonly number[];
  readonly exact?: string;
  readonly numeric?: string;
  readonly regex?: string;
  readonly function?: string;
  readonly python?: string;
}

/** @throws Failure `bad-arguments` unless exactly one grader is named */
async function graderOf(options: ValueOptions): Promise<ValueGrader> {
  const { exact, numeric, regex, function: named } = options;
  const given = [exact, numeric, regex, named].filter((one) => one !== undefined);
  if (given.length !== 1)
    throw new Failure(
      "bad-arguments",
      `Exactly one grader is needed, not ${given.length}.`,
      "Use --exact TEXT, --numeric NUMBER, --regex PATTERN or --function FILE.py:NAME.",
    );
  if (exact !== undefined) return { kind: "exact", answer: exact };
  if (regex !== undefined) return { kind: "regex", pattern: regex };
  if (numeric !== undefined) {
    const answer = Number(numeric);
    if (numeric.trim() === "" || Number.isNaN(answer))
      throw new Failure("bad-arguments", `"${numeric}" is not a number.`, "Correct --numeric.");
    return { kind: "numeric", answer };
  }
  const at = named!.lastIndexOf(":");
  if (at <= 0)
    throw new Failure(
      "bad-arguments",
      `The option --function takes FILE.py:NAME, not "${named!}".`,
      "Write for example --function rewards.py:compute_score.",
    );
  const file = resolve(named!.slice(0, at));
  const python = options.python ?? (await nearestPython(dirname(file)));
  return { kind: "python", file, functionName: named!.slice(at + 1), python };
}

/** Monte-Carlo values of the states along one trajectory. */
export async function valueCommand(path: string, options: ValueOptions): Promise<Output> {
  const provider = providerOption(options.provider);
  const grader = await graderOf(options);
  return withIndex([path], options, async (opened) => {
    const row = await rowOf(opened, options.id);
    const report = await opened.services.generation.value(
      {
        trajectoryId: row.id,
        model: options.model,
        provider,
        options: samplingOf(options),
        grader,
        ...(options.afterStep.length === 0 ? {} : { afterSteps: options.afterStep }),
      },
      shownTask(counted("states valued:")),
    );
    return {
      document: { ...report, values: report.values.map(valueDocument) },
      text: (width) =>
        [
          `values with ${report.model} on ${report.provider}: ${report.tokens} tokens in ${report.seconds.toFixed(3)} s`,
          "",
          table(
            ["behind step", "value", "95 % from", "to", "n", "interval"],
            report.values.map((value) => [value.afterStep, ...bounds(value), value.trials, method(value)]),
            width,
          ),
        ].join("\n"),
      sheet: () => ({
        headings: ["after_step", "value", "low", "high", "n", "method"],
        rows: report.values.map((value) => [
          value.afterStep,
          ...(Number.isNaN(value.value)
            ? [undefined, undefined, undefined]
            : [value.value, ...value.interval]),
          value.trials,
          value.method,
        ]),
      }),
    };
  });
}

/** A value that no continuation was graded for is null. */
const valueDocument = (value: StateValue): unknown =>
  Number.isNaN(value.value) ? { ...value, value: null, interval: null } : value;

function bounds({ value, interval: [low, high] }: StateValue): readonly (number | undefined)[] {
  if (Number.isNaN(value)) return [undefined, undefined, undefined];
  const bound = (number: number): number | undefined =>
    Number.isFinite(number) ? Number(number.toPrecision(4)) : undefined;
  return [value, bound(low), bound(high)];
}

/** Equal results do not make a value certain: what they leave open is said instead of an interval. */
function method({ method: name, othersAtMost, trials }: StateValue): string {
  if (othersAtMost === undefined) return name ?? "";
  return trials === 1
    ? "one sample, no spread"
    : `no spread in ${trials} equal results; up to ${(100 * othersAtMost).toPrecision(3)} % of others may differ`;
}
