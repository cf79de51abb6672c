"""PyTorch eager on the weights of an exported policy: the yardstick of `npm run bench -- inference`.

Reads one JSON object a line on stdin ({"batches": [[[id, ...], ...], ...], "threads": n}) and answers each with one
JSON object: seconds, tokens, and the sum and list of log-probabilities of a few rows for comparison.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F


def load_example(folder: Path):
    """The example trainer's own model class, with the weights that its ONNX file holds."""
    import numpy as np
    import onnx

    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "workspace" / "reasoning"))
    from model import ModelConfig, Policy

    config = json.loads((folder / "config.json").read_text())
    policy = Policy(ModelConfig(
        vocab_size=config["vocab_size"], hidden_size=config["hidden_size"], num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"], intermediate_size=config["intermediate_size"],
        max_positions=config["max_position_embeddings"], rope_theta=config["rope_theta"], norm_eps=config["rms_norm_eps"]))
    graph = onnx.load(folder / "onnx" / "model.onnx").graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    names = dict(policy.named_parameters())
    state = {}
    for name, array in arrays.items():
        if name.removeprefix("policy.") in names:
            state[name.removeprefix("policy.")] = array
    for node in graph.node:
        # The exporter names a product after the module it came from and stores its weight transposed.
        scope = node.name.removeprefix("/policy/").removesuffix("/MatMul").replace("/", ".")
        if node.op_type == "MatMul" and f"{scope}.weight" in names and node.input[1] in arrays:
            state[f"{scope}.weight"] = arrays[node.input[1]].T
    missing = [name for name in names if name not in state and name != "lm_head.weight"]
    if missing:
        raise SystemExit(f"weights not found in the ONNX file: {missing[:5]}")
    policy.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()}, strict=False)
    policy.eval()
    return lambda ids, mask: policy(ids, mask)[0]


def load_transformers(folder: Path, gguf: str | None):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=gguf, dtype=torch.float32).eval()

    def logits(ids, mask):
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        return model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False).logits

    return logits


@torch.no_grad()
def score(logits_of, batches) -> list[list[float]]:
    """Log-probability and entropy of every token; returns the log-probabilities."""
    found = []
    for rows in batches:
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        log_p = F.log_softmax(logits_of(ids, mask), dim=-1)
        chosen = log_p[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
        entropy = -(log_p.exp() * log_p).sum(-1)  # noqa: F841  the extension computes it too
        found.extend(chosen[i, : len(row) - 1].tolist() for i, row in enumerate(rows))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--transformers", action="store_true", help="load with the transformers library")
    parser.add_argument("--gguf")
    args = parser.parse_args()
    logits_of = load_transformers(args.model, args.gguf) if args.transformers else load_example(args.model)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        started, used = time.perf_counter(), time.process_time()
        logprobs = score(logits_of, request["batches"])
        seconds, processor = time.perf_counter() - started, time.process_time() - used
        tokens = sum(len(row) for rows in request["batches"] for row in rows)
        print(json.dumps({"seconds": seconds, "processorSeconds": processor, "tokens": tokens, "logprobs": logprobs}), flush=True)


if __name__ == "__main__":
    main()
