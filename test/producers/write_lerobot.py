"""LeRobotDataset records episodes of two tasks without cameras, with rewards and a flag for their end."""

import numpy as np
import torch
from expectations import column, folder, total, write

# The index's torchvision is built for CUDA: beside the CPU build of PyTorch it lacks operators that its import describes.
# Nothing here sees a picture.
try:
    import torchvision  # noqa: F401
except RuntimeError:
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import lerobot
from lerobot.datasets.lerobot_dataset import LeRobotDataset

out = folder()
random = np.random.default_rng(0)
EPISODES = [(6, "pick the cube"), (3, "place the cube"), (4, "pick the cube")]
JOINTS = ["shoulder", "elbow"]
root = out / "dataset"
dataset = LeRobotDataset.create(
    repo_id="test/arm",
    fps=10,
    root=root,
    robot_type="arm",
    use_videos=False,
    features={
        "observation.state": {"dtype": "float32", "shape": (2,), "names": JOINTS},
        "observation.force": {"dtype": "float64", "shape": (1,), "names": None},
        "action": {"dtype": "float32", "shape": (2,), "names": JOINTS},
        "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
        "next.done": {"dtype": "bool", "shape": (1,), "names": None},
    },
)
forces = []
for length, task in EPISODES:
    for step in range(length):
        forces.append(random.normal(size=1))
        dataset.add_frame(
            {
                "observation.state": random.normal(size=2).astype(np.float32),
                "observation.force": forces[-1],
                "action": random.normal(size=2).astype(np.float32),
                "next.reward": np.array([step / 3], np.float32),
                "next.done": np.array([step == length - 1]),
                "task": task,
            }
        )
    dataset.save_episode()
dataset.finalize()

read = LeRobotDataset("test/arm", root=root)
frames = [read[index] for index in range(len(read))]
episodes = []
for number in range(read.num_episodes):
    own = [frame for frame in frames if int(frame["episode_index"]) == number]
    values = {
        name: torch.stack([frame[name].reshape(-1) for frame in own]).numpy()
        for name in ["observation.state", "observation.force", "action", "next.reward", "timestamp"]
    }
    # The file keeps float64, of which the library's tensors are float32.
    recorded = np.stack([forces[int(frame["index"])] for frame in own])
    assert (recorded.astype(np.float32) == values["observation.force"]).all()
    values["observation.force"] = recorded
    rewards = values["next.reward"][:, 0]
    episodes.append(
        {
            "ownId": f"episode_{number}",
            "id": str(number),
            "prompt": own[0]["task"],
            "steps": len(own),
            "reward": total(rewards),
            "stepRewards": rewards,
            "terminated": [bool(frame["next.done"]) for frame in own],
            "columns": {name: column(value) for name, value in values.items()},
        }
    )
assert [len(one["stepRewards"]) for one in episodes] == [length for length, _ in EPISODES]
paths = sorted((root / "data").rglob("*.parquet"))
assert len(paths) == 1
write(out, lerobot.__version__, [{"path": str(paths[0].relative_to(out)), "format": "lerobot", "trajectories": episodes}])
