import type { Launch } from "./trainer";

export interface Script {
  readonly path: string;
  readonly text: string;
}

/** Folder and file name of a path with either kind of separator. */
export function splitPath(path: string): { folder: string; name: string } {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return end < 0 ? { folder: ".", name: path } : { folder: path.slice(0, end), name: path.slice(end + 1) };
}

/** Joins a folder with a path that may be absolute already; `.` and `..` are resolved. */
export function joinPath(folder: string, path: string): string {
  if (/^([A-Za-z]:)?[\\/]/.test(path)) return path;
  const parts = folder.split(/[\\/]/);
  for (const part of path.split(/[\\/]/)) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts.join(folder.includes("\\") ? "\\" : "/");
}

/**
 * Value of `key=value`, `key: value` or `--key value` in a launch script, with the script's own plain shell
 * variables put in. Undefined when it is absent or depends on something that only a run knows.
 */
export function scriptValue(text: string, key: string): string | undefined {
  const name = key.replace(/[.\\]/g, "\\$&");
  const match = new RegExp(
    `(?:^|[\\s"'(,{+])(?:--)?${name}\\s*(?:=|:|\\s)\\s*("[^"\\n]*"|'[^'\\n]*'|(?:\\$\\{[^}\\n]*\\}|[^\\s"',)}\\\\])+)`,
    "m",
  ).exec(text);
  const raw = match?.[1]?.replace(/^["']|["']$/g, "");
  if (raw === undefined || raw === "" || raw === "null" || raw === "None") return undefined;
  const value = substituteVariables(raw, text, 0);
  return value.includes("$") || value.includes("{") ? undefined : value;
}

function substituteVariables(value: string, text: string, depth: number): string {
  if (depth > 5) return value;
  return value.replace(
    /\$\{(\w+)(?::-([^}]*))?\}|\$(\w+)/g,
    (whole, braced: string | undefined, fallback: string | undefined, plain: string | undefined) => {
      const name = braced ?? plain ?? "";
      const assigned = new RegExp(`^\\s*(?:export\\s+)?${name}=("[^"\\n]*"|'[^'\\n]*'|[^\\s;]+)`, "m").exec(
        text,
      )?.[1];
      const raw = assigned?.replace(/^["']|["']$/g, "") ?? fallback;
      return raw === undefined || raw.includes("$(") ? whole : substituteVariables(raw, text, depth + 1);
    },
  );
}

/**
 * The command of a launch with its placeholders filled.
 * @param python interpreter for `${python}`
 * @param run name for `${run}`, the folder of a fresh run; made by `runName`
 */
export function launchCommand(launch: Launch, python: string, run: string): readonly string[] {
  return launch.command.map((argument) => argument.replaceAll("${python}", python).replaceAll("${run}", run));
}

/** A run name that sorts by time and needs no quoting: `run-20260131-235959`. */
export function runName(now: Date): string {
  const digits = now.toISOString().replace(/[-:]/g, "");
  return `run-${digits.slice(0, 8)}-${digits.slice(9, 15)}`;
}
