import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import * as vscode from "vscode";
import { api } from "./extension";
import { test } from "./runner";

// The budget of 50 ms is for a machine at rest and is told, not tested: on a busy one the same code takes many times that.
// What is tested is that no work hides in it, which would take seconds.
test("activates without starting anything", async () => {
  const exports = await api();
  assert.ok(exports.activationMs < 1000, `activation took ${exports.activationMs.toFixed(1)} ms`);
  return `${exports.activationMs.toFixed(1)} ms`;
});

test("loads no native library into the extension host", async () => {
  await api();
  const maps = process.platform === "linux" ? readFileSync("/proc/self/maps", "utf8") : "";
  for (const library of ["onnxruntime", "duckdb"])
    assert.ok(!maps.includes(library), `${library} is mapped into the extension host`);
});

test("registers every command of package.json, each with a category and an icon", async () => {
  await api();
  const { contributes } = vscode.extensions.getExtension("trajectory-lens.trajectory-lens")?.packageJSON as {
    contributes: {
      commands: { command: string; category?: string; icon?: string }[];
      menus: Record<string, { command: string; when?: string }[]>;
    };
  };
  const registered = new Set(await vscode.commands.getCommands(true));
  for (const { command, category, icon } of contributes.commands) {
    assert.ok(registered.has(command), `${command} is registered`);
    assert.equal(category, "Trajectory Lens", command);
    assert.match(icon ?? "", /^\$\([a-z-]+\)$/, command);
  }
  const declared = new Set(contributes.commands.map(({ command }) => command));
  for (const [menu, items] of Object.entries(contributes.menus)) {
    for (const { command, when } of items) {
      assert.ok(declared.has(command), `${command} in ${menu} is declared`);
      assert.ok(when !== undefined && when !== "", `${command} in ${menu} says when`);
    }
  }
  return `${contributes.commands.length} commands`;
});
