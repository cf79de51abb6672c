"""tinker-cookbook serialises groups of trajectories into its store of a run; expected is what the store reads back."""

from importlib.metadata import version

import numpy as np
import tinker
from expectations import folder, write
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl.rollout_logging import RolloutSummaryGroup, serialize_rollout_summaries_from_groups
from tinker_cookbook.rl.types import Trajectory, TrajectoryGroup, Transition
from tinker_cookbook.stores.storage import LocalStorage
from tinker_cookbook.stores.training_store import TrainingRunStore

out = folder()


def transition(observed: int, acted: int, reward: float, done: bool, **more) -> Transition:
    return Transition(
        ob=tinker.ModelInput.from_ints(list(range(observed))),
        ac=TokensWithLogprobs(tokens=list(range(acted)), maybe_logprobs=[-0.5] * acted),
        reward=reward,
        episode_done=done,
        **more,
    )


def trajectory(member: int) -> Trajectory:
    turns = [transition(10 + 3 * turn, turn + 1, -0.1 * turn, turn == member, metrics={"calls": turn}, logs={"said": f"é{turn}"}) for turn in range(member + 1)]
    return Trajectory(transitions=turns, final_ob=tinker.ModelInput.empty(), stop_reason="completed")


groups = [
    RolloutSummaryGroup(
        TrajectoryGroup(
            trajectories_G=[trajectory(member) for member in range(3)],
            final_rewards_G=[np.float64(0.1 + member + group) for member in range(3)],
            metrics_G=[{"correct": member % 2, "words": np.int64(member)} for member in range(3)],
        ),
        tags=["sums", f"level-{group}"],
        sampling_client_step=None if group else 4,
    )
    for group in range(2)
]
store = TrainingRunStore(LocalStorage(out))
files = []
for iteration, split, name in ((4, "train", "train"), (5, "eval/sums", "eval_sums")):
    store.write_rollouts(iteration, serialize_rollout_summaries_from_groups(split=split, iteration=iteration, groups_P=groups), name)
    store._rollout_cache.clear()
    read = store.read_rollouts(iteration, name)
    [path] = out.glob(f"*{iteration}/{name}_rollout_summaries.jsonl")
    files.append(
        {
            "path": str(path.relative_to(out)),
            "format": "tinker-cookbook",
            "trajectories": [
                {
                    "ownId": f"{row['group_idx']}:{row['traj_idx']}",
                    "groupKey": f"{split}/{row['group_idx']}",
                    "trainingStep": row["iteration"],
                    "split": row["split"],
                    "reward": row["total_reward"],
                    "components": {"final_reward": row["final_reward"]},
                    "steps": len(row["steps"]),
                    "stepRewards": [step["reward"] for step in row["steps"]],
                    "terminated": [step["episode_done"] for step in row["steps"]],
                    "extra": {name: row[name] for name in ("tags", "trajectory_metrics", "sampling_client_step")},
                }
                for row in read
            ],
        }
    )
write(out, version("tinker-cookbook"), files)
