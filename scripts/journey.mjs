// The whole path, as one person walks it: the demo and the end-to-end tests run these steps in this order. Every
// step looks for what must be on the screen and fails with a sentence when it is not there.
import { ScreenError } from "./workbench.mjs";

/** Thrown by a step that cannot be taken on this machine. */
export class SkippedStep extends Error {}

/**
 * Runs the steps in order; a failed step does not stop the next one.
 * @param context { workbench, workspace, environment, remembered } handed to every step
 * @returns [{ name, ok, skipped, ms, screenshot, message }]
 */
export async function walk(steps, context, log = () => {}) {
  const taken = [];
  for (const step of steps) taken.push(await takeStep(step, context, log));
  return taken;
}

/** Takes one step and says how it went. */
export async function takeStep(step, context, log = () => {}) {
  const started = Date.now();
  let ok = false;
  let skipped = false;
  let message;
  try {
    message = await step.run(context);
    ok = true;
  } catch (error) {
    skipped = error instanceof SkippedStep;
    message = error instanceof ScreenError || skipped ? error.message : String(error.stack ?? error);
  }
  const ms = Date.now() - started;
  const screenshot = await context.workbench.screenshot(step.name).catch(() => undefined);
  log(`${ok ? "ok  " : skipped ? "skip" : "FAIL"} ${step.name} (${(ms / 1000).toFixed(1)} s)${message ? `: ${message}` : ""}`);
  return { name: step.name, ok, skipped, ms, screenshot, message: message ?? "" };
}
