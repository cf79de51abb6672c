"""Stable-Baselines3 saves the replay buffer of a DQN, and tianshou its buffers as pickles and HDF5, before and after they wrap.

Expected is what each library gives back from its file, in its own order of writing, cut where its flags say that an episode ended.
"""

import pickle

import gymnasium as gym
import numpy as np
import stable_baselines3
import tianshou
from expectations import column, folder, total, write
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.save_util import load_from_pkl
from tianshou.data import Batch, ReplayBuffer, VectorReplayBuffer

out = folder()
files = []


def episodes(rows: dict, terminated, truncated) -> list:
    """Rows of one environment in order, cut behind each end; the last part may have none."""
    found, start = [], 0
    for row in range(len(terminated)):
        ended = bool(terminated[row] or truncated[row])
        if not ended and row + 1 < len(terminated):
            continue
        part = {name: values[start : row + 1] for name, values in rows.items()}
        reward = next(values for name, values in part.items() if name in ("rewards", "rew"))
        found.append(
            {
                "steps": row + 1 - start,
                "columns": {name: column(values) for name, values in part.items()},
                "stepRewards": reward,
                "reward": total(reward),
            }
            | ({"stopReason": "terminated" if terminated[row] else "truncated", "truncated": not terminated[row]} if ended else {})
        )
        start = row + 1
    return found


def add_file(path: str, format: str, lanes: list) -> None:
    name = (lambda lane, at: f"environment_{lane}/episode_{at}") if len(lanes) > 1 else (lambda lane, at: f"episode_{at}")
    trajectories = [{"ownId": name(lane, at), **one} for lane, found in enumerate(lanes) for at, one in enumerate(found)]
    files.append({"path": path, "format": format, "trajectories": trajectories})


for name, environments, steps in (("wrapped", 2, 260), ("started", 1, 70)):
    vector = make_vec_env("CartPole-v1", n_envs=environments, seed=3, env_kwargs={"max_episode_steps": 20})
    agent = DQN("MlpPolicy", vector, buffer_size=200, learning_starts=1000, seed=3, device="cpu")
    agent.learn(steps)
    agent.save_replay_buffer(out / f"{name}.pkl")
    buffer = load_from_pkl(out / f"{name}.pkl")
    assert buffer.full == (name == "wrapped")
    order = [*range(buffer.pos, buffer.buffer_size), *range(buffer.pos)] if buffer.full else [*range(buffer.pos)]
    lanes = []
    for lane in range(environments):
        rows = {key: getattr(buffer, key)[order, lane] for key in ("observations", "next_observations", "actions", "rewards")}
        dones, timeouts = buffer.dones[order, lane], buffer.timeouts[order, lane]
        lanes.append(episodes(rows, (dones == 1) & (timeouts == 0), timeouts == 1))
    add_file(f"{name}.pkl", "replay-buffer", lanes)


def filled(buffer, environments: int, steps: int):
    """Plays at random and adds each step, as a collector does."""
    many = [gym.make("Pendulum-v1", max_episode_steps=9) for _ in range(environments)]
    seen = [one.reset(seed=at)[0] for at, one in enumerate(many)]
    chance = np.random.default_rng(5)
    for _ in range(steps):
        acts = chance.uniform(-2, 2, (environments, 1)).astype(np.float32)
        results = [one.step(act) for one, act in zip(many, acts)]
        # Pendulum has no end of its own.
        ends = [bool(chance.random() < 0.05) for _ in many]
        step = Batch(
            obs=np.stack(seen),
            act=acts,
            rew=np.array([result[1] for result in results]),
            terminated=np.array(ends),
            truncated=np.array([result[3] and not end for result, end in zip(results, ends)]),
            obs_next=np.stack([result[0] for result in results]),
            info=Batch(cost=np.arange(environments) / 4),
        )
        if environments == 1:
            buffer.add(step[0])
        else:
            buffer.add(step)
        seen = [one.reset()[0] if end or result[3] else result[0] for one, result, end in zip(many, results, ends)]
    return buffer


def lanes_of(buffer) -> list:
    parts = buffer.buffers if isinstance(buffer, VectorReplayBuffer) else [buffer]
    found = []
    for part in parts:
        rows = part[part.sample_indices(0)]
        kept = {key: getattr(rows, key) for key in ("obs", "act", "rew", "obs_next")}
        found.append(episodes(kept, rows.terminated, rows.truncated))
    return found


for name, made, environments, steps in (
    ("one", lambda: ReplayBuffer(50), 1, 40),
    ("ring", lambda: ReplayBuffer(50), 1, 73),
    ("vector", lambda: VectorReplayBuffer(60, 3), 3, 27),
):
    buffer = filled(made(), environments, steps)
    kind = type(buffer)
    with open(out / f"tianshou-{name}.pkl", "wb") as file:
        pickle.dump(buffer, file)
    with open(out / f"tianshou-{name}.pkl", "rb") as file:
        add_file(f"tianshou-{name}.pkl", "replay-buffer", lanes_of(pickle.load(file)))
    buffer.save_hdf5(str(out / f"tianshou-{name}.hdf5"))
    add_file(f"tianshou-{name}.hdf5", "tianshou-hdf5", lanes_of(kind.load_hdf5(str(out / f"tianshou-{name}.hdf5"))))
write(out, f"(Stable-Baselines3 {stable_baselines3.__version__}, tianshou {tianshou.__version__})", files)
