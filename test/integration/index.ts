import { writeFileSync } from "node:fs";
import * as vscode from "vscode";
import "./activation.test";
import "./index.test";
import "./view.test";
import "./language.test";
import "./specification.test";
import "./runReports.test";
import "./editors.test";
import "./search.test";
import "./scoring.test";
import "./models.test";
import "./tasks.test";
import "./live.test";
import "./badInput.test";
import { runAll } from "./runner";

/** Called inside the extension host by VS Code. The report goes to the file named by TRAJECTORY_LENS_REPORT. */
export async function run(): Promise<void> {
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
