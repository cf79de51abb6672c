"""torch.save writes tensors of every kind, nested dicts, and a rollout dump as slime writes them."""

from collections import OrderedDict

import numpy as np
import torch
from expectations import folder, plain, write

torch.manual_seed(0)
out = folder()
files = []

BASE = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7
VALUES = {
    "bfloat16": BASE.to(torch.bfloat16),
    "float16": BASE.to(torch.float16),
    "float32": BASE,
    "float64": BASE.to(torch.float64) / 3,
    "int64": torch.tensor([-(2**40), 0, 2**40]),
    "int32": torch.tensor([-5, 7], dtype=torch.int32),
    "int16": torch.tensor([-300, 300], dtype=torch.int16),
    "int8": torch.tensor([-128, 127], dtype=torch.int8),
    "uint8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(1.5),
    "empty": torch.zeros(0, 3),
    "special": torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0]),
    # Views of one storage: an offset, strides that are not row-major, and a broadcast.
    "slice": BASE[1, :, 1:3],
    "transposed": BASE.to(torch.bfloat16).transpose(0, 2),
    "expanded": torch.tensor([1.0, 2.0]).unsqueeze(0).expand(3, 2),
    "parameter": torch.nn.Parameter(torch.tensor([0.25, -0.5])),
}
CONTENT = {
    "tensors": VALUES,
    "nested": {"level": {"list": [1, 2.5, None, "text", True], "tuple": (1, ("a", torch.tensor([3.0])))}, 7: "seven"},
    "ordered": OrderedDict([("b", torch.ones(2, dtype=torch.bfloat16)), ("a", -1)]),
    "big": 2**70,
    "shape": torch.Size([3, 5]),
    "bytes": b"\x00\xff",
    "numpy": {
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "halves": np.array([0.5, -2.0], np.float16),
        "flags": np.array([True, False]),
        "whole": np.array([[1, -(2**40)]]),
        "big-endian": np.array([1.5, -2.5], ">f8"),
        "number": np.float64(0.1),
    },
}


def described(value):
    if isinstance(value, torch.Tensor):
        own = value.detach()
        kept = own.tolist() if own.dtype == torch.int64 else own.to(torch.float64).tolist()
        return {"dtype": str(own.dtype).removeprefix("torch."), "shape": list(own.shape), "values": plain(kept)}
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.name, "shape": list(value.shape), "values": plain(value.astype(np.float64))}
    if isinstance(value, dict):
        return {str(key): described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    return plain(value)


for name, options in {"archive": {}, "legacy": {"_use_new_zipfile_serialization": False}, "protocol-4": {"pickle_protocol": 4}}.items():
    path = out / f"{name}.pt"
    torch.save(CONTENT, path, **options)
    files.append({"path": path.name, "plain": described(torch.load(path, weights_only=False))})

model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2)).to(torch.bfloat16)
torch.save(model.state_dict(), out / "state-dict.pt")
files.append({"path": "state-dict.pt", "plain": described(torch.load(out / "state-dict.pt", weights_only=True))})

# A rollout and its training dump: two samples of each of three prompts.
samples, train, expected = [], [], []
for index in range(6):
    length = 3 + index
    tokens = torch.randint(0, 900, (4 + length,)).tolist()
    logprobs = -torch.rand(length)
    advantages = torch.full((length,), (-1.0) ** index).to(torch.bfloat16)
    returns = torch.randn(length).to(torch.bfloat16)
    mask = [1] * (length - 1) + [0]
    samples.append(
        {
            "group_index": index // 2,
            "index": index,
            "prompt": f"question {index // 2}",
            "tokens": tokens,
            "response": f"answer {index}",
            "response_length": length,
            "label": str(index),
            "reward": index / 3,
            "loss_mask": mask,
            "status": "truncated" if index == 5 else "completed",
            "rollout_log_probs": logprobs.tolist(),
            "metadata": {"turns": index},
        }
    )
    train.append(
        {
            "rollout_position": index,
            "sample_index": index,
            "tokens": torch.tensor(tokens),
            "response_lengths": length,
            "advantages": advantages,
            "returns": returns,
        }
    )
path = out / "rollout_data" / "7.pt"
path.parent.mkdir()
torch.save({"rollout_id": 7, "samples": samples}, path)
companion = out / "train_data" / "7_0.pt"
companion.parent.mkdir()
torch.save({"rollout_id": 7, "rank": 0, "samples": train, "raw_reward": [sample["reward"] for sample in samples]}, companion)
for sample, extra in zip(torch.load(path)["samples"], torch.load(companion)["samples"]):
    before = [float("nan")] * 4
    expected.append(
        {
            "ownId": str(sample["index"]),
            "groupKey": str(sample["group_index"]),
            "trainingStep": 7,
            "reward": sample["reward"],
            "truncated": sample["status"] == "truncated",
            "stopReason": sample["status"],
            "prompt": sample["prompt"],
            "groundTruth": sample["label"],
            "tokenIds": sample["tokens"],
            "tokenMask": [0] * 4 + sample["loss_mask"],
            "series": {
                "logprob": before + sample["rollout_log_probs"],
                "advantage": before + extra["advantages"].to(torch.float64).tolist(),
                "return": before + extra["returns"].to(torch.float64).tolist(),
            },
        }
    )
files.append({"path": "rollout_data/7.pt", "format": "slime-rollout", "trajectories": expected})
write(out, torch.__version__, files)
