import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** This version of PyTorch first: it is the CPU build. It is pinned in every later installation too. */
const TORCH = "torch==2.13.0";
const BASE = resolve(".cache/producers");

function run(program: string, ...args: string[]): { readonly done: boolean; readonly said: string } {
  const { status, error, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { done: error === undefined && status === 0, said: lastLine(stderr ?? "") };
}

/** The last line that says something, such as the exception under a traceback. */
export function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return (lines.filter((line) => line !== "" && !/^(WARNING|\[notice\])/.test(line)).at(-1) ?? "").slice(
    0,
    300,
  );
}

const pythonOf = (folder: string): string => join(folder, "bin", "python");

/** Found, not imported: some of these packages take seconds to import. */
function has(python: string, modules: readonly string[]): boolean {
  const missing = `import importlib.util, sys; sys.exit(any(importlib.util.find_spec(name) is None for name in ${JSON.stringify(modules)}))`;
  return existsSync(python) && run(python, "-c", missing).done;
}

function install(python: string, packages: readonly string[]): string | undefined {
  const flags = ["-q", "--disable-pip-version-check", "--no-input"];
  const { done, said } = run(python, "-m", "pip", "install", ...flags, ...packages);
  return done ? undefined : said;
}

/** A virtual environment. With `over`, the packages of that one are there too, behind its own. @returns its Python */
function environment(folder: string, over?: string): string | undefined {
  const python = pythonOf(folder);
  if (!existsSync(python) && !run("python3", "-m", "venv", folder).done) return undefined;
  if (over === undefined) return python;
  const packagesOf = (root: string): string => {
    const version = readdirSync(join(root, "lib")).find((name) => name.startsWith("python3")) ?? "python3";
    return join(root, "lib", version, "site-packages");
  };
  writeFileSync(join(packagesOf(folder), "base.pth"), `${packagesOf(over)}\n`);
  return python;
}

/** @returns why nothing can be produced here */
export function prepareBase(): string | undefined {
  if (process.platform === "win32") return "the libraries are installed on Linux and macOS";
  const python = environment(BASE);
  if (python === undefined) return "python3 with venv is not here";
  if (has(python, ["torch", "numpy", "pyarrow"])) return undefined;
  const said = install(python, [TORCH, "numpy"]) ?? install(python, [TORCH, "pyarrow"]);
  return said === undefined ? undefined : `PyTorch and pyarrow cannot be installed: ${said}`;
}

export interface Library {
  readonly packages: readonly string[];
  /** Installed after them and without what they ask for: versions whose pins are narrower than they need to be. */
  readonly alone?: readonly string[];
  /** Modules without which an environment does not have it. */
  readonly modules: readonly string[];
  /** An environment of its own over the common one, for versions that conflict. */
  readonly own?: string;
}

/** The Python that has a library, which is installed where it is not there yet. */
export function pythonWith(library: Library): { readonly python: string } | { readonly reason: string } {
  const { packages, alone = [], modules, own } = library;
  const folder = own === undefined ? BASE : `${BASE}-${own}`;
  const python = environment(folder, own === undefined ? undefined : BASE);
  if (python === undefined) return { reason: "python3 with venv is not here" };
  const stamp = join(folder, `${modules[0] ?? "nothing"}.installed`);
  const wanted = [...packages, ...alone].join(" ");
  const stamped = existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
  if (stamped && has(python, modules)) return { python };
  const said =
    install(python, [TORCH, ...packages]) ??
    (alone.length === 0 ? undefined : install(python, ["--no-deps", ...alone]));
  if (said !== undefined) return { reason: `${wanted} cannot be installed: ${said}` };
  if (!has(python, modules)) return { reason: `${wanted} lacks ${modules.join(", ")}` };
  writeFileSync(stamp, wanted);
  return { python };
}
