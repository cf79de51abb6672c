import { writeFileSync } from "node:fs";
import * as vscode from "vscode";
import { runAll } from "./runner";

/** Runs every test that was imported. The report goes to the file named by TRAJECTORY_LENS_REPORT. */
export async function runSuite(): Promise<void> {
  const file = process.env["TRAJECTORY_LENS_REPORT"];
  const results = await runAll((result) =>
    console.log(`${result.state} ${result.name} (${result.ms} ms) ${result.message}`),
  );
  if (file)
    writeFileSync(file, JSON.stringify({ vscode: vscode.version, node: process.version, results }, null, 2));
  const failed = results.filter((result) => result.state === "failed");
  if (failed.length > 0)
    throw new Error(`${failed.length} failed: ${failed.map((result) => result.name).join("; ")}`);
}
