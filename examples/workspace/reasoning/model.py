"""A small decoder-only transformer in plain PyTorch, and batched sampling from it.

The architecture is Llama's (RMSNorm before each block, rotary positions, gated
SiLU feed-forward, tied embeddings) and the parameters carry the names that
Hugging Face uses, so that the exported folder can declare `model_type: llama`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# One (key, value) pair a layer, each [batch, heads, positions, head_dim].
Cache = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ModelConfig:
    vocab_size: int
    hidden_size: int = 128
    num_layers: int = 4
    num_heads: int = 4
    intermediate_size: int = 320
    max_positions: int = 128
    rope_theta: float = 10000.0
    norm_eps: float = 1e-6

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding, with the two halves of a head forming the pairs (Hugging Face's layout)."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.heads, self.head_dim = config.num_heads, config.head_dim
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(config.hidden_size, config.hidden_size, bias=False))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor, past):
        batch, length, _ = x.shape
        shape = (batch, length, self.heads, self.head_dim)
        query = rotate(self.q_proj(x).view(shape).transpose(1, 2), cos, sin)
        key = rotate(self.k_proj(x).view(shape).transpose(1, 2), cos, sin)
        value = self.v_proj(x).view(shape).transpose(1, 2)
        if past is not None:
            key = torch.cat((past[0], key), dim=2)
            value = torch.cat((past[1], value), dim=2)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        mixed = mixed.transpose(1, 2).reshape(batch, length, self.heads * self.head_dim)
        return self.o_proj(mixed), (key, value)


class FeedForward(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor, past):
        attended, present = self.self_attn(self.input_layernorm(x), cos, sin, bias, past)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), present


class Trunk(nn.Module):
    """Token ids to hidden states, shared in form by the policy and the reward model."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)
        half = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
        self.register_buffer("inverse_frequency", config.rope_theta**-half, persistent=False)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, past: Cache | None
    ) -> tuple[Tensor, Cache]:
        """`input_ids` and `position_ids` [batch, new]; `attention_mask` [batch, past + new]."""
        angles = position_ids.unsqueeze(-1).float() * self.inverse_frequency
        angles = torch.cat((angles, angles), dim=-1).unsqueeze(1)
        cos, sin = angles.cos(), angles.sin()

        total, new = attention_mask.shape[1], input_ids.shape[1]
        keys = torch.arange(total, device=input_ids.device)
        queries = keys[total - new :]
        visible = (keys <= queries.unsqueeze(-1)) & attention_mask.bool()[:, None, None, :]
        # A finite "minus infinity": a row that sees nothing (left padding) stays free of NaN.
        bias = torch.zeros(1, dtype=torch.float32).masked_fill(~visible, -1e9)

        x, presents = self.embed_tokens(input_ids), []
        for index, layer in enumerate(self.layers):
            x, present = layer(x, cos, sin, bias, None if past is None else past[index])
            presents.append(present)
        return self.norm(x), presents


def initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def positions_of(attention_mask: Tensor) -> Tensor:
    """Positions that count real tokens only, whichever side the padding is on."""
    return (attention_mask.cumsum(-1) - 1).clamp(min=0)


class Policy(nn.Module):
    """The language model: logits over the next token."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.model = Trunk(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.apply(initialise)
        self.lm_head.weight = self.model.embed_tokens.weight

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor | None = None,
        past: Cache | None = None,
    ) -> tuple[Tensor, Cache]:
        """Returns logits [batch, new, vocab] and the cache that now includes the new tokens."""
        if position_ids is None:
            position_ids = positions_of(attention_mask)[:, -input_ids.shape[1] :]
        hidden, presents = self.model(input_ids, attention_mask, position_ids, past)
        return self.lm_head(hidden), presents


class ProcessRewardModel(nn.Module):
    """The same trunk with a scalar in (0, 1) per token; it means something at step ends."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.model = Trunk(config)
        self.score = nn.Linear(config.hidden_size, 1)
        self.apply(initialise)

    def logits(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Unsquashed scores [batch, tokens]."""
        positions = positions_of(attention_mask)
        hidden, _ = self.model(input_ids, attention_mask, positions, None)
        return self.score(hidden).squeeze(-1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores [batch, tokens]: the chance that the policy still solves the puzzle from here."""
        return torch.sigmoid(self.logits(input_ids, attention_mask))


@dataclass
class Sample:
    """One sampled continuation; the three lists are as long as `token_ids`."""

    token_ids: list[int]
    logprobs: list[float]
    entropies: list[float]
    stopped: bool


@torch.no_grad()
def sample(
    policy: Policy,
    prompts: list[list[int]],
    *,
    stop_ids: set[int],
    pad_id: int,
    max_new_tokens: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    batch_size: int = 512,
) -> list[Sample]:
    """Continue every prompt until a stop token (which is kept) or `max_new_tokens`.

    Prompts are padded on the left, so that all rows of a batch grow at the same end
    of one key-value cache. `temperature` 0 takes the likeliest token.
    """
    samples: list[Sample] = []
    for start in range(0, len(prompts), batch_size):
        batch = prompts[start : start + batch_size]
        rows = [Sample([], [], [], False) for _ in batch]
        width = max(map(len, batch))
        tokens = torch.tensor([[pad_id] * (width - len(p)) + p for p in batch])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in batch])
        alive = list(range(len(batch)))
        past: Cache | None = None
        for _ in range(max_new_tokens):
            logits, past = policy(tokens, mask, past=past)
            log_p = F.log_softmax(logits[:, -1].float(), dim=-1)
            p = log_p.exp()
            if temperature == 0:
                chosen = log_p.argmax(-1, keepdim=True)
            else:
                drawn = p if temperature == 1.0 else F.softmax(log_p / temperature, dim=-1)
                chosen = torch.multinomial(drawn, 1, generator=generator)
            entropies = -(p * log_p).sum(-1)
            columns = (chosen, log_p.gather(1, chosen), entropies)
            columns = (column.flatten().tolist() for column in columns)
            kept = []
            for row, token, logprob, entropy in zip(alive, *columns):
                rows[row].token_ids.append(token)
                rows[row].logprobs.append(logprob)
                rows[row].entropies.append(entropy)
                rows[row].stopped = token in stop_ids
                kept.append(not rows[row].stopped)
            alive = [row for row, keep in zip(alive, kept) if keep]
            if not alive:
                break
            mask = torch.cat((mask, torch.ones_like(chosen)), dim=1)
            if not all(kept):
                keep = torch.tensor(kept)
                chosen, mask = chosen[keep], mask[keep]
                past = [(key[keep], value[keep]) for key, value in past]
            tokens = chosen
        samples.extend(rows)
    return samples
