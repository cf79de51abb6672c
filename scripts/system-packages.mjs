// Programs and libraries of the system that the VS Code server and Chromium need: found, installed on Debian as root,
// or named with the command that installs them.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** An error whose message is written for the person at the terminal. */
export class SetupError extends Error {}

/** The log of who wants none. */
export const quiet = () => {};

/** Runs a program; what it prints is kept and shown only when it fails. */
export function runProgram(program, args, { cwd, env, log = quiet, what }) {
  log(`$ ${program} ${args.join(" ")}`);
  return new Promise((done, fail) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const tail = [];
    const keep = (chunk) => {
      tail.push(String(chunk));
      if (tail.length > 400) tail.shift();
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => fail(new SetupError(`${what} failed: ${error.message}`)));
    child.on("exit", (code) => {
      const text = tail.join("");
      if (code === 0) done(text);
      else
        fail(
          new SetupError(`${what} failed (exit code ${code}):\n${text.split("\n").slice(-40).join("\n")}`),
        );
    });
  });
}

/** Debian packages, each with a sign that it is there already, whoever installed it. */
const debianPackages = [
  { name: "chromium", need: "browser", present: () => chromiumPath() !== undefined },
  { name: "libvulkan1", need: "browser", present: () => sharedLibrary("libvulkan.so.1") },
  { name: "g++", need: "build", present: () => onPath("g++") },
  { name: "make", need: "build", present: () => onPath("make") },
  { name: "python3", need: "build", present: () => onPath("python3") },
  {
    name: "libkrb5-dev",
    need: "build",
    present: () => ["/usr/include/gssapi/gssapi.h", "/usr/include/gssapi.h"].some((file) => existsSync(file)),
  },
];

function onPath(program) {
  return (
    spawnSync(process.platform === "win32" ? "where" : "which", [program], { stdio: "ignore" }).status === 0
  );
}

function sharedLibrary(name) {
  if (process.platform !== "linux") return true;
  const folders = [
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`,
  ];
  return folders.some((folder) => existsSync(join(folder, name)));
}

/** The browser that drives the workbench, or undefined when there is none. `CHROMIUM_PATH` comes first. */
export function chromiumPath() {
  const candidates = [
    process.env.CHROMIUM_PATH,
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ];
  return candidates.find((file) => file !== undefined && existsSync(file));
}

/**
 * Makes sure that the system packages are there: on Debian and its kin as root they are installed with apt-get,
 * elsewhere the missing ones are named with the command that installs them.
 * @param needs "browser" to open the workbench, "build" to install the VS Code server
 */
export async function ensureSystemPackages(needs, { log = quiet } = {}) {
  const missing = debianPackages
    .filter((entry) => needs.includes(entry.need) && !entry.present())
    .map((entry) => entry.name);
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (process.platform === "linux" && onPath("apt-get") && process.getuid?.() === 0) {
    log(`Installing ${missing.join(", ")} with apt-get`);
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await runProgram("apt-get", ["update", "-q"], { env, log, what: "apt-get update" });
    await runProgram("apt-get", command.split(" ").slice(1), { env, log, what: command });
    return;
  }
  const how =
    process.platform === "linux" && onPath("apt-get")
      ? `Install them with: sudo ${command}`
      : `On Debian or Ubuntu that is: sudo ${command}. On other systems install the packages of the same purpose; CHROMIUM_PATH names another Chromium or Chrome.`;
  throw new SetupError(`Missing system packages: ${missing.join(", ")}. ${how}`);
}
