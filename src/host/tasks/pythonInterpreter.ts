import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { settings } from "../ui/settings";

/** The part of the Python extension's public interface that is used here. */
interface PythonEnvironments {
  readonly environments?: {
    getActiveEnvironmentPath?(resource?: vscode.Uri): { readonly path?: string } | undefined;
  };
}

const windows = process.platform === "win32";

/**
 * Interpreter for a folder: the setting, else the one chosen in the Python extension, else the nearest `.venv` of the
 * folder or of a folder above it, else `python3` of the PATH.
 */
export async function pythonInterpreter(folder: string): Promise<string> {
  const uri = vscode.Uri.file(folder);
  const configured = settings.pythonPath(uri);
  if (configured !== "") return configured;
  return (await fromPythonExtension(uri)) ?? nearestEnvironment(folder) ?? (windows ? "python" : "python3");
}

async function fromPythonExtension(resource: vscode.Uri): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonEnvironments>("ms-python.python");
  // Not woken up for our sake: an extension that nobody uses here has no interpreter chosen either.
  if (!extension?.isActive) return undefined;
  const path = extension.exports.environments?.getActiveEnvironmentPath?.(resource)?.path;
  if (path === undefined || path === "") return undefined;
  const inside = join(path, windows ? "Scripts/python.exe" : "bin/python");
  return existsSync(inside) ? inside : path;
}

function nearestEnvironment(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    for (const name of [".venv", "venv"]) {
      const python = join(at, name, windows ? "Scripts/python.exe" : "bin/python");
      if (existsSync(python)) return python;
    }
    if (dirname(at) === at) return undefined;
  }
}
