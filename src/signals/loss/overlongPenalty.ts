import { binary, number, symbol } from "../expression";
import type { Missing } from "../series/episode";
import { numberOf } from "../series/parameters";
import type { ParameterValues, Signal, SignalContext } from "../signal";

/**
 * DAPO's soft overlong punishment: 0 up to `maximum - buffer` tokens, then falling linearly by `factor` over the
 * buffer. As released it is not floored: beyond the maximum it goes below -factor.
 */
export function overlongReward(length: number, maximum: number, buffer: number, factor: number): number {
  return Math.min((-(length - (maximum - buffer)) / buffer) * factor, 0);
}

function responseLength(context: SignalContext): number | Missing {
  const { tokens } = context.trajectory;
  if (!tokens)
    return {
      missing: ["tokenMask"],
      how: "Needs the token count of the response: open the trainer's token export.",
    };
  return tokens.mask ? tokens.mask.reduce((sum, bit) => sum + bit, 0) : tokens.count;
}

function value(length: number, parameters: ParameterValues): number {
  return overlongReward(
    length,
    numberOf(parameters, "maximum"),
    numberOf(parameters, "buffer"),
    numberOf(parameters, "factor"),
  );
}

export const overlongPenalty: Signal = {
  id: "overlong-penalty",
  title: "Overlong penalty",
  family: "reward",
  estimator: true,
  level: "trajectory",
  unit: "reward",
  signed: true,
  needs: ["tokenMask"],
  parameters: [
    {
      name: "maximum",
      description: "Largest response length in tokens.",
      type: "integer",
      minimum: 1,
      default: 20480,
    },
    {
      name: "buffer",
      description: "Tokens before the maximum over which the penalty grows.",
      type: "integer",
      minimum: 1,
      default: 4096,
    },
    { name: "factor", description: "Penalty at the maximum.", type: "number", minimum: 0, default: 1 },
  ],
  presets: [
    {
      id: "dapo",
      title: "DAPO",
      values: {},
      source: "volcengine/verl, verl/workers/reward_manager/dapo.py (not floored as released)",
    },
  ],
  source: "Yu et al. 2025, DAPO, soft overlong punishment; volcengine/verl, reward_manager/dapo.py",
  description: "Penalty that DAPO adds to the reward of answers that come close to the length limit.",
  compute(context, parameters) {
    const length = responseLength(context);
    if (typeof length !== "number") return length;
    return {
      level: "trajectory",
      values: Float64Array.of(value(length, parameters)),
      notes: [`${length} response tokens.`],
    };
  },
  explain(context, parameters, index) {
    const length = responseLength(context);
    if (index !== 0 || typeof length !== "number") return undefined;
    const maximum = symbol("max", numberOf(parameters, "maximum"), "largest response length");
    const buffer = symbol("buffer", numberOf(parameters, "buffer"), "tokens over which it grows");
    const over = binary("-", symbol("l", length, "response tokens"), binary("-", maximum, buffer));
    const scaled = binary(
      "*",
      binary("/", { kind: "negate", of: over }, buffer),
      symbol("factor", numberOf(parameters, "factor")),
    );
    return {
      title: "Overlong penalty",
      convention: "DAPO as released: not floored",
      lines: [
        {
          name: "penalty",
          expression: { kind: "call", name: "min", arguments: [scaled, number(0)] },
          value: value(length, parameters),
        },
      ],
      source: overlongPenalty.source,
      notes: [],
    };
  },
};
