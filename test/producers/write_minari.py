"""Minari's DataCollector writes episodes in each of its three formats: plain, Dict and Tuple spaces, infos, a picture."""

import os

from expectations import column, folder, total, write

out = folder()
os.environ["MINARI_DATASETS_PATH"] = str(out)

import gymnasium as gym
import minari
import numpy as np
from minari import DataCollector

EPISODES = 4


class Crossing(gym.Env):
    """Walks until a wall or a limit; observations are nested, and the infos have the parts of the reward."""

    observation_space = gym.spaces.Dict(
        {
            "position": gym.spaces.Box(-10, 10, (2,), np.float64),
            "inner": gym.spaces.Dict({"room": gym.spaces.Discrete(5), "walls": gym.spaces.MultiBinary(3)}),
            "camera": gym.spaces.Box(0, 255, (3, 2, 1), np.uint8),
        }
    )
    action_space = gym.spaces.Tuple((gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (2,), np.float32)))

    def __init__(self):
        self.at = 0

    def _observed(self):
        return {
            "position": self.np_random.normal(size=2).clip(-9, 9),
            "inner": {"room": np.int64(self.at % 5), "walls": np.array([self.at & 1, 1, 0], np.int8)},
            "camera": self.np_random.integers(0, 255, (3, 2, 1), np.uint8),
        }

    def _info(self):
        return {"value": self.at / 3, "reward_speed": np.float64(self.at) / 7, "nested": {"depth": np.arange(2) + self.at}}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        self.length = int(self.np_random.integers(2, 9))
        return self._observed(), self._info()

    def step(self, action):
        self.at += 1
        ended = self.at >= self.length
        return self._observed(), 0.1 * self.at - 0.05, ended and self.length % 2 == 0, ended and self.length % 2 == 1, self._info()


class Pictures(gym.Env):
    """Observations are pictures, which Minari compresses."""

    observation_space = gym.spaces.Box(0, 255, (16, 16, 3), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 3
        return self.observation_space.low, {}

    def step(self, action):
        self.left -= 1
        return self.np_random.integers(0, 255, (16, 16, 3), np.uint8), 1.0, self.left == 0, False, {}


def collect(environment: gym.Env, name: str, form: str, infos: bool, compressed: bool) -> None:
    collector = DataCollector(environment, record_infos=infos, data_format=form, jpeg_encoding=compressed)
    collector.action_space.seed(0)
    for episode in range(EPISODES):
        collector.reset(seed=episode)
        for _ in range(60):
            _, _, terminated, truncated, _ = collector.step(collector.action_space.sample())
            if terminated or truncated:
                break
    collector.create_dataset(dataset_id=name, algorithm_name="random", author="test", code_permalink="none", author_email="none")
    collector.close()


def leaves(value, name: str):
    """Columns as the library reads them, by the names of spaces; parts of a Tuple by number."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}")
    elif isinstance(value, np.ndarray) and value.dtype == object:
        # A dict a step, as Minari's tables give nested infos.
        yield from leaves({key: np.stack([one[key] for one in value]) for key in value[0]}, name)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from leaves(item, f"{name}.{index}")
    else:
        yield name, column(value)


def expected(name: str, file_of) -> list:
    files = []
    table = {}
    for episode in minari.load_dataset(name).iterate_episodes():
        steps = len(episode.rewards)
        # Compressed pictures are no numbers; they are not shown as such.
        pictures = isinstance(episode.observations, np.ndarray) and episode.observations.dtype == np.uint8
        columns = {
            **({} if pictures else dict(leaves(episode.observations, "observations"))),
            **dict(leaves(episode.actions, "actions")),
            **dict(leaves(episode.infos or {}, "infos")),
        }
        trajectory = {
            "ownId": f"episode_{episode.id}",
            "id": str(episode.id),
            "steps": steps,
            "reward": total(episode.rewards),
            "truncated": bool(np.any(episode.truncations)) and not bool(np.any(episode.terminations)),
            "stopReason": "terminated" if np.any(episode.terminations) else "truncated",
            "stepRewards": episode.rewards,
            "terminated": episode.terminations,
            "stepTruncated": episode.truncations,
            "columns": {**columns, "rewards": column(episode.rewards)},
        }
        table.setdefault(file_of(episode.id), []).append(trajectory)
    for path, trajectories in table.items():
        files.append({"path": path, "trajectories": trajectories})
    return files


files = []
for form in ["hdf5", "arrow", "parquet"]:
    for make, task, infos in [
        (lambda: gym.make("CartPole-v1"), "cartpole", False),
        (Crossing, "crossing", True),
        (Pictures, "pictures", False),
    ]:
        name = f"{task}/{form}-v0"
        collect(make(), name, form, infos, task == "pictures")
        where = (
            (lambda episode: f"{name}/data/main_data.hdf5")
            if form == "hdf5"
            else (lambda episode: f"{name}/data/{episode}/part-0.{form}")
        )
        kind = "minari" if form == "hdf5" else "minari-table"
        files.extend({"format": kind, **file} for file in expected(name, where))
write(out, minari.__version__, files)
