import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type * as vscode from "vscode";
import { register, type Registered } from "./host/register";
import type { Services } from "./services/services";

/** What tests reach through `extensions.getExtension(...).exports`. */
export interface TestApi {
  /** Milliseconds that `activate` took. */
  readonly activationMs: number;
  /** True once the services exist; false right after activation. */
  servicesStarted(): boolean;
  services(): Services;
  readonly parts: Registered;
}

/** Registers everything; builds no service, starts no process and awaits nothing. */
export function activate(context: vscode.ExtensionContext): TestApi {
  const started = performance.now();
  const parts = register(context, join(context.extensionPath, "dist"));
  const activationMs = performance.now() - started;
  parts.host.log.info(
    `Trajectory Lens ${String(context.extension.packageJSON.version)} was activated in ${activationMs.toFixed(1)} ms.`,
  );
  return {
    activationMs,
    servicesStarted: () => parts.host.library.started,
    services: () => parts.host.library.services,
    parts,
  };
}
