"""Generalised advantage estimation (Schulman et al. 2015, arXiv:1506.02438), written out step by step."""

import numpy as np


def compute_gae_advantage_return(rewards, values, terminated, truncated, last_value, gamma, lam):
    """Advantages and value targets of one rollout segment.

    rewards, values, terminated, truncated: [T] or [T, N] (N environments side by side);
    values[t] is V(s_t), the estimate for the observation that action t was chosen from.
    last_value: scalar or [N], V of the observation after the last action.

    Convention: a *terminated* step has no future, so its bootstrap is 0. A *truncated* step is cut by the time limit
    while the task goes on, so it bootstraps from the value of the observation it ended in. That value is only known
    for the last row (`last_value`), hence a truncation elsewhere is refused.

        delta_t  = r_t + gamma * V(s_{t+1}) * (1 - terminated_t) - V(s_t)
        A_t      = delta_t + gamma * lam * (1 - terminated_t) * A_{t+1},     A_T = 0
        return_t = A_t + V(s_t)

    Returns (advantages, returns), float64, shaped like `rewards`; advantages are not normalised.
    Raises ValueError for a truncation before the last row.
    """
    rewards = np.asarray(rewards, dtype=np.float64)
    values = np.asarray(values, dtype=np.float64)
    alive = 1.0 - np.asarray(terminated, dtype=np.float64)
    if np.any(np.asarray(truncated, dtype=bool)[:-1]):
        raise ValueError("a segment must end where an episode is truncated: split the rollout there")

    advantages = np.zeros_like(rewards)
    next_value = np.asarray(last_value, dtype=np.float64)
    next_advantage = np.zeros_like(next_value)
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * next_value * alive[t] - values[t]
        advantages[t] = delta + gamma * lam * alive[t] * next_advantage
        next_value, next_advantage = values[t], advantages[t]
    return advantages, advantages + values
