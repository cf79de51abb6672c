/** What a file of the corpus is, by its folder; the first that matches counts. */
export interface Expectation {
  matches(name: string, folder: string): boolean;
  /** Ids of formats that may claim it; null = nobody should; undefined = no reader yet. */
  readonly reader: readonly string[] | null | undefined;
  /** What it is, in words. */
  readonly why: string;
  /** Records, where index.json counts otherwise or not at all. */
  rows?(name: string): number | undefined;
  /** Records that are broken in the file and are left out with a warning. */
  readonly badRows?: number;
  readonly note?: string;
}

const inFolder = (
  folder: string,
  why: string,
  reader: readonly string[] | null | undefined,
  more: Partial<Expectation> = {},
): Expectation => ({
  matches: (_name, own) => own === folder,
  reader,
  why,
  ...more,
});

const ending = (
  end: string,
  why: string,
  reader: readonly string[] | null | undefined,
  more: Partial<Expectation> = {},
): Expectation => ({
  matches: (name) => name.endsWith(end),
  reader,
  why,
  ...more,
});

const containing = (
  part: string,
  why: string,
  reader: readonly string[] | null | undefined,
  more: Partial<Expectation> = {},
): Expectation => ({
  matches: (name) => name.includes(part),
  reader,
  why,
  ...more,
});

const lines: NonNullable<Expectation["rows"]> = () => undefined;

export const expectations: readonly Expectation[] = [
  ending("/STABLE", "a marker without content", null),
  ending("/metadata.json", "the settings of an evaluation", null),
  ending("/preds.json", "patches without trajectories", null),
  ending("/report.json", "an evaluation's report", null),
  ending("/aggregated_results.jsonl", "metrics of an evaluation", null),

  containing("corpus-synthetic/verl/", "verl", ["verl"]),
  inFolder("verl", "verl", ["verl"]),
  containing("verl_rollout_data_dir/", "verl written by the authors' code", ["verl"]),
  containing("igpo_validation_data_dir/", "a verl fork with a reward a token", ["verl"]),
  inFolder("verl-agent", "verl-agent", ["verl-agent"], {
    rows: () => 1,
    note: "the rows of a file are chained into episodes",
  }),
  containing("prime-rl/token_exports/", "a prime-rl token export", ["prime-rl-tokens"]),
  containing("prime-rl/rollouts/", "verifiers traces", ["verifiers-traces"], {
    badRows: 1,
    rows: lines,
    note: "the last line is torn on purpose in step 2",
  }),
  inFolder("trl", "TRL completions", ["trl-completions"]),
  inFolder("verifiers-results", "verifiers results", ["verifiers-results"]),
  inFolder("wandb-table", "a W&B table", ["wandb-table"]),
  ending("test_nemo_gym_sanity.json", "a unit test's fixture, no dump", null),
  inFolder("nemo-rl", "NeMo-RL data", ["nemo-rl"]),
  inFolder("nemo-gym", "NeMo Gym rollouts", ["nemo-gym"]),
  ending("/meta_info.jsonl", "counts of an agent run", null),
  containing("_OOD_4tools/output.jsonl", "steps of a fork's picture-editing agent", ["agent-steps"], {
    rows: () => 1,
    note: "the lines are one trajectory",
  }),
  inFolder("art", "ART groups", ["art"]),
  inFolder("markdown-logs", "rollouts in Markdown", ["markdown-rollouts"], { rows: () => 1 }),
  ending("/data/eval_results/bamboogle_qwen.jsonl", "R1-Searcher results", ["r1-searcher"]),
  containing("/data/virtualhome/", "VirtualHome programs", ["virtualhome"]),
  inFolder("llm/calm", "a text trajectory", ["text-timesteps"]),
  inFolder("llm/erv", "completions of a mathematics evaluation", ["math-eval"]),
  ending(".parquet", "prompts without completions", null, {
    matches: (name) => /\/(?:igpo\/dev|math12k_test|arithmetic_sequence_test)\.parquet$/.test(name),
  }),
  inFolder("llm/igpo", "turns of a search agent", ["igpo-tool-turns"]),
  ending("_ppo_iter50_samples.json", "samples as token ids", ["token-samples"]),
  ending("results_SPO-tree-666.json", "metrics of an evaluation", null),
  ending("webshop_test_indices.json", "a list of task ids", null),
  ending("sampled_data_rl_training_webshop.json", "SPA-RL turns", ["spa-rl-turns"]),
  ending("/output_log/completions.jsonl", "UniR completions", ["completion-log"]),
  ending("/output_log/metrics.jsonl", "metrics of a run", null),
  ending("/INDEX.md", "a list of files", null),
  containing("AReaL/geo_edit/", "a list of messages", ["chat-list"], {
    rows: () => 1,
    note: "index.json counts the messages",
  }),
  inFolder("areal", "AReaL rollouts", ["areal"]),
  inFolder("rllm", "rLLM episodes", ["rllm-episode"]),
  inFolder("skyrl", "a SkyRL evaluation", ["skyrl-eval"]),
  containing("slime/dump_details/rollout_data/", "slime rollouts", ["slime-rollout"], { rows: () => 8 }),
  containing("slime/dump_details/train_data/", "slime training data", ["slime-train"], { rows: () => 8 }),
  ending("data/experience.pt", "an OpenRLHF experience", ["openrlhf-experience"], { rows: () => 16 }),
  containing("android_world_run_", "AndroidWorld episodes", ["android-world"], { rows: () => 1 }),
  containing("corpus-synthetic/android-world/", "AndroidWorld episodes", ["android-world"], {
    rows: () => 1,
  }),
  inFolder("atropos", "Atropos groups", ["atropos"]),
  inFolder("rl-logging-board", "RLLoggingBoard rollouts", ["rl-logging-board"]),
  containing("spo_trees/", "SPO trees written by the authors' code", ["spo-tree"]),
  containing("minari/hdf5-v0", "Minari episodes", ["minari"]),
  containing("minari/parquet-v0/data/metadata", "the description of a dataset", null),
  ending("/part-0.parquet", "a Minari episode as a table", ["minari-table"]),
  containing("/lerobot-v2.1/data/", "LeRobot episodes", ["lerobot"], { rows: () => 1 }),
  containing("/lerobot-v3.0/data/", "LeRobot episodes", ["lerobot"], { rows: () => 4 }),
  containing("/lerobot-", "companions of LeRobot's data: tasks, episodes, statistics", null),
  ending("/part-0.arrow", "a Minari episode as a table", ["minari-table"]),
  containing("classic/imitation/cartpole", "imitation rollouts", ["imitation-npz"], { rows: () => 1 }),
  ending("rollouts/final.npz", "imitation rollouts", ["imitation-npz"], { rows: () => 1 }),
  containing("classic/imitation/", "imitation rollouts", ["imitation-npz"], { rows: () => 1 }),
  containing("classic/stable-baselines2/", "Stable-Baselines 2 expert data", ["sb2-expert"], {
    rows: () => 1,
  }),
  containing("classic/cs285/", "pickled episodes", ["episode-pickle"]),
  containing("derived/dapg_", "pickled demonstrations", ["episode-pickle"]),
  ending("_PPO2_50.pkl", "pickled trajectories of imitation's tests", ["episode-pickle"]),
  ending("_observations_8_v2.npy", "demonstrations in two npy files", ["npy-pairs"]),
  ending("_actions_8_v2.npy", "read with the observations beside it", null),
  containing("classic/lucy/", "Rocket League states", ["rocket-states"]),
  ending(".monitor.csv", "a Monitor log", ["monitor-csv"]),
  ending(
    "water_world_0.pkl",
    "a map of a water world, pickled with classes of the program: no trajectory",
    null,
  ),
  containing("reward_machines/office_", "a reward machine, which is a specification and no trajectory", null),
  ending("nap/hpobenchXGB_0_eq.pkl", "a task's table of configurations and accuracies, no run", null),
  containing("classic/nap/results_", "results of black-box optimisation", ["nap-results"], { rows: () => 1 }),
  ending("barfi-gw-run/memory_buffer.pkl", "BARFI trajectories", ["barfi-buffer"]),
  ending("/Results/1_rewards.npy", "BARFI results by episode", ["barfi-results"]),
  containing(
    "/Results/1_",
    "arrays of a BARFI run that are read beside its returns, or maps over all states",
    null,
  ),
  containing("barfi-gw-run/0/Checkpoints/", "weights of a policy or reward", null),
  containing("barfi-gw-run/", "settings and log of a run whose numbers are in its results", null),
  containing("rm/barfi/", "settings of a trainer", null),
  containing("prompt-oirl/", "answers, scores and embeddings by question, each in a file of its own", null),
  ending("imitation_hf/data-00000-of-00001.arrow", "imitation trajectories", ["imitation-hf"]),
  containing("generated/imitation_hf/", "the description of a dataset", null),
  ending("minari/namespace_metadata.json", "the description of a namespace", null),
  ending("first4records.tfrecord", "RLDS episodes", ["rlds"], { rows: () => 4 }),
  containing("classic/rlds-tfds/", "the description of a dataset", null),
  ending("antmaze-medium-play-v0_0.tfrecord", "TF-Agents transitions", ["tf-agents"], { rows: () => 1 }),
  ending(".tfrecord.spec", "the shapes of TF-Agents' records", null),
  ending("/INDEX.md", "the list of the samples", null),
  containing("samples/rm/vlac/images/", "pictures alone, without scores or steps", null),
  containing("/d4rl-layout", "D4RL transitions", ["d4rl"]),
  containing("/d3rlpy/", "d3rlpy episodes", ["d3rlpy"]),

  ending(".index.json", "the index of an ATIF stream", null),
  ending("/result.json", "a Harbor trial's result, read with its trajectory", null),
  ending("/config.json", "a Harbor trial's settings", null),
  ending("/exception.txt", "a Harbor trial's error", null),
  ending("/prompt.txt", "a prompt as text", null),
  ending("stock_analyzer_trajectory.json", "ATIF among telemetry samples", ["atif"]),
  containing("agent-prism/packages/demo-app/", "OpenTelemetry traces", ["otlp"], { rows: () => 1 }),
  containing("/framework-traces/", "a Langfuse trace", ["langfuse"]),
  ending("langfuse-2.json", "a Langfuse trace", ["langfuse"]),
  containing("langsmith-sdk/", "LangSmith runs", ["langsmith"], {
    rows: () => 1,
    note: "the runs of a file are read together",
  }),
  inFolder("atif", "ATIF", ["atif"]),
  ending(
    "github_issue.traj.json",
    "the oldest mini-swe-agent format, a bare list of messages",
    ["chat-list"],
    { rows: () => 1, note: "index.json counts the messages" },
  ),
  ending("local.traj.json", "the oldest mini-swe-agent format, a bare list of messages", ["chat-list"], {
    rows: () => 1,
    note: "index.json counts the messages",
  }),
  inFolder("mini-swe-agent", "mini-swe-agent", ["mini-swe-agent"]),
  inFolder("swe-agent", "SWE-agent", ["swe-agent"]),
  ending("traj_safety-metrics.json", "OpenHands events", ["openhands-events"], {
    rows: () => 1,
    note: "index.json counts the events",
  }),
  ending("/base_state.json", "an OpenHands conversation's state, read with its events", null),
  containing("workspace/conversations/", "a folder of OpenHands events", ["openhands-conversation"], {
    rows: () => 1,
    note: "the folder is one conversation",
  }),
  ending("/log-schema.json", "the schema of Inspect's logs", null),
  containing("/test_skeleton/", "a fixture of a unit test, no log", null),
  containing("/fixtures/events/", "a fixture of a unit test, no log", null),
  ending(".eval", "an Inspect log", ["inspect-eval"], { rows: lines }),
  inFolder("inspect", "an Inspect log", ["inspect-json"], { rows: lines }),
  ending("trajectory-visualizer/public/sample-trajectory.jsonl", "OpenHands outputs", ["openhands-output"]),
  inFolder("openhands", "OpenHands outputs", ["openhands-output"]),
  inFolder("tau-bench", "tau-bench", ["tau-bench"]),
  ending("summary_quick_triage_v1.json", "a judge's summary", null),
  inFolder("tau2-bench", "tau2-bench", ["tau2-bench"]),
  containing("samples_prm800k", "PRM800K", ["prm800k"]),
  containing("ProcessBench", "ProcessBench", ["processbench"]),
  ending("tot_10it.log", "a printed log", null),
  containing("- Answer.json", "the gold answer of one question", null),
  containing("answer_sheets/", "rStar solutions", ["rstar"]),
  containing("tree-of-thought-llm/", "Tree of Thoughts logs", ["tree-of-thoughts"]),
  containing("TreeRL/", "TreeRL trees", ["tree-rl"]),
  containing("moatless-tree-search/", "moatless trees", ["moatless-tree"], { rows: () => 1 }),
  containing("dpsk/", "step candidates", ["step-candidates"]),
  containing("LanguageAgentTreeSearch/programming/", "LATS programming results", ["lats-programming"]),
  containing("landscape-of-thoughts/", "Landscape of Thoughts samples", ["landscape-of-thoughts"]),
  containing("ReasonEval/eval_results/", "ReasonEval scores", ["reasoneval-scores"]),
  containing("ReasonEval/dataset/", "ReasonEval solutions", ["reasoneval-data"]),
  containing("dpo_en_demo", "preference pairs", ["preference-pairs"]),

  inFolder("chat", "chat", ["chat"]),
  ending("mllm_demo.json", "chat with pictures in LLaMA-Factory's demo", ["chat"]),
  inFolder("sharegpt", "ShareGPT", ["sharegpt"]),
  ending("webshop_fncall.jsonl", "AgentGym conversations", ["sharegpt"]),
  ending("exploration_inference_results_webshop.json", "ShareGPT turns with a value a turn", ["sharegpt"]),
  containing("_icl.json", "lists of messages", ["chat"]),
];
