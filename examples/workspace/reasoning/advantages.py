"""Group-relative advantages (GRPO) in verl's convention."""

from __future__ import annotations

import torch

EPSILON = 1e-6


def compute_grpo_outcome_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: list[str],
    epsilon: float = EPSILON,
    norm_adv_by_std_in_grpo: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give every response token its rollout's standing within its group.

    `token_level_rewards` and `response_mask` are [rollouts, tokens]; `index` holds
    the group id of each rollout. A = (R - mean) / (std + epsilon) with the *sample*
    standard deviation (n - 1); without `norm_adv_by_std_in_grpo`, A = R - mean. A
    group of one has mean 0 and std 1, so that A = R / (1 + epsilon).

    Returns (advantages, returns), both [rollouts, tokens] and, as the outcome is the
    only reward, the same tensor. Convention: verl, `compute_grpo_outcome_advantage`.
    """
    outcomes = token_level_rewards.sum(dim=-1)
    advantages = torch.empty_like(outcomes)
    for group in dict.fromkeys(index):
        rows = [row for row, member in enumerate(index) if member == group]
        rewards = outcomes[rows]
        if len(rows) == 1:
            mean, std = rewards.new_tensor(0.0), rewards.new_tensor(1.0)
        else:
            mean, std = rewards.mean(), rewards.std(correction=1)
        centred = rewards - mean
        advantages[rows] = centred / (std + epsilon) if norm_adv_by_std_in_grpo else centred
    per_token = advantages.unsqueeze(-1) * response_mask
    return per_token, per_token


def share_without_contrast(outcomes: torch.Tensor, index: list[str]) -> float:
    """Share of the groups whose rollouts all got the same reward: they teach nothing."""
    groups: dict[str, set[float]] = {}
    for group, outcome in zip(index, outcomes.tolist(), strict=True):
        groups.setdefault(group, set()).add(outcome)
    return sum(len(values) == 1 for values in groups.values()) / len(groups)
