import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../src/model/trajectory";
import { readFile, readParts } from "./readFile";

/** Writes files into a new folder and reads the first of them as the store does. */
async function open(
  files: Readonly<Record<string, unknown>>,
): Promise<{ format: string | undefined; trajectories: readonly Trajectory[]; notes: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "lens-gui-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    const text =
      typeof content === "string"
        ? content
        : name.endsWith(".jsonl")
          ? (content as readonly unknown[]).map((row) => `${JSON.stringify(row)}\n`).join("")
          : JSON.stringify(content);
    writeFileSync(join(folder, name), text);
  }
  const { format, records, problems } = await readFile(join(folder, Object.keys(files)[0] ?? ""));
  return {
    format: format?.id,
    trajectories: format ? records.flatMap((record) => readParts(record, format)) : [],
    notes: problems.map((problem) => problem.message),
  };
}

describe("UI-S1 episodes", () => {
  it("draw the recorded action and the true element on the screenshot", async () => {
    const { format, trajectories } = await open({
      "episodes.jsonl": [
        {
          goal: "Open the mail",
          is_successful: true,
          episode_id: 12,
          steps: [
            {
              action_content: { action: "click", coordinate: [100, 200] },
              check_options: { action: "click", candidate_bbox: [[90, 190, 110, 210]] },
              screenshot: "shots/12_0.png",
              thought: "The mail is there.",
              width: 1080,
              height: 2400,
            },
            {
              action_content: { action: "swipe", coordinate: [5, 50], coordinate2: [5, 10] },
              screenshot: "shots/12_1.png",
            },
          ],
        },
      ],
    });
    expect(format).toBe("ui-s1");
    const [first] = trajectories;
    expect(first?.outcome.success).toBe(true);
    expect(first?.steps[1]).toMatchObject({
      thought: "The mail is there.",
      action: "click(coordinate=[100,200])",
      media: [
        {
          path: "shots/12_0.png",
          frame: { width: 1080, height: 2400 },
          marks: [
            { kind: "point", x: 100, y: 200, role: "action" },
            { kind: "box", x0: 90, y0: 190, x1: 110, y1: 210, role: "truth" },
          ],
        },
      ],
      // The action-match signal reads the recorded action from here.
      extra: { action_content: { action: "click", coordinate: [100, 200] } },
    });
    expect(first?.steps[2]?.media?.[0]?.marks).toEqual([
      { kind: "arrow", x0: 5, y0: 50, x1: 5, y1: 10, role: "action", label: "swipe" },
    ]);
  });

  it("read results of the evaluation, which hold no steps", async () => {
    const { format, trajectories } = await open({
      "model.jsonl": [{ goal: "g", num_steps: 4, task_success: false, final_step_id: 0 }],
    });
    expect(format).toBe("ui-s1-results");
    expect(trajectories[0]?.outcome).toEqual({
      success: false,
      components: { num_steps: 4, final_step_id: 0 },
    });
  });
});

describe("OSWorld examples", () => {
  const rows = [
    {
      step_num: 1,
      action_timestamp: "1",
      action: "pyautogui.click(10, 20)",
      response: "I click.",
      reward: 0,
      done: false,
      screenshot_file: "a.png",
    },
    {
      step_num: 1,
      action_timestamp: "2",
      action: "pyautogui.press('x')",
      response: "I click.",
      reward: 0,
      done: false,
      screenshot_file: "b.png",
    },
    {
      step_num: 2,
      action_timestamp: "3",
      action: "DONE",
      response: "Done.",
      reward: 0,
      done: true,
      screenshot_file: "c.png",
    },
  ];

  it("take the outcome from result.txt: a step's 0 is no reward", async () => {
    const { format, trajectories } = await open({
      "chrome/ex/traj.jsonl": rows,
      "chrome/ex/result.txt": "1.0\n",
    });
    expect(format).toBe("osworld");
    expect(trajectories).toHaveLength(1);
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 1, rewardSource: "result.txt", success: true });
    expect(trajectories[0]?.steps.map((step) => [step.thought, step.reward, step.terminated])).toEqual([
      ["I click.", undefined, undefined],
      [undefined, undefined, undefined],
      ["Done.", undefined, true],
    ]);
    expect(trajectories[0]?.steps[0]?.media?.[0]?.marks).toEqual([
      { kind: "point", x: 10, y: 20, role: "action", label: "click" },
    ]);
  });

  it("have no outcome while result.txt is missing, and say what failed", async () => {
    const { trajectories } = await open({
      "chrome/ex/traj.jsonl": [...rows.slice(0, 1), { Error: "no connection" }],
    });
    expect(trajectories[0]?.outcome).not.toHaveProperty("reward");
    expect(trajectories[0]?.outcome.stopReason).toBe("error");
    expect(trajectories[0]?.notes.map((note) => note.code)).toEqual(["no-result", "run-error"]);
  });
});

describe("BrowserGym experiments", () => {
  const python = `
import gzip, pickle, sys, types
module = types.ModuleType("browsergym.experiments.loop"); sys.modules["browsergym"] = types.ModuleType("browsergym")
sys.modules["browsergym.experiments"] = types.ModuleType("browsergym.experiments"); sys.modules[module.__name__] = module
class StepInfo: pass
StepInfo.__module__ = module.__name__; StepInfo.__qualname__ = "StepInfo"; module.StepInfo = StepInfo
goal = [{"type": "text", "text": "Press Ok"}]
def write(n, reward, action, terminated):
    step = StepInfo()
    step.__dict__.update(step=n, obs={"goal_object": goal, "url": "http://page", "axtree_txt": f"button {n}", "last_action_error": ""},
        reward=reward, raw_reward=None, terminated=terminated, truncated=False, action=action, agent_info={"think": f"thought {n}"} if action else {}, stats=None, profiling=None, task_info={})
    with gzip.open(f"{sys.argv[1]}/step_{n}.pkl.gz", "wb") as out: pickle.dump(step, out)
write(0, 0, "click('1')", False); write(1, 0, "click('2')", False); write(10, 1.0, None, True)
`;

  it("are one trajectory a folder; the reward stands at the action that earned it", async () => {
    const folder = join(mkdtempSync(join(tmpdir(), "lens-gui-")), "2025_Agent_on_task.ok_3");
    mkdirSync(folder);
    const made = spawnSync("python3", ["-c", python, folder]);
    if (made.error) {
      console.log("skipped: python3 is not here");
      return;
    }
    expect(made.stderr.toString()).toBe("");
    writeFileSync(
      join(folder, "summary_info.json"),
      JSON.stringify({
        n_steps: 2,
        cum_reward: 1,
        terminated: true,
        truncated: false,
        err_msg: null,
        "stats.cum_cost": 0.5,
      }),
    );
    const { format, records } = await readFile(join(folder, "step_0.pkl.gz"));
    expect(format?.id).toBe("browsergym");
    const [trajectory] = records.flatMap((record) => readParts(record, format!));
    expect(trajectory?.steps.map((step) => [step.role, step.action, step.thought, step.reward])).toEqual([
      ["user", undefined, undefined, undefined],
      ["assistant", "click('1')", "thought 0", 0],
      ["assistant", "click('2')", "thought 1", 1],
      ["environment", undefined, undefined, undefined],
    ]);
    expect(trajectory?.steps[2]).toMatchObject({
      terminated: true,
      media: [{ path: "screenshot_step_1.png" }],
    });
    expect(trajectory?.outcome).toEqual({
      reward: 1,
      rewardSource: "cum_reward",
      truncated: false,
      components: { "stats.cum_cost": 0.5 },
    });
    expect(trajectory?.task).toEqual({ id: "task.ok", prompt: "Press Ok" });
    // The other steps belong to it and are no datasets of their own.
    expect((await readFile(join(folder, "step_10.pkl.gz"))).partOf).toBe(join(folder, "step_0.pkl.gz"));
  });
});

describe("other GUI agents", () => {
  it("Mobile-Agent: turns in the order of their numbers", async () => {
    const turn = (Action: string): object => ({ Observation: "o", Thought: "t", Action });
    const { format, trajectories } = await open({
      "data.json": { "2": turn("b"), "10": turn("c"), "1": turn("a") },
    });
    expect(format).toBe("mobile-agent");
    expect(trajectories[0]?.steps.map((step) => step.action)).toEqual(["a", "b", "c"]);
  });

  it("OpenCUA: verdicts on steps, coordinates as parts of the screen", async () => {
    const { format, trajectories } = await open({
      "agentnet.jsonl": [
        {
          task_id: "t",
          instruction: "do",
          task_completed: true,
          traj: [
            {
              index: 0,
              image: "0.png",
              value: { code: "pyautogui.click(x=0.5, y=0.25)", thought: "x", last_step_correct: false },
            },
          ],
        },
      ],
    });
    expect(format).toBe("opencua");
    expect(trajectories[0]?.steps[1]).toMatchObject({
      reward: 0,
      media: [{ frame: { width: 1, height: 1 }, marks: [{ kind: "point", x: 0.5, y: 0.25 }] }],
    });
  });

  it("UI-Genie: predictions by episode, predicted and true action beside each other", async () => {
    const call = (action: object): string =>
      `<tool_call>\n${JSON.stringify({ name: "mobile_use", arguments: action })}\n</tool_call>`;
    const { format, trajectories } = await open({
      "example.json": [
        { questionID: "7_2", answer: '{"action": "wait"}', gt: call({ action: "wait" }) },
        { questionID: "8_0", answer: "no action", gt: call({ action: "open" }) },
        {
          questionID: "7_1",
          answer: '{"action": "click", "coordinate": [1, 2]}',
          gt: call({ action: "click", coordinate: [3, 4] }),
        },
      ],
    });
    expect(format).toBe("ui-genie");
    expect(trajectories.map((one) => [one.task.id, one.steps.length])).toEqual([
      ["7", 2],
      ["8", 1],
    ]);
    expect(trajectories[0]?.steps[0]?.extra).toMatchObject({
      step: 1,
      predicted_action: { coordinate: [1, 2] },
      gt_action: { coordinate: [3, 4] },
    });
  });

  it.each(["gpt_traj", "steps"])("OS-Genesis: steps under %s", async (key) => {
    const { format, trajectories } = await open({
      "set.json": [
        {
          instruction: "do",
          task_fail: false,
          reward: 4,
          [key]: [
            {
              screen_before: "a.png",
              action_json: { action_type: "click", x: 1 },
              action_reason: "because",
              summary: "clicked",
            },
          ],
        },
      ],
    });
    expect(format).toBe("os-genesis");
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 4 });
    expect(trajectories[0]?.steps[1]).toMatchObject({ thought: "because", extra: { summary: "clicked" } });
  });

  it("BTL-UI: the true point and its box on the newest screen", async () => {
    const { format, trajectories } = await open({
      "rows.json": [
        {
          images: ["a.png", "b.png"],
          image_sizes: [
            [720, 1280],
            [720, 1280],
          ],
          bbox: [1, 2, 3, 4],
          solution: '[{"Action": {"function": "Tap", "point_2d": [2, 3]}}]',
          messages: [
            { role: "system", content: "s" },
            { role: "user", content: "## User Instruction\nOpen it\n" },
          ],
        },
      ],
    });
    expect(format).toBe("btl-ui");
    const media = trajectories[0]?.steps[1]?.media;
    expect(media?.map((one) => one.marks?.length ?? 0)).toEqual([0, 2]);
    expect(trajectories[0]?.task.prompt).toBe("Open it");
  });

  it("planner and executor steps in the order of their times", async () => {
    const call = (name: string): object => ({ id: name, function: { name, arguments: '{"a": 1}' } });
    const { format, trajectories } = await open({
      "planner_steps.json": [
        {
          step_number: 1,
          timestamp: "2025-01-01T00:00:01",
          user_input: "go",
          tool_calls: [call("plan")],
          todo_list_state: {},
        },
        {
          step_number: 2,
          timestamp: "2025-01-01T00:00:03",
          tool_calls: [call("finish")],
          todo_list_state: {},
        },
      ],
      "executor_sessions.json": {
        s0: [
          {
            step_number: 1,
            timestamp: "2025-01-01T00:00:02",
            query: "tap",
            tool_calls: [call("tap")],
            tool_results: [{ result: { ok: true } }],
          },
        ],
      },
      "metadata.json": { goal: "go", success: true, final_status: "completed" },
    });
    expect(format).toBe("planner-run");
    expect(trajectories[0]?.steps.map((step) => step.action ?? step.observation)).toEqual([
      "go",
      "plan",
      "tap",
      '{"ok":true}',
      "finish",
    ]);
    expect(trajectories[0]?.outcome).toMatchObject({ success: true, stopReason: "completed" });
  });
});

describe("comparisons of answers", () => {
  it("Contrast Instructions: an answer is right for its own instruction alone", async () => {
    const { format, trajectories } = await open({
      "pairs.json": [
        {
          query: "q",
          retrieval: "r",
          query_response_k: "qk",
          query_response_j: "qj",
          retrieval_response_k: "rk",
          retrieval_response_j: "rj",
        },
      ],
    });
    expect(format).toBe("contrast-instructions");
    expect(trajectories.map((one) => [one.task.prompt, one.steps[1]?.action, one.outcome.success])).toEqual([
      ["q", "qk", true],
      ["q", "qj", false],
      ["r", "rk", true],
      ["r", "rj", false],
    ]);
  });

  it("RewardBench 2: rows with texts, and score files", async () => {
    const rows = await open({
      "rb2.jsonl": [
        {
          id: "1",
          prompt: "p",
          chosen: ["good"],
          rejected: ["a", "b"],
          num_correct: 1,
          num_incorrect: 2,
          subset: "Math",
        },
      ],
    });
    expect(rows.format).toBe("rewardbench-2");
    expect(rows.trajectories.map((one) => [one.steps[1]?.action, one.outcome.success, one.split])).toEqual([
      ["good", true, "Math"],
      ["a", false, "Math"],
      ["b", false, "Math"],
    ]);
    const scores = await open({
      "scores.jsonl": [
        { id: "1", text: ["good", "bad"], scores: [[1.5], [-2]], num_correct: 1, subset: "Ties" },
      ],
    });
    expect(scores.trajectories.map((one) => one.outcome.reward)).toEqual([1.5, -2]);
  });

  it("votes: a tie favours neither video", async () => {
    const { trajectories } = await open({
      "votes.json": [
        { id: 0, prompt: "p", video_left: "l.mp4", video_right: "r.mp4", vote_type: "rightvote" },
        { id: 1, prompt: "p", video_left: "l.mp4", video_right: "r.mp4", vote_type: "tievote" },
      ],
    });
    expect(trajectories.map((one) => one.outcome.success)).toEqual([false, true, undefined, undefined]);
  });

  it("an array whose beginning was overwritten with NUL bytes keeps its whole elements", async () => {
    const whole = JSON.stringify(
      Array.from({ length: 50 }, (_, i) => ({ score_chosen: i, score_rejected: -i })),
      undefined,
      2,
    );
    const damaged = Buffer.from(whole);
    // In the middle of a key, as a lost disk block leaves it.
    damaged.fill(0, 0, whole.indexOf("rejected", 400) + 3);
    const folder = mkdtempSync(join(tmpdir(), "lens-gui-"));
    writeFileSync(join(folder, "results.json"), damaged);
    const { format, records } = await readFile(join(folder, "results.json"));
    expect(format?.id).toBe("pair-scores");
    const rewards = records.flatMap((record) => readParts(record, format!)).map((one) => one.outcome.reward);
    expect(rewards.at(-1)).toBe(-49);
    expect(records.length).toBeGreaterThan(35);
    expect(records.length).toBeLessThan(50);
  });
});
