"""PPO on Gymnasium's Pendulum-v1 in plain PyTorch, from rollout to ONNX.

    python train_ppo.py                      full run: runs/pendulum-ppo (or the next free name) and models/
    python train_ppo.py --smoke --out DIR    a short run for tests, models in DIR/models

While it trains, episodes are appended to Minari datasets, one dataset per phase of training. Then a reward model is
learned from preferences between segments of those episodes (reward_model.py), and policy, value and reward model are
exported to ONNX (export_onnx.py). The reward and the advantage estimator are in rewards.py and advantages.py.
"""

import argparse
import csv
import json
import os
import platform
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import gymnasium as gym
import matplotlib.pyplot as plt
import minari
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from minari.data_collector import EpisodeBuffer
from torch import nn

from advantages import compute_gae_advantage_return
from export_onnx import export_models
from reward_model import train_reward_model
from rewards import reward_components, reward_function

plt.switch_backend("Agg")  # draws to files, needs no display

HERE = Path(__file__).resolve().parent
ENV_ID = "Pendulum-v1"
EPISODE_STEPS = 200  # Pendulum-v1's own time limit; it never terminates, every episode is truncated there
PHASES = ("early", "middle", "late")
OBSERVATION = "cos(angle), sin(angle), angular velocity in rad/s; angle 0 is upright"
ACTION = "torque in N m, clipped by the environment to [-2, 2]"


class Policy(nn.Module):
    """Gaussian policy: observation [batch, 3] -> mean and log standard deviation [batch, 1] of the torque in N m."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor([1.0, 1.0, 8.0]))  # the environment's own bounds
        self.body = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.mean = nn.Linear(64, 1)
        self.log_std = nn.Parameter(torch.zeros(1))
        nn.init.orthogonal_(self.mean.weight, 0.01)
        nn.init.zeros_(self.mean.bias)

    def forward(self, observation):
        mean = self.mean(self.body(observation / self.scale))
        return mean, self.log_std + torch.zeros_like(mean)

    def distribution(self, observation):
        mean, log_std = self(observation)
        return torch.distributions.Normal(mean, log_std.exp())


class Value(nn.Module):
    """Discounted return to come: observation [batch, 3] -> value [batch]. `unit` keeps the network's output near 1."""

    def __init__(self, unit):
        super().__init__()
        self.unit = unit
        self.register_buffer("scale", torch.tensor([1.0, 1.0, 8.0]))
        self.body = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, observation):
        return self.unit * self.body(observation / self.scale).squeeze(-1)


def make_env():
    # ClipAction widens the action space to all reals and clips inside, so the stored action is the very sample
    # whose log-probability is stored beside it.
    return gym.wrappers.ClipAction(gym.make(ENV_ID))


def collect(envs, policy, seeds):
    """One whole episode in every environment. Returns arrays [T, N, ...]; `value` has T+1 rows, the last one being
    V of the final observation, and `env_reward` is the environment's own reward (kept to check ours against)."""
    names = ("action", "reward", "env_reward", "terminated", "truncated", "logprob", "action_mean", "action_log_std")
    rollout = {name: [] for name in names}
    observation, _ = envs.reset(seed=seeds)
    rollout["observation"] = [observation]
    for _ in range(EPISODE_STEPS):
        with torch.no_grad():
            dist = policy.distribution(torch.from_numpy(observation))
            action = dist.sample()
            logprob = dist.log_prob(action).sum(-1)
        next_observation, env_reward, terminated, truncated, _ = envs.step(action.numpy())
        row = (action.numpy(), reward_function(observation, action.numpy()), env_reward, terminated, truncated,
               logprob.numpy(), dist.mean.numpy(), dist.stddev.log().numpy())
        for name, array in zip(names, row):
            rollout[name].append(array)
        rollout["observation"].append(next_observation)
        observation = next_observation
    assert truncated.all(), "rollouts are meant to end exactly at the time limit"
    return {name: np.stack(rows) for name, rows in rollout.items()}


def evaluate(policy, episodes, seed):
    """Undiscounted returns of the deterministic policy (the mean action) on `episodes` fixed starts."""
    envs = SyncVectorEnv([make_env] * episodes, autoreset_mode=AutoresetMode.DISABLED)
    observation, _ = envs.reset(seed=[seed + i for i in range(episodes)])
    returns = np.zeros(episodes)
    for _ in range(EPISODE_STEPS):
        with torch.no_grad():
            action = policy(torch.from_numpy(observation))[0].numpy()
        returns += reward_function(observation, action)
        observation, *_ = envs.step(action)
    envs.close()
    return returns


def ppo_update(policy, value, optimizer, batch, args):
    """`epochs` passes of clipped PPO over one rollout; returns means over all minibatches."""
    stats = {"policy_loss": [], "value_loss": [], "entropy": [], "approx_kl": [], "clip_fraction": [], "grad_norm": []}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    size = len(batch["advantage"])
    for _ in range(args.epochs):
        for index in torch.randperm(size).split(args.minibatch):
            observation, old_logprob = batch["observation"][index], batch["logprob"][index]
            advantage = batch["advantage"][index]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)  # sample std, per minibatch
            dist = policy.distribution(observation)
            log_ratio = dist.log_prob(batch["action"][index]).sum(-1) - old_logprob
            ratio = log_ratio.exp()
            clipped = ratio.clamp(1 - args.clip, 1 + args.clip)
            policy_loss = -torch.min(ratio * advantage, clipped * advantage).mean()
            value_loss = ((value(observation) - batch["return"][index]) / value.unit).square().mean()
            entropy = dist.entropy().sum(-1).mean()
            loss = policy_loss + 0.5 * value_loss - args.entropy_coef * entropy
            optimizer.zero_grad()
            loss.backward()
            grad_norm = nn.utils.clip_grad_norm_(parameters, 0.5)
            optimizer.step()
            approx_kl = (ratio - 1 - log_ratio).mean()
            clip_fraction = ((ratio - 1).abs() > args.clip).float().mean()
            for name, x in zip(stats, (policy_loss, value_loss, entropy, approx_kl, clip_fraction, grad_norm)):
                stats[name].append(x.item())
    return {name: float(np.mean(xs)) for name, xs in stats.items()}


def write_episodes(dataset, phase, rollout, update, seeds, count, args):
    """Append the first `count` episodes of a rollout to the phase's Minari dataset (created on its first update).

    infos: arrays of T rows belong to the actions; `value` has T+1 rows and belongs to the observations.
    """
    buffers, attributes = [], []
    for n in range(count):
        infos = {name: rollout[name][:, n] for name in (
            "value", "logprob", "action_mean", "advantage", "reward_angle", "reward_velocity", "reward_torque")}
        reward = rollout["reward"][:, n]
        buffers.append(EpisodeBuffer(
            seed=seeds[n], observations=rollout["observation"][:, n], actions=rollout["action"][:, n], rewards=reward,
            terminations=rollout["terminated"][:, n], truncations=rollout["truncated"][:, n], infos=infos))
        attributes.append({  # the first five are those that minari.DataCollector writes
            "rewards_sum": float(reward.sum()), "rewards_mean": float(reward.mean()),
            "rewards_std": float(reward.std()), "rewards_max": float(reward.max()),
            "rewards_min": float(reward.min()), "training_step": update, "env_index": n,
            "action_log_std": float(rollout["action_log_std"][0, 0, 0])})  # the same in every state
    if dataset is None:
        with warnings.catch_warnings():  # Minari warns about each optional field left out
            warnings.filterwarnings("ignore", message=".*is set to None.*")
            dataset = minari.create_dataset_from_buffers(
                f"pendulum/ppo-{phase}-v0", buffers, env=make_env(), algorithm_name="PPO",
                description=f"Episodes sampled by PPO in the {phase} third of its training")
        dataset.storage.update_metadata({
            "phase": phase, "gamma": args.gamma, "gae_lambda": args.lam, "truncation_bootstrap": True,
            "infos_alignment": "arrays of T rows belong to actions; value has T+1 rows and belongs to observations"})
    else:
        dataset.storage.update_episodes(buffers)
    total = dataset.storage.total_episodes
    dataset.storage.update_episode_metadata(attributes, range(total - count, total))
    return dataset


def train_ppo(args, out, log):
    """PPO, writing episodes as it goes. Returns (policy, value, rows of the learning curve, ids of the datasets, evaluations)."""
    envs = SyncVectorEnv([make_env] * args.envs, autoreset_mode=AutoresetMode.DISABLED)
    policy, value = Policy(), Value(unit=1.0 / (1.0 - args.gamma))
    optimizer = torch.optim.Adam([*policy.parameters(), *value.parameters()], lr=args.lr, eps=1e-5)
    curve, datasets, evaluations = [], {}, {0: evaluate(policy, args.eval_episodes, 10_000)}
    log(event="evaluation", update=0, returns=evaluations[0].tolist())
    start = time.perf_counter()
    for update in range(1, args.updates + 1):
        for group in optimizer.param_groups:
            group["lr"] = args.lr * (1 - (update - 1) / args.updates)
        # A fresh, recorded seed for every episode, so each one can be started again exactly.
        seeds = [100_000 * args.seed + update * args.envs + n for n in range(args.envs)]
        rollout = collect(envs, policy, seeds)
        with torch.no_grad():
            rollout["value"] = value(torch.from_numpy(rollout["observation"])).numpy()
        rollout |= reward_components(rollout["observation"][:-1], rollout["action"])
        rollout["advantage"], rollout["return"] = compute_gae_advantage_return(
            rollout["reward"], rollout["value"][:-1], rollout["terminated"], rollout["truncated"],
            rollout["value"][-1], args.gamma, args.lam)

        phase = PHASES[(update - 1) * len(PHASES) // args.updates]
        datasets[phase] = write_episodes(
            datasets.get(phase), phase, rollout, update, seeds, args.record_episodes, args)

        batch = {name: torch.as_tensor(rollout[name], dtype=torch.float32).flatten(0, 1)
                 for name in ("action", "logprob", "advantage", "return")}
        batch["observation"] = torch.from_numpy(rollout["observation"][:-1]).flatten(0, 1)
        stats = ppo_update(policy, value, optimizer, batch, args)

        returns = rollout["reward"].sum(axis=0)
        target, error = rollout["return"], rollout["return"] - rollout["value"][:-1]
        row = {
            "update": update, "phase": phase, "env_steps": update * args.envs * EPISODE_STEPS,
            "return_mean": returns.mean(), "return_std": returns.std(ddof=1),
            "return_min": returns.min(), "return_max": returns.max(),
            **{f"{name}_mean": rollout[name].sum(axis=0).mean() for name in reward_components([0] * 3, [0])},
            "explained_variance": 1 - error.var() / target.var(), **stats,
            "learning_rate": optimizer.param_groups[0]["lr"], "action_std": policy.log_std.exp().item(),
            "reward_max_difference_from_env": np.abs(rollout["reward"] - rollout["env_reward"]).max(),
            "wall_seconds": time.perf_counter() - start}
        row = {name: x if isinstance(x, (str, int)) else float(x) for name, x in row.items()}
        curve.append(row)
        log(event="update", **row)
        if update % args.eval_every == 0 or update == args.updates:
            evaluations[update] = evaluate(policy, args.eval_episodes, 10_000)
            log(event="evaluation", update=update, returns=evaluations[update].tolist())
        write_curve(out, curve, evaluations)
    envs.close()
    return policy, value, curve, [d.spec.dataset_id for d in datasets.values()], evaluations


def write_curve(out, curve, evaluations):
    """learning_curve.csv: one row an update; `evaluation_return_mean` is empty where no evaluation was run."""
    with open(out / "learning_curve.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, [*curve[0], "evaluation_return_mean"], lineterminator="\n")
        writer.writeheader()
        for row in curve:
            evaluation = evaluations.get(row["update"])
            writer.writerow(row | {"evaluation_return_mean": "" if evaluation is None else evaluation.mean()})


def plot_curve(out, curve, evaluations):
    """learning_curve.png: return per update, and the reward's components."""
    update = [row["update"] for row in curve]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    left.fill_between(update, [r["return_min"] for r in curve], [r["return_max"] for r in curve], alpha=0.2, lw=0)
    left.plot(update, [r["return_mean"] for r in curve], label="sampled actions (mean, min to max)")
    left.plot(list(evaluations), [e.mean() for e in evaluations.values()], "o-", ms=3, label="mean action, fixed starts")
    for name in ("reward_angle", "reward_velocity", "reward_torque"):
        right.plot(update, [r[f"{name}_mean"] for r in curve], label=name)
    left.set(title=f"{ENV_ID}, PPO", xlabel="update", ylabel="undiscounted return")
    right.set(title="return by reward component", xlabel="update")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
        axes.grid(alpha=0.3)
    figure.savefig(out / "learning_curve.png", dpi=110, metadata={"Software": None})
    plt.close(figure)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, help="run folder (default: runs/pendulum-ppo, or -2, -3, ... if taken)")
    parser.add_argument("--models", type=Path, help="model folder (default: models/, with --out OUT/models)")
    parser.add_argument("--smoke", action="store_true", help="short run for tests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--updates", type=int, help="default 60, with --smoke 21")
    parser.add_argument("--record-episodes", type=int, default=2, help="episodes written per update")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--minibatch", type=int, default=320)
    parser.add_argument("--lr", type=float, help="initial learning rate, falls linearly to 0")
    parser.add_argument("--gamma", type=float, default=0.95)
    parser.add_argument("--lam", type=float, default=0.95)
    parser.add_argument("--clip", type=float, default=0.2)
    parser.add_argument("--entropy-coef", type=float, default=0.0)
    parser.add_argument("--eval-every", type=int, default=5)
    parser.add_argument("--eval-episodes", type=int, default=20)
    parser.add_argument("--segment", type=int, default=25, help="steps per preference segment")
    parser.add_argument("--pairs", type=int, help="training pairs, a quarter as many for testing")
    parser.add_argument("--reward-epochs", type=int)
    args = parser.parse_args()
    for name, full, smoke in (("updates", 60, 21), ("lr", 5e-4, 1e-3), ("pairs", 2400, 400), ("reward_epochs", 30, 5)):
        if getattr(args, name) is None:
            setattr(args, name, smoke if args.smoke else full)
    if args.updates < len(PHASES):
        parser.error(f"--updates must be at least {len(PHASES)}, one for each phase")
    if not 1 <= args.record_episodes <= args.envs:
        parser.error("--record-episodes must be between 1 and --envs")
    return args


def choose_folders(args):
    """The run folder (never one that is already in use) and the model folder."""
    if args.out is None:
        stem = "pendulum-ppo-smoke" if args.smoke else "pendulum-ppo"
        names = (stem if i == 1 else f"{stem}-{i}" for i in range(1, 1_000))
        out = next(HERE / "runs" / name for name in names if not (HERE / "runs" / name).exists())
    else:
        # Minari joins a relative folder to itself.
        out = args.out.resolve()
        if (out / "training_log.jsonl").exists():
            raise SystemExit(f"{out} already holds a run: choose another --out, or delete it first")
    return out, args.models or (HERE / "models" if args.out is None and not args.smoke else out / "models")


def main():
    args = parse_arguments()
    out, models = choose_folders(args)
    out.mkdir(parents=True, exist_ok=True)
    os.environ["MINARI_DATASETS_PATH"] = str(out)  # Minari puts its datasets under this root
    torch.set_num_threads(1)  # the networks are tiny: more threads only cost time
    torch.manual_seed(args.seed)
    times = {}

    with open(out / "training_log.jsonl", "w") as file:
        def log(**entry):
            file.write(json.dumps(entry) + "\n")
            file.flush()
            if entry["event"] == "update":
                print(f"update {entry['update']:3d}  {entry['phase']:6s}  return {entry['return_mean']:8.1f}", flush=True)

        def timed(name, function, *arguments):
            wall, cpu = time.perf_counter(), time.process_time()
            result = function(*arguments)
            times[name] = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
            log(event="phase_done", phase_name=name, **times[name])
            return result

        policy, value, curve, dataset_ids, evaluations = timed("ppo", train_ppo, args, out, log)
        reward, reward_results = timed("reward_model", train_reward_model, dataset_ids, args, out, log)
        about = {"environment": ENV_ID, "run": out.name, "seed": str(args.seed), "observation": OBSERVATION,
                 "action": ACTION, "environment_steps": str(curve[-1]["env_steps"])}
        differences = timed("export", export_models, policy, value, reward, models, reward_results, args, about)
        log(event="onnx_check", max_difference_from_pytorch=differences)
        timed("plot", plot_curve, out, curve, evaluations)

    settings = {k: v for k, v in vars(args).items() if k not in ("out", "models")}
    packages = ("torch", "gymnasium", "minari", "h5py", "numpy", "onnx", "onnxruntime")
    summary = {
        "name": out.name, "environment": ENV_ID, "algorithm": "PPO", "trainer": "train_ppo.py", "settings": settings,
        "datasets": dataset_ids, "env_steps": curve[-1]["env_steps"],
        "evaluation": {str(u): {"return_mean": e.mean(), "return_std": e.std(ddof=1), "return_min": e.min(),
                                "return_max": e.max()} for u, e in evaluations.items()},
        "sampled_return_mean": {"first_update": curve[0]["return_mean"], "last_update": curve[-1]["return_mean"]},
        "reward_model": reward_results, "onnx_max_difference_from_pytorch": differences,
        "reward_max_difference_from_env": max(row["reward_max_difference_from_env"] for row in curve),
        "times": times, "total_wall_seconds": sum(t["wall_seconds"] for t in times.values()),
        "total_cpu_seconds": sum(t["cpu_seconds"] for t in times.values()),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}}}
    (out / "run.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(f"return of the mean action {evaluations[0].mean():.1f} -> {evaluations[args.updates].mean():.1f}, "
          f"reward model {reward_results['test_accuracy']:.3f} of held-out pairs, "
          f"{summary['total_wall_seconds']:.0f} s")


if __name__ == "__main__":
    main()
