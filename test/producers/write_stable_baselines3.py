"""Stable-Baselines3's Monitor and EvalCallback write their logs while PPO trains for two rollouts."""

import gymnasium as gym
import numpy as np
import stable_baselines3
from expectations import folder, write
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.monitor import Monitor, load_results

out = folder()
files = []


class Reach(gym.Wrapper):
    """CartPole that says whether an episode lasted, and a number of its own."""

    def __init__(self):
        super().__init__(gym.make("CartPole-v1", max_episode_steps=30))
        self.lasted = 0

    def reset(self, **options):
        self.lasted = 0
        return self.env.reset(**options)

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.lasted += 1
        if terminated or truncated:
            info |= {"is_success": bool(self.lasted >= 20), "fuel": self.lasted / 3}
        return observation, reward, terminated, truncated, info


def train(name: str, make, keywords=(), **monitor) -> None:
    place = out / name
    place.mkdir()
    environment = Monitor(make(), str(place / "train"), info_keywords=keywords, **monitor)
    evaluation = EvalCallback(
        Monitor(make()), n_eval_episodes=5, eval_freq=64, log_path=str(place / "evaluations"), verbose=0
    )
    agent = PPO("MlpPolicy", environment, n_steps=128, batch_size=64, n_epochs=1, seed=3, device="cpu")
    agent.learn(256, callback=evaluation)
    environment.close()
    rows = load_results(str(place))
    files.append(
        {
            "path": f"{name}/train.monitor.csv",
            "format": "monitor-csv",
            "trajectories": [
                {
                    "reward": float(row["r"]),
                    "components": {"length": int(row["l"])}
                    | ({"fuel": float(row["fuel"])} if "fuel" in row else {}),
                }
                | ({"success": bool(row["is_success"])} if "is_success" in row else {})
                for _, row in rows.iterrows()
            ],
        }
    )
    content = np.load(place / "evaluations" / "evaluations.npz")
    files.append(
        {
            "path": f"{name}/evaluations/evaluations.npz",
            "format": "sb3-evaluations",
            "trajectories": [
                {
                    "ownId": f"{at}/{episode}",
                    "trainingStep": int(step),
                    "split": "eval",
                    "reward": float(content["results"][at, episode]),
                    "components": {"length": int(content["ep_lengths"][at, episode])},
                }
                | ({"success": bool(content["successes"][at, episode])} if "successes" in content else {})
                for at, step in enumerate(content["timesteps"])
                for episode in range(content["results"].shape[1])
            ],
        }
    )


train("plain", lambda: gym.make("CartPole-v1"))
train("infos", Reach, keywords=("is_success", "fuel"))
write(out, stable_baselines3.__version__, files)
