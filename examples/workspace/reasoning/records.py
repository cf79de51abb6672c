"""Writers for the layouts in which trainers leave their rollouts on disk."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model import Sample
from puzzles import Puzzle

# prime-rl's default trust region on the change of a token's probability (DPPO masking).
DPPO_MASK_HIGH = DPPO_MASK_LOW = 0.2


@dataclass
class Rollout:
    """One sampled and graded derivation."""

    uid: str
    puzzle: Puzzle
    prompt_ids: list[int]
    sample: Sample
    text: str
    grade: dict[str, float]

    @property
    def group(self) -> str:
        """The id of the prompt's draw, shared by the rollouts of one group."""
        return self.uid.rsplit("_", 2)[0]

    @property
    def token_ids(self) -> list[int]:
        return self.prompt_ids + self.sample.token_ids


class JsonLines:
    """A JSON Lines file that readers may follow while it grows."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")

    def write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def verl_row(rollout: Rollout, step: int) -> dict[str, Any]:
    """A row of verl's `trainer.rollout_data_dir`: v0.9's `uid` and v0.8's reward columns."""
    grade = dict(rollout.grade)
    return {
        "input": rollout.puzzle.prompt,
        "output": rollout.text,
        "gts": rollout.puzzle.ground_truth,
        "score": grade.pop("score"),
        "step": step,
        "uid": rollout.uid,
        **grade,
    }


def write_verl_step(folder: Path, step: int, groups: Iterable[list[Rollout]]) -> list[Rollout]:
    """Write `{step}.jsonl`, a group at a time as the groups become ready; returns all rollouts."""
    file, written = JsonLines(folder / f"{step}.jsonl"), []
    for group in groups:
        for rollout in group:
            file.write(verl_row(rollout, step))
        file.flush()
        written.extend(group)
    file.close()
    return written


def _float32(values: torch.Tensor) -> list[float]:
    """The shortest decimals that read back as the same float32 numbers."""
    return [float(str(value)) for value in values.detach().to(torch.float32).numpy()]


@dataclass
class TrainedSequence:
    """What the trainer computed for one rollout; tensors are aligned with all its tokens.

    Position i holds the number that belongs to token i; position 0, which no
    token precedes, has log-probability 0 and entropy 0.
    """

    rollout: Rollout
    micro_step: int
    micro_sequence: int
    loss_mask: torch.Tensor
    advantages: torch.Tensor
    inference_logprobs: torch.Tensor
    trainer_logprobs: torch.Tensor
    entropy: torch.Tensor


def prime_rl_row(sequence: TrainedSequence, step: int, index: int) -> dict[str, Any]:
    """A row of prime-rl's token export (schema version 1).

    `mismatch_kl` is ratio - log ratio - 1; `is_masked` is prime-rl's rule (the
    probability moved by more than 0.2 in the direction the advantage asks for).
    It is recorded only: this trainer clips the ratio instead of masking.
    """
    mask, advantages = sequence.loss_mask, sequence.advantages
    log_ratio = sequence.trainer_logprobs - sequence.inference_logprobs
    ratio = log_ratio.exp()
    prob_delta = sequence.trainer_logprobs.exp() - sequence.inference_logprobs.exp()
    too_high, too_low = prob_delta > DPPO_MASK_HIGH, prob_delta < -DPPO_MASK_LOW
    length = len(sequence.rollout.token_ids)
    return {
        "schema_version": 1,
        "step": step,
        "rank": 0,
        "micro_step": sequence.micro_step,
        "micro_sequence_idx": sequence.micro_sequence,
        "export_sequence_idx": index,
        "env_name": "arithmetic-target",
        "token_ids": sequence.rollout.token_ids,
        "position_ids": list(range(length)),
        "loss_mask": mask.tolist(),
        "advantages": _float32(advantages),
        "inference_logprobs": _float32(sequence.inference_logprobs),
        "trainer_logprobs": _float32(sequence.trainer_logprobs),
        "entropy": _float32(sequence.entropy),
        "mismatch_kl": _float32(ratio - log_ratio - 1),
        "log_importance_ratio": _float32(log_ratio),
        "importance_ratio": _float32(ratio),
        "prob_delta": _float32(prob_delta),
        "is_masked": (mask & torch.where(advantages > 0, too_high, too_low)).tolist(),
        "is_masked_high": (mask & (advantages > 0) & too_high).tolist(),
        "is_masked_low": (mask & (advantages < 0) & too_low).tolist(),
        # Null columns are prime-rl's defaults: weight 1 on the loss mask, no other loss.
        "rl_weights": [None] * length,
        "ce_weights": [None] * length,
        "ref_kl_weights": [None] * length,
    }


def write_prime_rl_step(folder: Path, step: int, sequences: list[TrainedSequence]) -> None:
    """Write `step_N/rank_0.jsonl`, then `STABLE`, which says that the folder is complete."""
    target = folder / f"step_{step}"
    target.mkdir(parents=True, exist_ok=True)
    with (target / "rank_0.jsonl").open("w", encoding="utf-8") as file:
        for index, sequence in enumerate(sequences):
            row = prime_rl_row(sequence, step, index)
            file.write(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n")
    (target / "STABLE").touch()


Node = dict[str, Any]


def value_tree(node: Node) -> float:
    """Fill in SPO's node values, leaves first; returns the node's own.

    A leaf keeps its grade; an inner node gets the mean of its *children* (not of
    its leaves) and their population standard deviation.
    """
    if node["leaf"]:
        return node["reward"]
    rewards = [value_tree(child) for child in node["children"]]
    node["reward"] = statistics.fmean(rewards)
    node["reward_std"] = statistics.pstdev(rewards)
    return node["reward"]


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first."""
    yield node
    for child in node.get("children", ()):
        yield from walk(child)


def write_tree(folder: Path, index: int, tree: Node) -> None:
    """Write `{index}.json` as SPO does: indent 4, sorted keys."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(tree, indent=4, sort_keys=True)
    (folder / f"{index}.json").write_text(text, encoding="utf-8")


def write_learning_curve(folder: Path, rows: list[dict[str, float]]) -> None:
    """Write `learning_curve.csv` and draw it as `learning_curve.png`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(rows[0])
    lines = [",".join(names)] + [",".join(str(row[name]) for name in names) for row in rows]
    (folder / "learning_curve.csv").write_text("\n".join(lines) + "\n")

    panels = {
        "score and success (acc)": ["score", "acc"],
        "other components": ["format", "arithmetic", "numbers"],
        "groups without contrast, share": ["share_without_contrast"],
        "response length, tokens": ["response_length"],
        "entropy, nats a token": ["entropy"],
        "KL to the supervised policy": ["kl"],
    }
    figure, axes = plt.subplots(2, 3, figsize=(12, 6), sharex=True, constrained_layout=True)
    steps = [row["step"] for row in rows]
    window = min(9, len(rows))
    smooth_steps = np.convolve(steps, np.ones(window) / window, mode="valid")
    for axis, (title, columns) in zip(axes.flat, panels.items()):
        for colour, name in enumerate(columns):
            values = [row[name] for row in rows]
            smooth = np.convolve(values, np.ones(window) / window, mode="valid")
            axis.plot(steps, values, color=f"C{colour}", alpha=0.3, linewidth=1)
            axis.plot(smooth_steps, smooth, color=f"C{colour}", linewidth=2, label=name)
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.25)
        if len(columns) > 1:
            axis.legend(fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("training step")
    figure.savefig(folder / "learning_curve.png", dpi=90, metadata={"Software": None})
    plt.close(figure)
