import { Failure } from "../model/failure";
import { given } from "./draft";
import { fieldNames, isList, isObject, objectOf, recordedNumber, without } from "./jsonFields";
import { episodeFormat } from "./numericEpisode";
import { numbersOf } from "./outcomeFields";

/** Names under which a library logs the return of recent episodes, their length and the step of the training. */
interface Log {
  readonly library: string;
  readonly reward: string;
  readonly step: readonly string[];
  /** Names so common that a log has no others. */
  readonly all?: readonly string[];
  /** True where a row is one episode, not a mean of several. */
  readonly one?: true;
}

const LOGS: readonly Log[] = [
  { library: "Stable-Baselines3", reward: "rollout/ep_rew_mean", step: ["time/total_timesteps"] },
  {
    library: "RLlib",
    reward: "env_runners/episode_return_mean",
    step: ["num_env_steps_sampled_lifetime", "training_iteration"],
  },
  { library: "RLlib", reward: "episode_reward_mean", step: ["timesteps_total", "training_iteration"] },
  { library: "Spinning Up", reward: "AverageEpRet", step: ["TotalEnvInteracts", "Epoch"] },
  {
    library: "Baselines",
    reward: "eprewmean",
    step: ["misc/total_timesteps", "total_timesteps", "misc/nupdates", "nupdates"],
  },
  { library: "Baselines", reward: "EpRewMean", step: ["TimestepsSoFar", "IterationsSoFar"] },
  { library: "Garage", reward: "Evaluation/AverageReturn", step: ["TotalEnvSteps", "Evaluation/Iteration"] },
  {
    library: "rlkit",
    reward: "evaluation/Average Returns",
    step: ["exploration/num steps total", "Epoch", "epoch"],
  },
  { library: "rlkit", reward: "eval/Average Returns", step: ["expl/num steps total", "epoch"] },
  { library: "rlkit", reward: "expl/Average Returns", step: ["expl/num steps total", "epoch"] },
  {
    library: "DrQ-v2, URLB, TD-MPC",
    reward: "episode_reward",
    step: ["frame", "env_step", "step"],
    one: true,
  },
  {
    library: "PPO-PyTorch",
    reward: "reward",
    step: ["timestep"],
    all: ["episode", "timestep", "reward"],
  },
];

/** Texts of a log are names, dates and folders. */
const LONGEST_NAME = 300;

const logOf = (names: readonly string[]): Log | undefined =>
  LOGS.find(
    ({ reward, step, all }) =>
      names.includes(reward) &&
      step.some((name) => names.includes(name)) &&
      (all === undefined || (names.length === all.length && all.every((name) => names.includes(name)))),
  );

/** Logs of a training: one row an iteration with the mean return, or one an episode, without steps. */
export const trainingLog = episodeFormat({
  id: "training-log",
  title: "Training log",
  source:
    "progress.csv and progress.json of Stable-Baselines3, Baselines, RLlib, Garage, rlkit, Spinning Up; train.csv of DrQ-v2",
  containers: ["csv", "jsonl"],
  detect(head) {
    const log = logOf(fieldNames(head));
    // Rollouts may carry a return and a step beside their texts and messages.
    const row =
      head.columns === undefined && isObject(head.firstRecord) ? Object.values(head.firstRecord) : [];
    if (row.some((value) => isList(value) || (typeof value === "string" && value.length > LONGEST_NAME)))
      return undefined;
    return log === undefined
      ? undefined
      : {
          confidence: head.columns === undefined ? 0.6 : 0.85,
          reason: `columns ${log.reward} and ${log.step[0]}`,
        };
  },
  episodes(record, { row }) {
    const fields = objectOf(record);
    const log = logOf(Object.keys(fields));
    if (log === undefined)
      throw new Failure(
        "missing-field",
        "The row has no return.",
        "Early rows of a log may lack it; the others are shown.",
      );
    const value = recordedNumber(fields[log.reward]);
    // A mean of no episode yet is an empty cell.
    const reward = value === null || value === undefined ? undefined : value;
    const step = log.step.map((name) => recordedNumber(fields[name])).find((one) => typeof one === "number");
    const used = new Set([log.reward]);
    return [
      {
        ownId: String(row),
        title: log.one === true ? `episode ${row}` : `iteration ${row}`,
        steps: 0,
        columns: [],
        ...given("trainingStep", typeof step === "number" ? step : undefined),
        ...(reward === undefined ? {} : { reward: { value: reward, source: log.reward } }),
        components: numbersOf(fields, used),
        extra: without(fields, used),
        notes: [
          {
            code: "no-steps",
            message:
              log.one === true
                ? "The log keeps the return of each episode, not its steps."
                : "A row of the log is the mean of recent episodes; their steps are not in it.",
          },
        ],
      },
    ];
  },
});
