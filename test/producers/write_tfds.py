"""TensorFlow Datasets builds an RLDS dataset of CartPole as a generator would; expected is what it reads back."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import gymnasium as gym
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from expectations import column, folder, total, write

out = folder()


class Cartpole(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        step = {
            "observation": tfds.features.FeaturesDict({"state": tfds.features.Tensor(shape=(4,), dtype=tf.float32)}),
            "action": tf.int64,
            "reward": tf.float32,
            "discount": tf.float32,
            "is_first": tf.bool,
            "is_last": tf.bool,
            "is_terminal": tf.bool,
            "language_instruction": tfds.features.Text(),
        }
        metadata = {"seed": tf.int64, "file_path": tfds.features.Text()}
        features = tfds.features.FeaturesDict({"steps": tfds.features.Dataset(step), "episode_metadata": metadata})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, manager):
        return {"train": self._generate_examples(range(3)), "val": self._generate_examples(range(3, 5))}

    def _generate_examples(self, seeds):
        for seed in seeds:
            environment = gym.make("CartPole-v1", max_episode_steps=12)
            chance = np.random.default_rng(seed)
            observation, _ = environment.reset(seed=seed)
            steps, done, terminated = [], False, False
            while not done:
                action = int(chance.integers(2))
                following, reward, terminated, truncated, _ = environment.step(action)
                done = terminated or truncated
                steps.append(self._step(observation, action, reward, not steps, False, False))
                observation = following
            # The state that was reached: its action and reward mean nothing.
            steps.append(self._step(observation, 0, 0.0, False, True, terminated))
            yield f"episode-{seed}", {"steps": steps, "episode_metadata": {"seed": seed, "file_path": f"raw/{seed}.npz"}}

    def _step(self, observation, action, reward, first, last, terminal) -> dict:
        return {
            "observation": {"state": observation.astype(np.float32)},
            "action": action,
            "reward": reward,
            "discount": 0.0 if terminal else 1.0,
            "is_first": first,
            "is_last": last,
            "is_terminal": terminal,
            "language_instruction": "Halte den Stab é🙂",
        }


builder = Cartpole(data_dir=str(out))
builder.download_and_prepare()
files = []
for split in ("train", "val"):
    trajectories = []
    for episode in tfds.as_numpy(builder.as_dataset(split=split)):
        steps = list(episode["steps"])
        rewards = [step["reward"] for step in steps[:-1]]
        trajectories.append(
            {
                "steps": len(steps) - 1,
                "stepRewards": rewards,
                "reward": total(rewards),
                "split": split,
                "stopReason": "terminated" if steps[-1]["is_terminal"] else "truncated",
                "extra": {"seed": int(episode["episode_metadata"]["seed"]), "file_path": episode["episode_metadata"]["file_path"].decode()},
                "prompt": steps[0]["language_instruction"].decode(),
                "columns": {
                    "observation.state": column([step["observation"]["state"] for step in steps]),
                    "action": column([step["action"] for step in steps[:-1]]),
                    "reward": column(rewards),
                },
            }
        )
    [path] = out.glob(f"cartpole/1.0.0/*-{split}.tfrecord*")
    files.append({"path": str(path.relative_to(out)), "format": "rlds", "trajectories": trajectories})
write(out, f"{tfds.__version__} (TensorFlow {tf.__version__})", files)
