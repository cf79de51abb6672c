// Packages the extension, installs it into a VS Code as a user would, and starts two servers on that installation:
// one where folders are trusted, one where they are not. Runs once, before all files of the suite.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { ensurePythonEnvironment } from "../../scripts/python-environment.mjs";
import {
  createProfile,
  ensureSystemPackages,
  ensureVsCodeServer,
  installVsix,
  startServer,
} from "../../scripts/vscode-server.mjs";

let servers = [];

const root = resolve(import.meta.dirname, "../..");

/** What the packager prints is shown when it fails. */
function buildVsix(vsix) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/package.mjs", "--out", vsix], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Packaging failed:\n${stdout}${stderr}`);
}

export async function setup(project) {
  const folder = join(root, ".cache/e2e");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });

  await ensureSystemPackages(["browser"], { log: console.log });
  const vscode = await ensureVsCodeServer({ log: console.log });
  const environment = await ensurePythonEnvironment({ log: console.log });
  // TRAJECTORY_LENS_VSIX spares the build while working on the tests; TRAJECTORY_LENS_EXAMPLES opens another workspace.
  const vsix = process.env.TRAJECTORY_LENS_VSIX ?? join(folder, "trajectory-lens.vsix");
  if (!process.env.TRAJECTORY_LENS_VSIX) buildVsix(vsix);

  // Terminals are drawn as text, so that what a task says can be read back.
  const settings = {
    "terminal.integrated.gpuAcceleration": "off",
    ...(environment.python ? { "trajectoryLens.python.path": environment.python } : {}),
  };
  const trusted = createProfile(join(folder, "trusted"), settings);
  await installVsix(vscode, vsix, trusted);
  const untrusted = { ...createProfile(join(folder, "untrusted"), settings), extensions: trusted.extensions };

  const workspace = join(folder, "workspace");
  cpSync(process.env.TRAJECTORY_LENS_EXAMPLES ?? join(root, "examples/workspace"), workspace, {
    recursive: true,
    filter: (path) => basename(path) !== "__pycache__",
  });

  servers = [await startServer(vscode, trusted), await startServer(vscode, untrusted, { trust: false })];
  const installed = readdirSync(trusted.extensions).find((name) => name.includes("trajectory-lens"));
  project.provide("e2e", {
    root,
    folder,
    workspace,
    vsix,
    installed: join(trusted.extensions, installed ?? ""),
    nodes: [vscode.node, process.execPath],
    environment,
    settingsFile: join(trusted.data, "data/Machine/settings.json"),
    trusted: servers[0].origin,
    untrusted: servers[1].origin,
    screenshots: join(root, "test-out/e2e"),
  });
  rmSync(join(root, "test-out/e2e"), { recursive: true, force: true });
}

export async function teardown() {
  for (const server of servers) await server.stop();
}
