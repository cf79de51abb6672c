import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Vitest's global setup: what the tests leave in the system's folder for temporary files goes with the run. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "lens-"));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
