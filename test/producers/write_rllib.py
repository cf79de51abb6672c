"""RLlib's JsonWriter writes sample batches: whole episodes with packed observations, fragments, and two policies; JsonReader reads them."""

import gymnasium as gym
import numpy as np
import ray
from expectations import column, folder, total, write
from ray.rllib.offline.json_reader import JsonReader
from ray.rllib.offline.json_writer import JsonWriter
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

out = folder()
files = []
COLUMNS = ("obs", "new_obs", "actions", "rewards", "action_logp", "vf_preds")


def episode(number: int, agent: int = 0) -> SampleBatch:
    """An episode at random; odd ones are cut by a limit of time."""
    environment = gym.make("CartPole-v1", max_episode_steps=8 if number % 2 else 100)
    chance = np.random.default_rng(number)
    observation, _ = environment.reset(seed=number)
    rows = {name: [] for name in (*COLUMNS, "terminateds", "truncateds", "infos")}
    done = False
    while not done:
        action = int(chance.integers(2))
        following, reward, terminated, truncated, _ = environment.step(action)
        done = terminated or truncated
        step = (observation, following, action, reward, -chance.random(), chance.normal(), terminated, truncated and not terminated, {"note": f"é{action}"})
        for name, value in zip(rows, step):
            rows[name].append(value)
        observation = following
    count = len(rows["rewards"])
    return SampleBatch(
        {
            **{name: np.array(values) for name, values in rows.items()},
            "eps_id": np.full(count, 10**12 + number),
            "agent_index": np.full(count, agent),
            "t": np.arange(count),
        }
    )


def expected(batch: SampleBatch) -> dict:
    terminated = bool(batch["terminateds"][-1])
    return {
        "ownId": str(int(batch["eps_id"][0])),
        "steps": batch.count,
        "reward": total(batch["rewards"]),
        "stepRewards": batch["rewards"],
        "stopReason": "terminated" if terminated else "truncated",
        "truncated": not terminated,
        "columns": {name: column(batch[name]) for name in COLUMNS},
    }


def written(name: str, batches: list, compressed: list) -> list:
    """@returns what RLlib's own reader gives back"""
    writer = JsonWriter(str(out / name), compress_columns=compressed)
    for batch in batches:
        writer.write(batch)
    [path] = (out / name).glob("*.json")
    read = list(JsonReader(str(path)).read_all_files())
    files.append({"path": str(path.relative_to(out)), "format": "rllib-batches", "trajectories": []})
    return read


episodes = [episode(number) for number in range(4)]
for name, compressed in (("packed", ["obs", "new_obs"]), ("plain", [])):
    read = written(name, [SampleBatch(one) for one in episodes], compressed)
    files[-1]["trajectories"] = [expected(one) for one in read]

# Fragments of two episodes, as two environments of a worker leave them.
first, second = episodes[1], episodes[3]
parts = [first.slice(0, 3), second.slice(0, 5), first.slice(3, first.count), second.slice(5, second.count)]
read = written("fragments", [SampleBatch(part) for part in parts], ["obs"])
joined = [SampleBatch({name: np.concatenate([np.asarray(part[name]) for part in pair]) for name in pair[0]}) for pair in (read[::2], read[1::2])]
files[-1]["trajectories"] = [expected(one) for one in joined]

batch = MultiAgentBatch({"left": episode(4), "right": episode(5, agent=1)}, env_steps=8)
[read] = written("policies", [batch], ["obs", "new_obs"])
files[-1]["trajectories"] = [
    {**expected(one), "ownId": f"{int(one['eps_id'][0])} {policy}{', agent 1' if policy == 'right' else ''}"}
    for policy, one in read.policy_batches.items()
]
write(out, ray.__version__, files)
