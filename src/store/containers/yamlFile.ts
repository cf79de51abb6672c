import { parseDocument, type Document } from "yaml";
import { Failure } from "../../model/failure";
import type { JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { FileBytes } from "./byteSource";
import { LastContents } from "./lastContents";

/** Reading YAML takes a second a megabyte. */
const LARGEST_YAML = 64 * 2 ** 20;
/** References to earlier parts (a prompt that all trajectories share) that a file may hold; a few that multiply are a bomb. */
const MOST_ALIASES = 100_000;
/** Values counted as a tree, so that shared parts cannot multiply. */
const MOST_VALUES = 10_000_000;
const DEEPEST = 200;

/** True for files that are called YAML, and for texts that are a YAML list of objects under whatever name. */
export function isYaml(path: string, text: string): boolean {
  if (/\.ya?ml$/i.test(path)) return true;
  if (!/^(?:---[^\n]*\n)?- [A-Za-z_][\w-]*:(?: |\r?\n)/.test(text)) return false;
  // The last line may be cut by the end of what is looked at.
  return text
    .split("\n")
    .slice(0, -1)
    .every((line) => /^(?:-(?: |\r?$)|  |#|---|\r?$)/.test(line));
}

/** What a YAML file holds. */
export interface YamlContent {
  readonly value: JsonValue;
  readonly notes: readonly Note[];
}

const contents = new LastContents<YamlContent>(1);

/**
 * A YAML file as plain data, as PyYAML writes it (YAML 1.1). Tags of Python objects are passed over and nothing is built
 * from them. Of a file that is cut off or damaged, what comes before is kept; the element that was being written is left out.
 * @throws Failure when nothing can be read, or its references would multiply beyond bounds
 */
export function readYaml(path: string): YamlContent {
  const { key, content } = contents.find(path);
  return content ?? contents.keep(key, parseFile(path));
}

function parseFile(path: string): YamlContent {
  const source = FileBytes.of(path);
  if (source.size > LARGEST_YAML)
    throw new Failure(
      "large-yaml",
      `${path} is a YAML file of ${Math.round(source.size / 2 ** 20)} MB.`,
      `YAML files of up to ${LARGEST_YAML / 2 ** 20} MB are read; convert it to JSON lines.`,
    );
  const text = source.read(0, source.size).toString("utf8");
  const document = parsed(text, path);
  const [damage] = document.errors;
  let value: JsonValue;
  try {
    value = plain(document.toJS({ maxAliasCount: MOST_ALIASES }), { left: MOST_VALUES }, 0);
  } catch (error) {
    if (error instanceof Failure) throw new Failure(error.code, `${path} ${error.message}`, error.hint);
    throw unreadable(path, error instanceof Error ? error.message : String(error));
  }
  if (damage === undefined)
    return {
      value,
      // A cut between two lines cannot be told from an end.
      notes: text.endsWith("\n")
        ? []
        : [
            {
              code: "open-text",
              message: `${path} ends in the middle of a line: it is cut off, or its writer is still at work. Its last element may be incomplete.`,
              where: path,
            },
          ],
    };
  const line = damage.linePos?.[0].line ?? 0;
  if (!Array.isArray(value) || value.length < 2)
    throw unreadable(path, `line ${line}: ${firstLine(damage.message)}`);
  return {
    value: (value as readonly JsonValue[]).slice(0, -1),
    notes: [
      {
        code: "torn-document",
        message: `${path} is damaged or cut off at line ${line}: the elements before are shown.`,
        where: `${path}:${line}`,
      },
    ],
  };
}

function parsed(text: string, path: string): Document {
  try {
    return parseDocument(text, {
      version: "1.1",
      logLevel: "silent",
      prettyErrors: true,
      uniqueKeys: false,
      intAsBigInt: false,
    });
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error));
  }
}

function plain(value: unknown, budget: { left: number }, depth: number): JsonValue {
  if (--budget.left < 0 || depth > DEEPEST)
    throw new Failure(
      "yaml-bomb",
      `is a YAML file of more than ${MOST_VALUES.toLocaleString("en")} values or ${DEEPEST} levels.`,
      "It is not read.",
    );
  if (Array.isArray(value)) return value.map((item) => plain(item, budget, depth + 1));
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (value instanceof Set) return [...value].map((item) => plain(item, budget, depth + 1));
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "object" && value !== null) {
    const pairs = value instanceof Map ? [...value] : Object.entries(value);
    return Object.fromEntries(pairs.map(([key, item]) => [String(key), plain(item, budget, depth + 1)]));
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

const firstLine = (text: string): string => text.split("\n", 1)[0]?.replace(/:$/, "") ?? "";

function unreadable(path: string, reason: string): Failure {
  return new Failure(
    "unreadable-yaml",
    `${path} cannot be read as YAML: ${firstLine(reason)}.`,
    "Correct it, or convert it to JSON lines.",
  );
}
