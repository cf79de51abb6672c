// A desktop VS Code for the demo: `code` on PATH, or a download through @vscode/test-electron.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { SetupError } from "./vscode-server.mjs";

const root = resolve(import.meta.dirname, "..");

/** The program that takes VS Code's command line. `VSCODE_CLI` comes first. */
export async function findDesktop() {
  const windows = process.platform === "win32";
  for (const program of [process.env.VSCODE_CLI, "code"].filter(Boolean)) {
    if (spawnSync(program, ["--version"], { stdio: "ignore", shell: windows }).status === 0) return program;
  }
  console.log("There is no `code` on PATH; downloading VS Code ...");
  const { downloadAndUnzipVSCode, resolveCliPathFromVSCodeExecutablePath } = await import("@vscode/test-electron");
  try {
    const executable = await downloadAndUnzipVSCode({ version: "stable", cachePath: join(root, ".vscode-test/desktop") });
    return resolveCliPathFromVSCodeExecutablePath(executable);
  } catch (error) {
    throw new SetupError(
      `No desktop VS Code: there is no \`code\` on PATH and none could be downloaded (${error.message}). Set VSCODE_CLI, or leave out --desktop to use the VS Code server.`,
    );
  }
}

/** A profile of its own, so that nobody's own VS Code is touched. @returns { args } for VS Code's command line */
export function createDesktopProfile(folder, settings) {
  const data = join(folder, "data");
  const file = join(data, "User/settings.json");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ "workbench.startupEditor": "none", "telemetry.telemetryLevel": "off", ...settings }, null, 2)}\n`);
  return { args: ["--user-data-dir", data, "--extensions-dir", join(folder, "extensions")] };
}
