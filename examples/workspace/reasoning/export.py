"""Export to ONNX in the Hugging Face folder layout, checked against PyTorch."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from tokenizers import Tokenizer
from torch import nn

from model import Policy, ProcessRewardModel, positions_of
from tokenization import EOS, PAD, save_tokenizer

OPSET = 18
TOLERANCE = 1e-4


class PolicyGraph(nn.Module):
    """The policy with its cache as a flat list of tensors, which is what ONNX can name."""

    def __init__(self, policy: Policy):
        super().__init__()
        self.policy = policy

    def forward(self, input_ids, attention_mask, position_ids, *flat_past):
        past = list(zip(flat_past[0::2], flat_past[1::2]))
        logits, presents = self.policy(input_ids, attention_mask, position_ids, past)
        return logits, *(tensor for pair in presents for tensor in pair)


def _llama_config(model: Policy | ProcessRewardModel, tokenizer: Tokenizer) -> dict[str, Any]:
    config = model.config
    return {
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_heads,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": config.max_positions,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": None,
        "eos_token_id": tokenizer.token_to_id(EOS),
        "pad_token_id": tokenizer.token_to_id(PAD),
        "torch_dtype": "float32",
        "transformers.js_config": {"dtype": "fp32"},
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def _to_onnx(graph: nn.Module, inputs: dict, outputs: list[str], axes: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The trace-based exporter announces its retirement; it writes the plainest graphs.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(str(path), full_check=True)


def _padded(rows: list[list[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Left-padded ids and their mask, [rows, longest]."""
    width = max(map(len, rows))
    ids = torch.tensor([[pad_id] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


@torch.no_grad()
def export_policy(
    policy: Policy, tokenizer: Tokenizer, folder: Path, texts: list[str]
) -> dict[str, float]:
    """Write the policy's folder; returns the largest differences between ONNX Runtime and PyTorch.

    Raises ValueError if a difference exceeds 1e-4. `texts` are full derivations:
    they are run at once, and again one token at a time through the cache.
    """
    policy.eval()
    config, pad_id = policy.config, tokenizer.token_to_id(PAD)
    ids, mask = _padded([encoded.ids for encoded in tokenizer.encode_batch(texts)], pad_id)
    positions = positions_of(mask)
    names = [
        f"{{}}.{layer}.{kind}" for layer in range(config.num_layers) for kind in ("key", "value")
    ]
    pasts = [name.format("past_key_values") for name in names]
    presents = [name.format("present") for name in names]
    axes: dict[str, dict[int, str]] = {
        "input_ids": {0: "batch_size", 1: "sequence_length"},
        "attention_mask": {0: "batch_size", 1: "total_sequence_length"},
        "position_ids": {0: "batch_size", 1: "sequence_length"},
        "logits": {0: "batch_size", 1: "sequence_length"},
        **{name: {0: "batch_size", 2: "past_sequence_length"} for name in pasts},
        **{name: {0: "batch_size", 2: "total_sequence_length"} for name in presents},
    }
    example_past = torch.zeros(len(texts), config.num_heads, 3, config.head_dim)
    example = {
        "input_ids": ids,
        "attention_mask": torch.cat((torch.ones(len(texts), 3, dtype=torch.long), mask), dim=1),
        "position_ids": positions,
        **{name: example_past for name in pasts},
    }
    path = folder / "onnx" / "model.onnx"
    _to_onnx(PolicyGraph(policy), example, ["logits", *presents], axes, path)

    expected, _ = policy(ids, mask)
    real = mask.bool().numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(first: int, last: int, past: list[np.ndarray]) -> list[np.ndarray]:
        feeds = {
            "input_ids": ids[:, first:last].numpy(),
            "attention_mask": mask[:, :last].numpy(),
            "position_ids": positions[:, first:last].numpy(),
            **dict(zip(pasts, past)),
        }
        return session.run(None, feeds)

    empty = np.zeros((len(texts), config.num_heads, 0, config.head_dim), np.float32)
    at_once = run(0, ids.shape[1], [empty] * len(pasts))[0]
    stepwise, past = [], [empty] * len(pasts)
    for position in range(ids.shape[1]):
        logits, *past = run(position, position + 1, past)
        stepwise.append(logits)
    differences = {
        "policy_onnx_max_difference": _difference(at_once, expected, real),
        "policy_onnx_cached_max_difference": _difference(
            np.concatenate(stepwise, axis=1), expected, real
        ),
    }

    architecture = {"architectures": ["LlamaForCausalLM"], **_llama_config(policy, tokenizer)}
    _write_json(folder / "config.json", {**architecture, "tie_word_embeddings": True})
    generation = {
        "do_sample": True,
        "temperature": 1.0,
        "top_k": 0,
        "max_new_tokens": 64,
        "eos_token_id": architecture["eos_token_id"],
        "pad_token_id": architecture["pad_token_id"],
    }
    _write_json(folder / "generation_config.json", generation)
    save_tokenizer(tokenizer, folder, config.max_positions)
    return differences


@torch.no_grad()
def export_process_reward_model(
    prm: ProcessRewardModel, tokenizer: Tokenizer, folder: Path, texts: list[str], training: dict
) -> dict[str, float]:
    """Write the process reward model's folder, as `export_policy` does for the policy."""
    prm.eval()
    pad_id = tokenizer.token_to_id(PAD)
    ids, mask = _padded([encoded.ids for encoded in tokenizer.encode_batch(texts)], pad_id)
    path = folder / "onnx" / "model.onnx"
    both = {0: "batch_size", 1: "sequence_length"}
    example = {"input_ids": ids, "attention_mask": mask}
    _to_onnx(prm, example, ["scores"], {name: both for name in (*example, "scores")}, path)

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    scores = session.run(None, {name: tensor.numpy() for name, tensor in example.items()})[0]
    difference = _difference(scores, prm(ids, mask), mask.bool().numpy())

    _write_json(
        folder / "config.json",
        {
            "architectures": ["LlamaForTokenClassification"],
            **_llama_config(prm, tokenizer),
            "tie_word_embeddings": False,
            "num_labels": 1,
            "id2label": {"0": "solvable"},
            "label2id": {"solvable": 0},
            "problem_type": "regression",
            "trajectory_lens": {
                "kind": "process-reward",
                "level": "step-end",
                "step_separator": "\n",
                "step_separator_token_id": tokenizer.token_to_id("Ċ"),
                "scores_prompt_end": True,
                "inputs": ["input_ids", "attention_mask"],
                "output": "scores",
                "output_shape": ["batch_size", "sequence_length"],
                "sigmoid_applied": True,
                "range": [0, 1],
                "meaning": "probability that the policy solves the puzzle when it continues "
                "after this step",
                **training,
            },
        },
    )
    save_tokenizer(tokenizer, folder, prm.config.max_positions)
    return {"prm_onnx_max_difference": difference}


def _difference(actual: np.ndarray, expected: torch.Tensor, real: np.ndarray) -> float:
    """The largest absolute difference at real (not padding) tokens; ValueError above 1e-4."""
    largest = float(np.abs(actual - expected.numpy())[real].max())
    if not largest <= TOLERANCE:
        raise ValueError(f"ONNX Runtime and PyTorch differ by {largest}, more than {TOLERANCE}")
    return largest
