import type { Parameter, ParameterValues } from "../signal";

/** Reads one checked parameter; a wrong type is a mistake in the catalogue, not in the data. */
export function numberOf(parameters: ParameterValues, name: string): number {
  const value = parameters[name];
  if (typeof value !== "number") throw new Error(`Parameter ${name} must be a number.`);
  return value;
}

export function textOf(parameters: ParameterValues, name: string): string {
  const value = parameters[name];
  if (typeof value !== "string") throw new Error(`Parameter ${name} must be text.`);
  return value;
}

export function flagOf(parameters: ParameterValues, name: string): boolean {
  const value = parameters[name];
  if (typeof value !== "boolean") throw new Error(`Parameter ${name} must be true or false.`);
  return value;
}

/** A number that may be left open. */
export function optionalNumberOf(parameters: ParameterValues, name: string): number | undefined {
  const value = parameters[name];
  return typeof value === "number" ? value : undefined;
}

export const gammaParameter = (standard: number): Parameter => ({
  name: "gamma",
  description: "Discount per step (per token at token level).",
  type: "number",
  minimum: 0,
  maximum: 1,
  default: standard,
});

export const lambdaParameter = (standard: number): Parameter => ({
  name: "lambda",
  description: "Trace decay: 0 trusts the values, 1 trusts the rewards.",
  type: "number",
  minimum: 0,
  maximum: 1,
  default: standard,
});

export const precisionParameter: Parameter = {
  name: "precision",
  description: "Arithmetic width: float32 rounds where a float32 framework rounds.",
  type: "choice",
  choices: ["float64", "float32"],
  default: "float64",
};
