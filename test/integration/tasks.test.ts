import { strict as assert } from "node:assert";
import { mkdirSync, writeFileSync } from "node:fs";
import * as vscode from "vscode";
import type { RecomputeReport } from "../../src/services/recomputeContract";
import { api, inWorkspace, workspaceFolder } from "./extension";
import { test, until } from "./runner";

/** A trainer that is recognised by its functions, small enough to run without PyTorch: it only writes rollouts. */
const script = `import argparse, json, os, time
try:
    import torch
except ImportError:
    torch = None

def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return 1.0 if solution_str.strip() == ground_truth else 0.0

def compute_grpo_outcome_advantage(rewards):
    mean = sum(rewards) / len(rewards)
    return [reward - mean for reward in rewards]

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    folder = os.path.join(options.out, "rollouts")
    os.makedirs(folder, exist_ok=True)
    for step in range(1, 4):
        with open(os.path.join(folder, f"{step}.jsonl"), "w") as rollouts:
            for prompt in ("2 + 2", "3 + 3"):
                for answer in ("4", "6", "5", "4"):
                    truth = {"2 + 2": "4", "3 + 3": "6"}[prompt]
                    score = compute_score("sums", answer, truth)
                    rollouts.write(json.dumps({"input": prompt, "output": answer, "gts": truth, "score": score, "step": step}) + "\\n")
                    rollouts.flush()
        time.sleep(0.3)
`;

test("offers the example trainers as tasks with the configured interpreter", async () => {
  await api();
  const tasks = await vscode.tasks.fetchTasks({ type: "trajectoryLens" });
  assert.ok(
    tasks.some((task) => task.name.startsWith("reasoning")),
    "a task for the reasoning example",
  );
  assert.ok(
    tasks.some((task) => task.name.startsWith("control")),
    "a task for the control example",
  );
  for (const task of tasks) {
    const execution = task.execution;
    assert.ok(execution instanceof vscode.ProcessExecution, "a process, not a shell");
    assert.match(execution.process, /python/);
    assert.ok(task.problemMatchers.includes("$trajectory-lens-python"));
    assert.ok(
      !String(task.definition["launch"]).includes(workspaceFolder()),
      "definitions can be shared: no absolute paths",
    );
  }
  return tasks.map((task) => task.name).join("; ");
});

test("a task's rollouts arrive in the view while it runs", async () => {
  const { parts } = await api();
  mkdirSync(inWorkspace("scratch", "tiny"), { recursive: true });
  writeFileSync(inWorkspace("scratch", "tiny", "train.py"), script);
  const task = await until("a task for the new script", async () =>
    (await vscode.tasks.fetchTasks({ type: "trajectoryLens" })).find((candidate) =>
      candidate.name.startsWith("tiny"),
    ),
  );
  const ended = new Promise<number | undefined>((done) => {
    const subscription = vscode.tasks.onDidEndTaskProcess((event) => {
      if (event.execution.task.name !== task.name) return;
      subscription.dispose();
      done(event.exitCode);
    });
  });
  let live = false;
  const subscription = parts.host.library.onChange((change) => {
    if (change.kind === "changed" && change.dataset.path.includes("tiny"))
      live ||= parts.host.library.isLive(change.dataset.id);
  });
  await vscode.tasks.executeTask(task);
  assert.equal(await ended, 0, "the task ends well");
  const dataset = await until("24 rollouts", async () =>
    (await parts.host.library.list()).find(
      (candidate) => candidate.path.includes("tiny") && candidate.trajectories === 24,
    ),
  );
  subscription.dispose();
  assert.equal(dataset.trainingSteps, 3);
  assert.equal(dataset.rewardMean, 9 / 24);
  assert.ok(live, "the dataset was marked live while it grew");
});

test("recomputes rewards with the trainer's own function in the user's interpreter", async () => {
  await api();
  const path = inWorkspace("scratch", "tiny", "train.py");
  const report = await vscode.commands.executeCommand<RecomputeReport | undefined>(
    "trajectoryLens.recomputeRewards",
    { path, functionName: "compute_score" },
  );
  assert.ok(report, "the command gives a report");
  assert.equal(report.rows.length, 8, "the newest training step");
  assert.equal(report.equal, 8);
  assert.equal(report.changed + report.failed + report.incomparable, 0);
  // The same rollouts under another rule: wrong answers earn half.
  writeFileSync(path, script.replace("else 0.0", "else 0.5"));
  const other = await vscode.commands.executeCommand<RecomputeReport | undefined>(
    "trajectoryLens.recomputeRewards",
    { path, functionName: "compute_score" },
  );
  assert.equal(other?.changed, 5);
  assert.equal(other?.recomputedMean, (3 + 5 * 0.5) / 8);
  return `recorded mean ${report.recordedMean}, under the other rule ${other?.recomputedMean}`;
});

test("the example's reward function gives the rewards that its rollouts recorded", async () => {
  await api();
  const path = inWorkspace("reasoning", "rewards.py");
  const report = await vscode.commands.executeCommand<RecomputeReport | undefined>(
    "trajectoryLens.recomputeRewards",
    { path, functionName: "compute_score" },
  );
  assert.ok(report && report.rows.length > 0, "the command gives a report");
  assert.equal(report.equal, report.rows.length, `${report.changed} changed, ${report.failed} failed`);
  return `${report.equal} of ${report.rows.length} equal to the last digit`;
});
