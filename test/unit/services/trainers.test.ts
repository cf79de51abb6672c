import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { creditFunctions, nearestDatasets } from "../../../src/services/annotations";
import type { DatasetInfo } from "../../../src/model/summary";
import { trainers } from "../../../src/trainers/index";
import { launchCommand, runName, scriptValue, type Script } from "../../../src/trainers/launchScripts";
import { plainGrpo } from "../../../src/trainers/plainGrpo";
import { plainPpo } from "../../../src/trainers/plainPpo";
import { primeRl } from "../../../src/trainers/primeRl";
import { pythonFunctions } from "../../../src/trainers/pythonFunctions";
import { trl } from "../../../src/trainers/trl";
import { verl } from "../../../src/trainers/verl";

const world = (name: string): Script[] => {
  const folder = resolve("examples/workspace", name);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".py"))
    .map((file) => ({ path: join(folder, file), text: readFileSync(join(folder, file), "utf8") }));
};

const lineOf = (script: Script, start: string): number =>
  script.text.split("\n").findIndex((line) => line.startsWith(start));

const find = (scripts: readonly Script[], name: string): Script => {
  const script = scripts.find(({ path }) => path.endsWith(`/${name}`));
  if (!script) throw new Error(`${name} is missing`);
  return script;
};

describe("the example trainers", () => {
  it("finds the reward and the advantage function of the reasoning world at their lines", () => {
    const scripts = world("reasoning");
    const rewards = find(scripts, "rewards.py");
    expect(creditFunctions(rewards.path, rewards.text)).toEqual([
      {
        kind: "reward",
        name: "compute_score",
        line: lineOf(rewards, "def compute_score("),
        trainerId: "verl",
        trainerTitle: "verl",
      },
    ]);
    const advantages = find(scripts, "advantages.py");
    expect(
      creditFunctions(advantages.path, advantages.text).map(({ kind, name, line }) => ({ kind, name, line })),
    ).toEqual([
      {
        kind: "advantage",
        name: "compute_grpo_outcome_advantage",
        line: lineOf(advantages, "def compute_grpo_outcome_advantage("),
      },
    ]);
    for (const name of ["model.py", "tokenization.py", "puzzles.py"]) {
      const script = find(scripts, name);
      expect(creditFunctions(script.path, script.text)).toEqual([]);
    }
  });

  it("finds those of the control world, and launches both worlds in full and short", () => {
    const scripts = [...world("reasoning"), ...world("control")];
    const rewards = find(world("control"), "rewards.py");
    expect(plainPpo.creditFunctions(rewards.path, rewards.text)).toContainEqual({
      kind: "reward",
      name: "reward_function",
      line: lineOf(rewards, "def reward_function("),
    });
    const advantages = find(world("control"), "advantages.py");
    expect(creditFunctions(advantages.path, advantages.text).map(({ name }) => name)).toEqual([
      "compute_gae_advantage_return",
    ]);

    const folder = resolve("examples/workspace/control");
    const launches = trainers.flatMap((trainer) => trainer.launches(scripts));
    expect(launches.filter((launch) => launch.cwd === folder)).toEqual([
      {
        id: `plain-ppo:${folder}/train_ppo.py`,
        label: "control: train_ppo.py",
        cwd: folder,
        command: ["${python}", "train_ppo.py", "--out", "runs/${run}"],
        outputs: [`${folder}/runs`],
        detail: "PPO in plain PyTorch, full run into runs/",
      },
      {
        id: `plain-ppo:${folder}/train_ppo.py:smoke`,
        label: "control: train_ppo.py --smoke",
        cwd: folder,
        command: ["${python}", "train_ppo.py", "--out", "runs/${run}", "--smoke"],
        outputs: [`${folder}/runs`],
        detail: "PPO in plain PyTorch, short run into runs/",
      },
    ]);
    const reasoning = launches.filter((launch) => launch.cwd.endsWith("reasoning"));
    expect(reasoning.map((launch) => launch.label)).toEqual([
      "reasoning: train.py",
      "reasoning: train.py --smoke",
    ]);
    expect(new Set(launches.map((launch) => launch.id)).size).toBe(launches.length);
  });

  it("fills a launch's placeholders", () => {
    const launch = trainers.flatMap((trainer) => trainer.launches(world("control")))[0];
    if (!launch) throw new Error("no launch");
    const run = runName(new Date(Date.UTC(2026, 0, 31, 23, 59, 58)));
    expect(run).toBe("run-20260131-235958");
    expect(launchCommand(launch, "/usr/bin/python3", run)).toEqual([
      "/usr/bin/python3",
      "train_ppo.py",
      "--out",
      "runs/run-20260131-235958",
    ]);
  });
});

describe("pythonFunctions", () => {
  it("reads signatures over several lines, defaults, annotations, stars, decorators and classes", () => {
    const source = [
      "class Reward:",
      '    """def not_a_function(a): pass"""',
      "    @register('x')",
      "    def __call__(self, data, *, flag: bool = True):",
      "        def inner(a): return a",
      "",
      "@decorate(",
      "    1,",
      ")",
      "async def outer(",
      "    prompts: list[str],  # (a comment with brackets",
      '    text: str = "a, b) # not a comment",',
      "    table: dict[str, tuple[int, int]] | None = {'a': (1, 2)},",
      "    *rest,",
      "    **kwargs,",
      "): ...",
      "# def commented(a): pass",
      "text = '''",
      "def quoted(a): pass",
      "'''",
    ].join("\n");
    expect(pythonFunctions(source)).toEqual([
      {
        name: "__call__",
        line: 3,
        parameters: ["data", "*", "flag"].filter((name) => name !== "*"),
        decorators: ["register('x')"],
        className: "Reward",
      },
      { name: "inner", line: 4, parameters: ["a"], decorators: [], className: "Reward" },
      {
        name: "outer",
        line: 9,
        parameters: ["prompts", "text", "table", "*rest", "**kwargs"],
        decorators: ["decorate( 1, )"],
        className: undefined,
      },
    ]);
  });

  it("never fails on broken source", () => {
    for (const source of [
      "def f(",
      "def f(a, b",
      "'''",
      '"',
      "@",
      "class :",
      "def",
      "\u0000",
      "def f(a:\n".repeat(200),
    ]) {
      expect(() => pythonFunctions(source)).not.toThrow();
    }
  });
});

describe("verl", () => {
  it("knows registered estimators and custom rewards", () => {
    const source = [
      '@register_adv_est("my_est")',
      "def anything(token_level_rewards, response_mask): ...",
      "def compute_gae_advantage_return(rewards, values): ...",
      "def default_compute_score(data_source, solution_str, ground_truth, extra_info=None): ...",
      "def my_grader(data_source, solution_str, ground_truth, **kw): ...",
      "def compute_loss(a): ...",
    ].join("\n");
    expect(verl.creditFunctions("core_algos.py", source)).toEqual([
      { kind: "advantage", name: "anything", line: 1 },
      { kind: "advantage", name: "compute_gae_advantage_return", line: 2 },
      { kind: "reward", name: "default_compute_score", line: 3 },
      { kind: "reward", name: "my_grader", line: 4 },
    ]);
  });

  it("recognises a launch script and where its rollouts go, shell variables included", () => {
    const text = [
      "set -x",
      "EXP=puzzles",
      'CKPTS_DIR=${CKPTS_DIR:-"checkpoints"}',
      "OUT=$EXP/rollouts",
      "python3 -m verl.trainer.main_ppo \\",
      "    algorithm.adv_estimator=grpo \\",
      "    actor_rollout_ref.rollout.n=8 \\",
      "    trainer.rollout_data_dir=${OUT} \\",
      "    trainer.validation_data_dir=$(mktemp -d) $@",
    ].join("\n");
    expect(verl.launches([{ path: "/repo/run_grpo.sh", text }])).toEqual([
      {
        id: "verl:/repo/run_grpo.sh",
        label: "verl: run_grpo.sh",
        cwd: "/repo",
        command: ["bash", "run_grpo.sh"],
        outputs: ["/repo/puzzles/rollouts"],
        detail: "grpo, 8 rollouts a prompt",
      },
    ]);
    expect(verl.launches([{ path: "/repo/serve.sh", text: "python3 -m vllm.entrypoints" }])).toEqual([]);
    expect(scriptValue(text, "trainer.absent")).toBeUndefined();
  });
});

describe("TRL", () => {
  const source = [
    "from trl import GRPOConfig, GRPOTrainer",
    "def format_reward(completions, **kwargs): ...",
    "def graded(samples): ...",
    "def helper(text): ...",
    'config = GRPOConfig(output_dir="out/grpo", log_completions=True)',
    "trainer = GRPOTrainer(",
    "    reward_funcs=[format_reward, graded],",
    "    args=config,",
    ")",
  ].join("\n");

  it("knows reward functions by signature and by registration", () => {
    expect(trl.creditFunctions("train.py", source)).toEqual([
      { kind: "reward", name: "format_reward", line: 1 },
      { kind: "reward", name: "graded", line: 2 },
    ]);
  });

  it("launches the script with the chosen interpreter", () => {
    expect(trl.launches([{ path: "/repo/train.py", text: source }])).toEqual([
      {
        id: "trl:/repo/train.py",
        label: "TRL: train.py",
        cwd: "/repo",
        command: ["${python}", "train.py"],
        outputs: ["/repo/out/grpo"],
        detail: "completions are logged",
      },
    ]);
  });
});

describe("prime-rl", () => {
  it("knows the functions of a rubric and the algorithm's score_group", () => {
    const source = [
      "import verifiers as vf",
      "def exact(completion, answer): ...",
      "def length(completion): ...",
      "def load_environment():",
      "    rubric = vf.Rubric(funcs=[exact], weights=[1.0])",
      "    rubric.add_reward_func(length)",
      "class GRPOAlgorithm:",
      "    def score_group(self, rollouts): ...",
      "class Other:",
      "    def score_group(self, rollouts): ...",
    ].join("\n");
    expect(primeRl.creditFunctions("env.py", source)).toEqual([
      { kind: "reward", name: "exact", line: 1 },
      { kind: "reward", name: "length", line: 2 },
      { kind: "advantage", name: "score_group", line: 7 },
    ]);
  });

  it("launches rl configurations", () => {
    const text = 'output_dir = "outputs/gsm8k"\n\n[orchestrator]\nbatch_size = 64\n\n[trainer.model]\n';
    expect(
      primeRl
        .launches([{ path: "/repo/configs/rl.toml", text }])
        .map(({ command, outputs }) => ({ command, outputs })),
    ).toEqual([{ command: ["uv", "run", "rl", "@", "rl.toml"], outputs: ["/repo/configs/outputs/gsm8k"] }]);
    expect(primeRl.launches([{ path: "/repo/pyproject.toml", text: "[project]\nname = 'x'\n" }])).toEqual([]);
  });
});

describe("nearestDatasets", () => {
  const dataset = (path: string, format: string, modifiedMs: number, rewardMean?: number): DatasetInfo => ({
    id: path,
    path,
    name: path,
    format,
    formatTitle: format,
    files: 1,
    bytes: 1,
    trajectories: 1,
    steps: 1,
    groups: 1,
    trainingSteps: 1,
    components: [],
    nativeTree: false,
    numeric: false,
    modifiedMs,
    warnings: [],
    ...(rewardMean === undefined ? {} : { rewardMean }),
  });
  const source = "def compute_score(data_source, solution_str, ground_truth): ...";
  const functions = plainGrpo.creditFunctions("/w/a/rewards.py", source);

  it("takes those under the script's folder: its trainers' formats first, then with rewards, then the newest", () => {
    const datasets = [
      dataset("/w/a/runs/1/rollouts", "verl", 1, 0.5),
      dataset("/w/a/runs/2/tokens", "verl", 9),
      dataset("/w/a/runs/2/rollouts", "verl", 5, 0.6),
      dataset("/w/a/runs/3/chat.jsonl", "chat", 99, 0.1),
      dataset("/w/b/runs/1/rollouts", "verl", 100, 0.9),
      dataset("/w/ab/rollouts", "verl", 100, 0.9),
    ];
    expect(nearestDatasets("/w/a/rewards.py", functions, source, datasets).map(({ path }) => path)).toEqual([
      "/w/a/runs/2/rollouts",
      "/w/a/runs/1/rollouts",
      "/w/a/runs/2/tokens",
      "/w/a/runs/3/chat.jsonl",
    ]);
  });

  it("goes up a few folders and no further", () => {
    const datasets = [dataset("/w/runs/rollouts", "verl", 1)];
    expect(nearestDatasets("/w/code/src/rewards.py", functions, source, datasets)).toHaveLength(1);
    expect(nearestDatasets("/w/1/2/3/4/rewards.py", functions, source, datasets)).toHaveLength(0);
  });
});
