import { RE2JS } from "re2js";
import type { Trajectory } from "../../model/trajectory";
import { expressionTokens, type ExpressionToken } from "./expressionTokens";
import { nearestName, SpecificationError, type SourceRange } from "./sourceText";
import { fieldFamilies, stepCount, stepFields, type FieldValue } from "./stepFields";

/** An expression over the fields of a step, ready to be evaluated. */
export interface StepExpression {
  readonly source: string;
  /** Value at a step; undefined = something in it is not recorded there. */
  valueAt(trajectory: Trajectory, step: number): FieldValue;
}

type Evaluator = (trajectory: Trajectory, step: number) => FieldValue;

const functions: Readonly<Record<string, { readonly arity: number; readonly description: string }>> = {
  abs: { arity: 1, description: "Absolute value" },
  sqrt: { arity: 1, description: "Square root" },
  exp: { arity: 1, description: "Exponential" },
  log: { arity: 1, description: "Natural logarithm" },
  min: { arity: 2, description: "The smaller of two" },
  max: { arity: 2, description: "The larger of two" },
  length: { arity: 1, description: "Characters of a text, entries of a vector" },
  norm: { arity: 1, description: "Euclidean length of a vector" },
  defined: { arity: 1, description: "True where a value is recorded (null counts as recorded)" },
  previous: { arity: 1, description: "The expression one step earlier; unknown at the first step" },
  total: {
    arity: 1,
    description: "Sum of the expression over all steps of the trajectory; unknown where one is",
  },
  discounted: { arity: 1, description: "Its discounted sum over all steps, with the gamma of the signal" },
  average: { arity: 1, description: "Its mean over all steps" },
};

/**
 * Reads an expression over the fields of a step: numbers, texts, fields (`reward`, `observation[3]`, `outcome.format`),
 * `+ - * / %`, comparisons, `text ~ /pattern/i`, `&& || !` (or `and or not`), functions. Nothing is executed; patterns
 * are RE2's, whose time grows linearly with the text.
 *
 * @param gamma discount of `discounted(...)`
 * @throws SpecificationError with one sentence and the place
 */
export function parseStepExpression(source: string, gamma = 1): StepExpression {
  const valueAt = new ExpressionReader(source, gamma).read();
  return { source, valueAt };
}

class ExpressionReader {
  private readonly tokens: readonly ExpressionToken[];
  private at = 0;
  private depth = 0;

  constructor(
    source: string,
    private readonly gamma: number,
  ) {
    this.tokens = expressionTokens(source);
  }

  read(): Evaluator {
    const value = this.either();
    if (this.next.kind !== "end") throw this.error(`"${this.next.text}" does not belong here.`);
    return value;
  }

  private get next(): ExpressionToken {
    return this.tokens[this.at]!;
  }

  private error(message: string, range: SourceRange = this.next): SpecificationError {
    return new SpecificationError(message, { start: range.start, end: Math.max(range.end, range.start + 1) });
  }

  private take(...texts: readonly string[]): string | undefined {
    const { kind, text } = this.next;
    if ((kind !== "sign" && kind !== "name") || !texts.includes(text)) return undefined;
    this.at++;
    return text;
  }

  private expect(text: string): void {
    if (this.take(text) === undefined)
      throw this.error(
        `"${text}" is missing${this.next.kind === "end" ? " at the end" : ` before "${this.next.text}"`}.`,
      );
  }

  private either(): Evaluator {
    let left = this.both();
    while (this.take("||", "or") !== undefined) {
      const [a, b] = [left, this.both()];
      left = (trajectory, step) => {
        const first = truth(a(trajectory, step));
        if (first === true) return true;
        const second = truth(b(trajectory, step));
        return second === true ? true : first === undefined || second === undefined ? undefined : false;
      };
    }
    return left;
  }

  private both(): Evaluator {
    let left = this.negated();
    while (this.take("&&", "and") !== undefined) {
      const [a, b] = [left, this.negated()];
      left = (trajectory, step) => {
        const first = truth(a(trajectory, step));
        if (first === false) return false;
        const second = truth(b(trajectory, step));
        return second === false ? false : first === undefined || second === undefined ? undefined : true;
      };
    }
    return left;
  }

  private negated(): Evaluator {
    if (this.take("not") === undefined && this.take("!") === undefined) return this.comparison();
    const inner = this.nested(() => this.negated());
    return (trajectory, step) => {
      const value = truth(inner(trajectory, step));
      return value === undefined ? undefined : !value;
    };
  }

  private comparison(): Evaluator {
    const left = this.sum();
    const sign = this.take("==", "!=", "<", "<=", ">", ">=", "~", "!~");
    if (sign === undefined) return left;
    if (sign === "~" || sign === "!~") return this.match(left, sign === "~");
    const right = this.sum();
    return (trajectory, step) => compare(sign, left(trajectory, step), right(trajectory, step));
  }

  private match(left: Evaluator, wanted: boolean): Evaluator {
    const token = this.next;
    if (token.kind !== "pattern") throw this.error("A pattern such as /error/i is missing.");
    this.at++;
    const unknown = [...(token.flags ?? "")].find((flag) => !"ims".includes(flag));
    if (unknown !== undefined)
      throw this.error(`A pattern takes the flags i, m and s, not "${unknown}".`, token);
    const flags = {
      i: RE2JS.CASE_INSENSITIVE,
      m: RE2JS.MULTILINE,
      s: RE2JS.DOTALL,
    };
    let pattern: RE2JS;
    try {
      const bits = [...(token.flags ?? "")].reduce((sum, flag) => sum | flags[flag as keyof typeof flags], 0);
      pattern = RE2JS.compile(token.text.replaceAll("\\/", "/"), bits);
    } catch (error) {
      const why =
        error instanceof Error ? error.message.replace(/^error parsing regexp: /u, "") : String(error);
      throw this.error(
        `This pattern cannot be used (${why}); patterns are RE2's, without look-around and back-references.`,
        token,
      );
    }
    return (trajectory, step) => {
      const value = left(trajectory, step);
      return typeof value === "string" ? pattern.matcher(value).find() === wanted : undefined;
    };
  }

  private sum(): Evaluator {
    let left = this.product();
    for (let sign = this.take("+", "-"); sign !== undefined; sign = this.take("+", "-"))
      left = arithmetic(sign, left, this.product());
    return left;
  }

  private product(): Evaluator {
    let left = this.single();
    for (let sign = this.take("*", "/", "%"); sign !== undefined; sign = this.take("*", "/", "%"))
      left = arithmetic(sign, left, this.single());
    return left;
  }

  private single(): Evaluator {
    if (this.take("-") !== undefined) {
      const inner = this.nested(() => this.single());
      return (trajectory, step) => {
        const value = numeric(inner(trajectory, step));
        return value === undefined ? undefined : -value;
      };
    }
    if (this.take("(") !== undefined) {
      const inner = this.nested(() => this.either());
      this.expect(")");
      return inner;
    }
    const token = this.next;
    this.at++;
    if (token.kind === "number") {
      const value = Number(token.text);
      return () => value;
    }
    if (token.kind === "text") return () => token.text;
    if (token.kind === "name") {
      if (token.text === "true" || token.text === "false") return () => token.text === "true";
      if (token.text === "null") return () => null;
      if (this.next.text === "(" && this.next.kind === "sign") return this.call(token);
      return this.field(token);
    }
    this.at--;
    throw this.error(
      token.kind === "end" ? "Something is missing at the end." : `"${token.text}" does not belong here.`,
      token,
    );
  }

  private call(name: ExpressionToken): Evaluator {
    const known = Object.hasOwn(functions, name.text) ? functions[name.text] : undefined;
    if (!known)
      throw this.error(
        `There is no function "${name.text}"${hint(name.text, Object.keys(functions))}; there are ${Object.keys(functions).join(", ")}.`,
        name,
      );
    this.expect("(");
    const inputs = [this.nested(() => this.either())];
    while (this.take(",") !== undefined) inputs.push(this.nested(() => this.either()));
    this.expect(")");
    if (inputs.length !== known.arity)
      throw this.error(
        `${name.text} takes ${known.arity} input${known.arity === 1 ? "" : "s"}, not ${inputs.length}.`,
        name,
      );
    return callOf(name.text, inputs, this.gamma);
  }

  /** A field with its index: `observation[3]`, `outcome["format/reward"]`. */
  private field(name: ExpressionToken): Evaluator {
    const family = fieldFamilies.find((candidate) => candidate.name === name.text);
    let read: Evaluator;
    if (family) {
      read = family.reader(this.member(name));
    } else {
      const field = stepFields.find((candidate) => candidate.name === name.text);
      if (!field) {
        const names = [...stepFields, ...fieldFamilies].map((candidate) => candidate.name);
        throw this.error(
          `There is no field "${name.text}"${hint(name.text, names)}; there are ${names.join(", ")}.`,
          name,
        );
      }
      read = field.read;
    }
    while (this.take("[") !== undefined) {
      const index = this.next;
      if (index.kind !== "number" || !/^\d+$/u.test(index.text))
        throw this.error("An index is a whole number from 0, as in observation[3].", index);
      this.at++;
      this.expect("]");
      const [inner, position] = [read, Number(index.text)];
      read = (trajectory, step) => {
        const value = inner(trajectory, step);
        // A vector of one number reads as that number.
        if (typeof value === "number") return position === 0 ? value : undefined;
        if (typeof value !== "object" || value === null) return undefined;
        const entry = value[position];
        return entry === undefined || Number.isNaN(entry) ? undefined : entry;
      };
    }
    return read;
  }

  private member(family: ExpressionToken): string {
    if (this.take(".") !== undefined) {
      const token = this.next;
      if (token.kind !== "name") throw this.error(`A name is missing behind "${family.text}.".`, token);
      this.at++;
      return token.text;
    }
    if (this.take("[") !== undefined) {
      const token = this.next;
      if (token.kind !== "text")
        throw this.error(`A name in quotes is missing, as in ${family.text}["my field"].`, token);
      this.at++;
      this.expect("]");
      return token.text;
    }
    throw this.error(`Say which: ${family.text}.name.`, family);
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > 200) throw this.error("This is nested too deeply.");
    const value = read();
    this.depth--;
    return value;
  }
}

const hint = (name: string, candidates: readonly string[]): string => {
  const near = nearestName(name, candidates);
  return near === undefined ? "" : ` (did you mean ${near}?)`;
};

/** Truth of a value; undefined = unknown. Numbers are true unless 0, texts are neither. */
export function truth(value: FieldValue): boolean | undefined {
  if (typeof value === "boolean") return value;
  return typeof value === "number" ? value !== 0 : undefined;
}

function numeric(value: FieldValue): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "boolean" ? Number(value) : undefined;
}

function compare(sign: string, left: FieldValue, right: FieldValue): boolean | undefined {
  if (left === undefined || right === undefined) return undefined;
  if (left === null || right === null || typeof left === "string" || typeof right === "string") {
    // null and texts are equal or not; they have no order.
    if (sign === "==") return left === right;
    return sign === "!=" ? left !== right : undefined;
  }
  const [a, b] = [numeric(left), numeric(right)];
  if (a === undefined || b === undefined) return undefined;
  switch (sign) {
    case "==":
      return a === b;
    case "!=":
      return a !== b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    default:
      return a >= b;
  }
}

function arithmetic(sign: string, left: Evaluator, right: Evaluator): Evaluator {
  return (trajectory, step) => {
    const [a, b] = [numeric(left(trajectory, step)), numeric(right(trajectory, step))];
    if (a === undefined || b === undefined) return undefined;
    if (sign === "+") return a + b;
    if (sign === "-") return a - b;
    return sign === "*" ? a * b : sign === "/" ? a / b : a % b;
  };
}

/** A sum or mean over the steps of a trajectory, taken once per trajectory. */
function overSteps(name: string, inner: Evaluator, gamma: number): Evaluator {
  const known = new WeakMap<Trajectory, { readonly value: number | undefined }>();
  const take = (trajectory: Trajectory): number | undefined => {
    const count = stepCount(trajectory);
    let sum = 0;
    let weight = 1;
    for (let step = 0; step < count; step++) {
      const value = numeric(inner(trajectory, step));
      if (value === undefined) return undefined;
      sum += weight * value;
      if (name === "discounted") weight *= gamma;
    }
    if (count === 0) return undefined;
    return name === "average" ? sum / count : sum;
  };
  return (trajectory) => {
    let found = known.get(trajectory);
    if (!found) {
      found = { value: take(trajectory) };
      known.set(trajectory, found);
    }
    return found.value;
  };
}

function callOf(name: string, inputs: readonly Evaluator[], gamma: number): Evaluator {
  const [first, second] = inputs as [Evaluator, Evaluator?];
  if (name === "total" || name === "discounted" || name === "average") return overSteps(name, first, gamma);
  if (name === "defined") return (trajectory, step) => first(trajectory, step) !== undefined;
  if (name === "previous")
    return (trajectory, step) => (step === 0 ? undefined : first(trajectory, step - 1));
  if (name === "length" || name === "norm")
    return (trajectory, step) => {
      const value = first(trajectory, step);
      if (typeof value === "string") return name === "length" ? value.length : undefined;
      if (typeof value === "number") return name === "length" ? 1 : Math.abs(value);
      if (typeof value !== "object" || value === null) return undefined;
      if (name === "length") return value.length;
      let squares = 0;
      for (const entry of value) squares += entry * entry;
      return Math.sqrt(squares);
    };
  return (trajectory, step) => {
    const a = numeric(first(trajectory, step));
    const b = second ? numeric(second(trajectory, step)) : 0;
    if (a === undefined || b === undefined) return undefined;
    if (name === "min") return Math.min(a, b);
    if (name === "max") return Math.max(a, b);
    if (name === "abs") return Math.abs(a);
    if (name === "sqrt") return Math.sqrt(a);
    return name === "exp" ? Math.exp(a) : Math.log(a);
  };
}
