"""d3rlpy dumps replay buffers: continuous and discrete actions, and observations of several parts."""

import d3rlpy
import numpy as np
from d3rlpy.dataset import InfiniteBuffer, MDPDataset, ReplayBuffer
from expectations import column, folder, total, write

out = folder()
random = np.random.default_rng(0)
ENDS = [(7, True), (4, False), (1, True)]
STEPS = sum(length for length, _ in ENDS)
terminals, timeouts = np.zeros(STEPS), np.zeros(STEPS)
at = -1
for length, terminated in ENDS:
    at += length
    (terminals if terminated else timeouts)[at] = 1

SETS = {
    "continuous": (random.normal(size=(STEPS, 3)).astype(np.float32), random.normal(size=(STEPS, 2)).astype(np.float32)),
    "discrete": (random.integers(0, 255, (STEPS, 1, 4, 4)).astype(np.uint8), random.integers(0, 5, (STEPS, 1))),
    "parts": (
        [random.normal(size=(STEPS, 3)).astype(np.float32), random.normal(size=(STEPS, 2)).astype(np.float32)],
        random.normal(size=(STEPS, 1)).astype(np.float32),
    ),
}
files = []
for name, (observations, actions) in SETS.items():
    dataset = MDPDataset(
        observations=observations,
        actions=actions,
        rewards=random.normal(size=(STEPS, 1)).astype(np.float32),
        terminals=terminals,
        timeouts=timeouts,
    )
    path = out / f"{name}.h5"
    with open(path, "w+b") as file:
        dataset.dump(file)
    with open(path, "rb") as file:
        read = ReplayBuffer.load(file, InfiniteBuffer())
    expected = []
    for number, episode in enumerate(read.episodes):
        seen = episode.observations
        parts = (
            {f"observations.{part}": column(own) for part, own in enumerate(seen)}
            if isinstance(seen, (list, tuple))
            else {"observations": column(seen)}
        )
        expected.append(
            {
                "ownId": f"episode_{number}",
                "steps": episode.transition_count + (0 if episode.terminated else 1),
                "reward": total(episode.rewards[:, 0]),
                "stepRewards": episode.rewards[:, 0],
                "columns": {**parts, "actions": column(episode.actions)},
            }
            | ({"stopReason": "terminated", "truncated": False} if episode.terminated else {})
        )
    assert len(expected) == len(ENDS)
    files.append({"path": path.name, "format": "d3rlpy", "trajectories": expected})
write(out, d3rlpy.__version__, files)
