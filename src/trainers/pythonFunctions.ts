/** One `def` of a Python source, read without running it. */
export interface PythonFunction {
  readonly name: string;
  /** Zero-based line of the `def`. */
  readonly line: number;
  /** Names of the parameters in order, `self` and `cls` left out; `*args` and `**kwargs` keep their stars. */
  readonly parameters: readonly string[];
  /** Decorators without the `@`, as written, nearest last. */
  readonly decorators: readonly string[];
  /** Name of the class around it, if any. */
  readonly className: string | undefined;
}

/** Longest signature that is followed, in lines; a `def` that never closes its bracket is left out. */
const SIGNATURE_LINES = 60;

/**
 * Finds the functions of a Python source by its `def` lines; text inside triple-quoted strings is skipped.
 * Broken source gives what can be found, never an error.
 */
export function pythonFunctions(source: string): PythonFunction[] {
  const lines = source.split(/\r?\n/);
  const inString = linesInsideStrings(lines);
  const found: PythonFunction[] = [];
  const classes: { name: string; indent: number }[] = [];
  let decorators: string[] = [];

  for (let line = 0; line < lines.length; line++) {
    const text = lines[line] ?? "";
    if (inString[line] || text.trim() === "") continue;
    const indent = text.length - text.trimStart().length;
    const bare = text.trim();
    if (bare.startsWith("#")) continue;
    if (bare.startsWith("@")) {
      const end = closingLine(lines, line, 0);
      decorators.push(
        lines
          .slice(line, end + 1)
          .map((part) => part.trim())
          .join(" ")
          .slice(1),
      );
      line = end;
      continue;
    }
    if (!bare.startsWith(")")) {
      while (classes.length > 0 && (classes.at(-1)?.indent ?? 0) >= indent) classes.pop();
    }
    const classMatch = /^class\s+(\w+)/.exec(bare);
    if (classMatch?.[1]) {
      classes.push({ name: classMatch[1], indent });
      decorators = [];
      continue;
    }
    const definition = /^(?:async\s+)?def\s+(\w+)\s*\(/.exec(bare);
    if (definition?.[1]) {
      const end = closingLine(lines, line, 0);
      if (end - line < SIGNATURE_LINES) {
        const signature = lines
          .slice(line, end + 1)
          .map(withoutComment)
          .join("\n");
        found.push({
          name: definition[1],
          line,
          parameters: parameterNames(signature),
          decorators,
          className: classes.at(-1)?.name,
        });
      }
    }
    decorators = [];
  }
  return found;
}

/**
 * Names handed to a keyword or call as a list, such as `reward_funcs=[a, b]` or `Rubric(funcs=[a])`.
 * @param keyword regular expression source of what stands before the value
 */
export function namesGivenTo(source: string, keyword: string): Set<string> {
  const names = new Set<string>();
  for (const match of source.matchAll(
    new RegExp(`${keyword}\\s*=\\s*(?:\\[([^\\]]*)\\]|([A-Za-z_][\\w.]*))`, "g"),
  )) {
    for (const name of (match[1] ?? match[2] ?? "").matchAll(/[A-Za-z_][\w.]*/g))
      names.add(name[0].split(".").at(-1) ?? name[0]);
  }
  return names;
}

/** For each line: does it start inside a triple-quoted string? */
function linesInsideStrings(lines: readonly string[]): boolean[] {
  const inside: boolean[] = [];
  let quote: string | undefined;
  for (const line of lines) {
    inside.push(quote !== undefined);
    let position = 0;
    while (position < line.length) {
      if (quote !== undefined) {
        const end = line.indexOf(quote, position);
        if (end < 0) break;
        position = end + 3;
        quote = undefined;
        continue;
      }
      const character = line[position];
      if (character === "#") break;
      if (character === '"' || character === "'") {
        const triple = character.repeat(3);
        if (line.startsWith(triple, position)) {
          quote = triple;
          position += 3;
          continue;
        }
        position = endOfString(line, position);
        continue;
      }
      position++;
    }
  }
  return inside;
}

/** Position after a one-line string that starts at `start`. */
function endOfString(line: string, start: number): number {
  const quote = line[start];
  for (let position = start + 1; position < line.length; position++) {
    if (line[position] === "\\") position++;
    else if (line[position] === quote) return position + 1;
  }
  return line.length;
}

const withoutComment = (line: string): string => {
  let position = 0;
  while (position < line.length) {
    const character = line[position];
    if (character === "#") return line.slice(0, position);
    position = character === '"' || character === "'" ? endOfString(line, position) : position + 1;
  }
  return line;
};

/** Line on which the brackets opened from `first` on are all closed again. */
function closingLine(lines: readonly string[], first: number, depth: number): number {
  for (let line = first; line < lines.length; line++) {
    const text = withoutComment(lines[line] ?? "");
    let position = 0;
    while (position < text.length) {
      const character = text[position] ?? "";
      if (character === '"' || character === "'") {
        position = endOfString(text, position);
        continue;
      }
      if ("([{".includes(character)) depth++;
      else if (")]}".includes(character)) depth--;
      position++;
    }
    if (depth <= 0) return line;
  }
  return lines.length;
}

function parameterNames(signature: string): string[] {
  const open = signature.indexOf("(");
  const names: string[] = [];
  let depth = 0;
  let piece = "";
  const take = (): void => {
    const name = /^\s*(\*{0,2}[A-Za-z_]\w*)/.exec(piece)?.[1];
    if (name !== undefined && name !== "self" && name !== "cls") names.push(name);
    piece = "";
  };
  for (let position = open; position < signature.length; position++) {
    const character = signature[position] ?? "";
    if (character === '"' || character === "'") {
      const end = endOfString(signature, position);
      piece += signature.slice(position, end);
      position = end - 1;
      continue;
    }
    if ("([{".includes(character)) {
      depth++;
      if (depth === 1) continue;
    } else if (")]}".includes(character)) {
      depth--;
      if (depth === 0) {
        take();
        break;
      }
    } else if (character === "," && depth === 1) {
      take();
      continue;
    }
    piece += character;
  }
  return names;
}
