"""imitation saves trajectories as Hugging Face datasets; its trajectories are pickled as they are, too."""

import pickle

import numpy as np
from expectations import column, folder, total, write
from imitation.data import serialize
from imitation.data.types import TrajectoryWithRew

import imitation

out = folder()
random = np.random.default_rng(0)
EPISODES = [5, 1, 9]


def trajectory(steps: int, discrete: bool) -> TrajectoryWithRew:
    actions = random.integers(0, 4, steps) if discrete else random.normal(size=(steps, 2)).astype(np.float32)
    return TrajectoryWithRew(
        obs=random.normal(size=(steps + 1, 3)).astype(np.float32),
        acts=actions,
        infos=np.array([{"at": step, "name": "é"} if step % 2 else {} for step in range(steps)]),
        terminal=steps != 1,
        rews=random.normal(size=steps).astype(np.float32),
    )


files = []
for name, discrete in [("continuous", False), ("discrete", True)]:
    serialize.save(out / name, [trajectory(steps, discrete) for steps in EPISODES])
    read = serialize.load(out / name)
    stored = next((out / name).glob("*.arrow"))
    expected = []
    for at in range(len(EPISODES)):
        one = read[at]
        expected.append(
            {
                "ownId": f"trajectory_{at}",
                "steps": len(one.acts),
                "reward": total(one.rews),
                "stepRewards": one.rews,
                "columns": {"obs": column(one.obs), "acts": column(one.acts), "rews": column(one.rews)},
                "stepInfos": [info or None for info in one.infos],
            }
            | ({"stopReason": "terminated"} if one.terminal else {})
        )
    files.append({"path": str(stored.relative_to(out)), "format": "imitation-hf", "trajectories": expected})
    path = out / f"{name}.pkl"
    path.write_bytes(pickle.dumps([read[at] for at in range(len(EPISODES))]))
    pickled = [
        {key: value for key, value in one.items() if key not in ("ownId", "stepInfos")} for one in expected
    ]
    files.append({"path": path.name, "format": "episode-pickle", "trajectories": pickled})
write(out, imitation.__version__, files)
