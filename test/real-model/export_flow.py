"""Trains a flow network on the hidden states of the exported SmolLM2 and writes what it says of two texts.

    python test/real-model/export_flow.py OUT_FOLDER SMOLLM2_FOLDER TEXT_FILE...

The network is RLFR's: it predicts the velocity from noise to a token's hidden state, given the state of the token before
it, the depth and the time. Hidden states come from the ONNX export; the training texts are the given Markdown files.
Writes OUT_FOLDER/flow.onnx (with the release's settings as metadata) and reference.json. Needs torch, onnx, onnxruntime,
tokenizers.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

TIMES = [0.6, 0.8]
# Blocks 9 and 19 of 30: hidden states 10 and 20, which the export has.
PERCENTILES = [0.3, 0.63]
DRAWS = 2
MASK = 0xFFFFFFFF


def sinusoids(values: torch.Tensor, size: int) -> torch.Tensor:
    half = size // 2
    angles = values[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / half)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Embedded(torch.nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.mlp = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.SiLU(), torch.nn.Linear(width, width))

    def forward(self, values):
        return self.mlp(sinusoids(values, 64))


class Norm(torch.nn.Module):
    """Root mean square, in operators that ONNX has."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Block(torch.nn.Module):
    """A residual step whose normalisation is shifted, scaled and gated by the condition."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = Norm(width)
        self.mlp = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.SiLU(), torch.nn.Linear(width, width))
        self.modulation = torch.nn.Sequential(torch.nn.SiLU(), torch.nn.Linear(width, 3 * width))

    def forward(self, x, y):
        shift, scale, gate = self.modulation(y).chunk(3, dim=-1)
        return x + gate * self.mlp(self.norm(x) * (1 + scale) + shift)


class Velocity(torch.nn.Module):
    def __init__(self, channels: int, scale: float, width: int = 128, depth: int = 2):
        super().__init__()
        self.scale = scale
        self.first, self.condition = torch.nn.Linear(channels, width), torch.nn.Linear(channels, width)
        self.time, self.layer = Embedded(width), Embedded(width)
        self.blocks = torch.nn.ModuleList([Block(width) for _ in range(depth)])
        self.norm, self.last = Norm(width), torch.nn.Linear(width, channels)
        torch.nn.init.zeros_(self.last.weight)
        torch.nn.init.zeros_(self.last.bias)

    def forward(self, x_t, t, condition, layer):
        y = self.layer(layer) + self.condition(condition / self.scale) + self.time(t)
        x = self.first(x_t / self.scale)
        for block in self.blocks:
            x = block(x, y)
        return self.last(self.norm(x)) * self.scale


def uniforms(seed: int, count: int) -> np.ndarray:
    """SplitMix32, as the extension draws its noise."""
    state, out = seed & MASK, np.empty(count)
    for i in range(count):
        state = (state + 0x9E3779B9) & MASK
        z = ((state ^ (state >> 16)) * 0x21F0AAAD) & MASK
        z = ((z ^ (z >> 15)) * 0x735A2D97) & MASK
        out[i] = (z ^ (z >> 15)) / 4294967296
    return out


def normals(seed: int, shape: tuple[int, int]) -> np.ndarray:
    pairs = uniforms(seed, shape[0] * shape[1]).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - pairs[:, 0])), 2 * np.pi * pairs[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).reshape(shape)


def states_of(session: onnxruntime.InferenceSession, ids: list[int], layers: list[int]) -> list[np.ndarray]:
    feeds = {"input_ids": np.array([ids], np.int64), "attention_mask": np.ones((1, len(ids)), np.int64),
             "position_ids": np.arange(len(ids), dtype=np.int64)[None]}
    for past in session.get_inputs():
        if past.name.startswith("past_key_values"):
            feeds[past.name] = np.zeros((1, past.shape[1], 0, past.shape[3]), np.float32)
    return [found[0] for found in session.run([f"hidden_states.{layer}" for layer in layers], feeds)]


def main(out: Path, policy: Path, texts: list[Path]) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(policy / "onnx" / "model.onnx"), options, providers=["CPUExecutionProvider"])
    count = json.loads((policy / "config.json").read_text())["num_hidden_layers"]
    blocks = [min(count - 1, round(share * count)) for share in PERCENTILES]
    layers = [block + 1 for block in blocks]
    tokenizer = Tokenizer.from_file(str(policy / "tokenizer.json"))
    pieces = [tokenizer.encode(text.read_text(encoding="utf-8")).ids[:128] for text in texts]
    targets, conditions, depths = [], [], []
    for piece in pieces:
        for block, states in zip(blocks, states_of(session, piece, layers), strict=True):
            # The first token's state is of another size than all others in every Llama; RLFR's responses never hold it.
            targets.append(states[2:])
            conditions.append(states[1:-1])
            depths.append(np.full(len(states) - 2, block / count, np.float32))
    target, condition, depth = (torch.tensor(np.concatenate(part)) for part in (targets, conditions, depths))
    network = Velocity(target.shape[1], float(target.square().mean().sqrt()))
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(200):
        rows = torch.randint(len(target), (64,))
        h, noise, t = target[rows], torch.randn(64, target.shape[1]), torch.rand(64)
        x = t[:, None] * h + (1 - t[:, None]) * noise
        loss = F.mse_loss(network(x, t, condition[rows], depth[rows]), h - noise)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    network.eval()

    rows = json.loads((policy / "reference.json").read_text())[:2]
    expected = []
    for row in rows:
        tokens = range(row["promptTokens"], len(row["ids"]))
        scores = np.zeros((DRAWS, len(tokens)))
        for depth_index, (block, states) in enumerate(zip(blocks, states_of(session, row["ids"], layers), strict=True)):
            h = states[list(tokens)].astype(np.float64)
            c = torch.tensor(states[[token - 1 for token in tokens]])
            for draw in range(DRAWS):
                noise = normals(1 + draw + 4096 * depth_index, h.shape)
                for t in TIMES:
                    x = torch.tensor((t * h + (1 - t) * noise).astype(np.float32))
                    with torch.no_grad():
                        velocity = network(x, torch.full((len(h),), t), c, torch.full((len(h),), block / count)).double().numpy()
                    # As released: every time is weighted like the last one.
                    weight = TIMES[-1] / (1 - TIMES[-1])
                    scores[draw] += weight * ((velocity - (h - noise)) ** 2).mean(-1) / len(TIMES) / len(blocks)
        expected.append(scores.tolist())

    file = out / "flow.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = ["x_t", "t", "condition", "layer"]
        torch.onnx.export(network, (target[:2], torch.zeros(2), condition[:2], depth[:2]), str(file), dynamo=False, opset_version=17,
                          input_names=names, output_names=["velocity"], dynamic_axes={name: {0: "tokens"} for name in [*names, "velocity"]})
    model = onnx.load(file)
    onnx.helper.set_model_props(model, {
        "rewarding_timesteps": "+".join(map(str, TIMES)), "hook_layers_percentile": "+".join(map(str, PERCENTILES)),
        "flow_context_mode": "token_post", "flow_shift": "1"})
    onnx.save(model, file)
    mean = lambda values: float(np.mean(values))  # noqa: E731
    (out / "reference.json").write_text(json.dumps({
        "rows": [{"ids": row["ids"], "promptTokens": row["promptTokens"]} for row in rows], "draws": DRAWS, "scores": expected,
        "loss": [mean(losses[:10]), mean(losses[-10:])], "states": len(target)}))


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
