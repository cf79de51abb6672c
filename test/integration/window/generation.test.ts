import { strict as assert } from "node:assert";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import * as vscode from "vscode";
import type { TrajectoryRow } from "../../../src/model/summary";
import type { ForkReport, ValueReport } from "../../../src/services/generationContract";
import { api, closeEditors, inWorkspace, near, reasoningDataset } from "../extension";
import { hands } from "./hands";
import { test, until } from "../runner";

/** A rollout of a group, with several steps. */
async function rollout(): Promise<TrajectoryRow> {
  const { services } = await api();
  const dataset = await reasoningDataset();
  const { rows } = await services().datasets.rows({ datasetId: dataset.id }, 0, 200);
  const found = rows.find((row) => row.groupId !== undefined && row.stepCount >= 3);
  assert.ok(found, "the reasoning example has a rollout with several steps");
  return found;
}

async function policy(): Promise<string> {
  const { parts } = await api();
  const found = (await parts.host.models.list()).find((model) => model.kind === "policy-lm");
  assert.ok(found, "the workspace has a policy");
  return found.path;
}

/** Chooses the processor: a GPU that is drawn in software takes a minute for what it does in a second. */
async function onCpu<T>(work: () => Promise<T>): Promise<T> {
  const configuration = vscode.workspace.getConfiguration("trajectoryLens");
  await configuration.update("provider", "cpu", vscode.ConfigurationTarget.Global);
  try {
    return await work();
  } finally {
    await configuration.update("provider", undefined, vscode.ConfigurationTarget.Global);
  }
}

async function tidy(): Promise<void> {
  await vscode.commands.executeCommand("notifications.clearAll");
  await closeEditors();
}

test("generation: a look-ahead tree grows by the bounds that are chosen and changed, and its branches say so", () =>
  onCpu(async () => {
    const { services, parts } = await api();
    const row = await rollout();
    const before = [readFileSync(row.path), statSync(row.path).mtimeMs] as const;
    const run = vscode.commands.executeCommand<ForkReport>("trajectoryLens.forkHere", {
      trajectoryId: row.id,
      stepIndex: 0,
      model: await policy(),
    });
    await hands().pick("Grow a look-ahead tree");
    await hands().pick("LATR, math scripts");
    const box = /Look-Ahead Tree: behind step 1/;
    await hands().inputProblem(box, "n 6, gap sideways", "gap must be below or above, not “sideways”.");
    await hands().inputProblem(box, "ages 3/x", /ages must be whole numbers/);
    await hands().screenshot("look-ahead bounds");
    await hands().fill(
      box,
      "n 6, absolute 0.01, relative 0.99, ages 3/6, suffix off, rouge 0.95, max_new_tokens 32",
    );
    const report = await run;
    try {
      assert.ok(report.branches.length > 1, `${report.branches.length} branches`);
      for (const { how, status, reason } of report.branches) {
        assert.match(how, /^LATR look-ahead, greedy, branches above 0\.01 with a gap below 0\.99, at most 6/);
        assert.match(how, /pruned after 3, 6 tokens by ROUGE-L above 0\.95/);
        assert.equal(status === "pruned", reason !== undefined);
      }
      const own = parts.host.context.storageUri;
      assert.ok(own && report.file.startsWith(own.fsPath), report.file);
      assert.deepEqual(
        readFileSync(report.file, "utf8")
          .trim()
          .split("\n")
          .map((line) => (JSON.parse(line) as { id: string }).id)
          .filter((id) => report.branches.some((branch) => branch.id === id)).length,
        report.branches.length,
      );
      const tree = await services().generation.tree(row.groupId!);
      const grown = tree.nodes.filter((node) => node.status === "generated" || node.status === "pruned");
      assert.ok(grown.length >= report.branches.length);
      for (const node of grown) assert.match(node.reason ?? "", /generated here with|pruned/);
      assert.deepEqual(
        [readFileSync(row.path), statSync(row.path).mtimeMs],
        before,
        "the data are untouched",
      );
      await hands().screenshot("look-ahead tree");
    } finally {
      for (const { id, parentBranch } of report.branches)
        if (parentBranch === undefined) await services().generation.deleteBranch(id);
      await tidy();
    }
    assert.deepEqual(await services().generation.branches({ trajectoryId: row.id }), []);
    return `${report.branches.length} branches, ${report.branches.filter(({ status }) => status === "pruned").length} pruned, ${report.tokens} tokens`;
  }));

test("generation: what is being written streams in, and cancelling leaves nothing behind", () =>
  onCpu(async () => {
    const { services } = await api();
    const row = await rollout();
    const run = vscode.commands.executeCommand<ForkReport | undefined>("trajectoryLens.forkHere", {
      trajectoryId: row.id,
      stepIndex: 0,
      model: await policy(),
      lookAhead: false,
      // Never a likely text, so that all continuations run on to the end of the context.
      options: "n 256, temperature 5, max_new_tokens 4000",
    });
    const said = await hands().notification(/Continuing with .*\d+ of 256 finished … .*\w/);
    await hands().cancelProgress(/Continuing with/);
    assert.equal(await run, undefined);
    assert.deepEqual(await services().generation.branches({ trajectoryId: row.id }), []);
    assert.deepEqual(await hands().notifications(), [], "cancelling is no failure");
    await tidy();
    return said;
  }));

const DRAW = "n 12, temperature 2, max_new_tokens 48, seed 3";

/** Drives Value of Steps. @param tell answers what the grader asks */
async function value(
  row: TrajectoryRow,
  grader: string,
  tell: () => Promise<void>,
): Promise<ValueReport | undefined> {
  const run = vscode.commands.executeCommand<ValueReport | undefined>("trajectoryLens.valueOfSteps", {
    trajectoryId: row.id,
  });
  await hands().pick(grader);
  await tell();
  await hands().fill(/Value of Steps with/, DRAW);
  return run;
}

/** Under a grader that takes one answer. */
const byAnswer = (row: TrajectoryRow, grader: string, answer: string): Promise<ValueReport | undefined> =>
  value(row, grader, () => hands().fill(grader, answer));

/** Under a Python reward function. */
const byPython = (row: TrajectoryRow, file: string, name: string): Promise<ValueReport | undefined> =>
  value(row, "My own Python reward function", async () => {
    await hands().pickFile("Python file of the reward function", file);
    await hands().fill(/^Reward function$/, name);
  });

/** Wilson's score interval, from the quadratic equation that defines it. */
function wilson(successes: number, n: number): readonly [number, number] {
  const z2 = 1.959963984540054 ** 2;
  const share = successes / n;
  // (share - p)^2 = z^2 p (1 - p) / n, solved for p.
  const [a, b, c] = [1 + z2 / n, -(2 * share + z2 / n), share * share];
  const root = Math.sqrt(b * b - 4 * a * c);
  return [(-b - root) / (2 * a), (-b + root) / (2 * a)];
}

test("generation: values of steps under the built-in graders come with their intervals", () =>
  onCpu(async () => {
    const { services } = await api();
    const row = await rollout();
    const { task } = await services().datasets.trajectory(row.id);
    const { target } = task.groundTruth as { readonly target: number };
    const truth = String(target);
    const numeric = await byAnswer(row, "Last number is the answer", truth);
    assert.ok(numeric && numeric.values.length >= 2);
    for (const state of numeric.values) {
      assert.equal(state.trials, 12);
      assert.equal(state.value, state.successes! / 12);
      const [low, high] = wilson(state.successes!, 12);
      near(state.interval[0], low, 1e-9, "lower end");
      near(state.interval[1], high, 1e-9, "upper end");
      assert.equal(state.method, "Wilson score");
    }
    await hands().notification(/Lowest value .* \(95 % .* to .*, Wilson score, n 12\)/);
    await hands().pressNotification(/Lowest value/, "Show Values");
    const shown = await until("the values in an editor", () =>
      vscode.window.activeTextEditor?.document.getText().includes("| behind step |")
        ? vscode.window.activeTextEditor.document.getText()
        : undefined,
    );
    const table = shown.split("\n").filter((line) => /^\| \d/.test(line));
    assert.equal(table.length, numeric.values.length);
    table.forEach((line, i) =>
      assert.match(line, new RegExp(`\\| 12 \\| ${numeric.values[i]!.successes} \\|$`)),
    );
    await tidy();

    const pattern = `${truth.replace(/\W/g, "\\$&")}\\D*$`;
    const regex = await byAnswer(row, "Text matches a regular expression", pattern);
    const exact = await byAnswer(row, "Last line is the answer", truth);
    for (const report of [regex, exact]) {
      assert.equal(report?.values.length, numeric.values.length);
      for (const state of report.values) assert.equal(state.method, "Wilson score");
    }
    return numeric.values.map(({ successes }) => `${successes}/12`).join(", ");
  }));

test("generation: a Python reward function counts as the built-in grader does, and gives mean rewards otherwise", () =>
  onCpu(async () => {
    const { services } = await api();
    const row = await rollout();
    const { target } = (await services().datasets.trajectory(row.id)).task.groundTruth as {
      readonly target: number;
    };
    const numeric = await byAnswer(row, "Last number is the answer", String(target));
    assert.ok(numeric);
    const file = inWorkspace("scratch/grade.py");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      file,
      [
        "import re",
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):",
        "    numbers = re.findall(r'[-+]?(?:\\d[\\d,]*(?:\\.\\d+)?|\\.\\d+)(?:[eE][-+]?\\d+)?', solution_str)",
        "    return float(bool(numbers) and abs(float(numbers[-1].replace(',', '')) - ground_truth['target']) <= 1e-9)",
        "def length(data_source, solution_str, ground_truth, extra_info=None):",
        "    return len(solution_str) / 10",
        "def broken(data_source, solution_str, ground_truth, extra_info=None):",
        "    raise ValueError('no reward today')",
        "",
      ].join("\n"),
    );
    const python = await byPython(row, file, "compute_score");
    assert.deepEqual(
      python?.values.map(({ successes, trials, interval }) => [successes, trials, interval]),
      numeric.values.map(({ successes, trials, interval }) => [successes, trials, interval]),
    );
    const lengths = await byPython(row, file, "length");
    const spread = lengths!.values.filter(({ method }) => method === "Student t");
    assert.ok(spread.length > 0, "some continuations differ in length");
    for (const state of spread) assert.ok(state.interval[0] < state.value && state.value < state.interval[1]);
    for (const state of lengths!.values) {
      assert.ok(state.method === "Student t" || state.method === "no spread", state.method);
      assert.equal(state.successes, undefined);
    }
    const stored = (await services().datasets.scores(row.id)).find(({ name }) => name === "mc_value");
    assert.equal(stored?.unit, "reward");
    for (const { afterStep, value: mean } of lengths!.values) assert.equal(stored?.values[afterStep], mean);
    await tidy();
    assert.equal(await byPython(row, file, "broken"), undefined);
    assert.match(await hands().notification(/failed on a continuation/), /no reward today/);
    await tidy();
    return numeric.values.map(({ successes }) => `${successes}/12`).join(", ");
  }));
