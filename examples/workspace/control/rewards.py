"""Rewards of the pendulum swing-up task.

`reward_function` is what the trainer optimises: the task reward of Gymnasium's Pendulum-v1 written as an ordinary
function of observation and action, so that it can be read, changed and recomputed from stored episodes.
`preference_label` and `bradley_terry_loss` are what the learned reward model is trained with.
"""

import numpy as np
import torch
import torch.nn.functional as F

MAX_TORQUE = 2.0  # newton metres; Pendulum-v1 clips every action to this range


def reward_components(observation, action):
    """The three (non-positive) terms of the reward, in reward units per step.

    observation: [..., 3] = (cos angle, sin angle, angular velocity in rad/s) *before* the action; angle 0 is upright.
    action: [..., 1] torque in N m, as sampled by the policy; the torque that counts is the clipped one.
    Returns a dict of float64 arrays of shape [...].
    """
    observation = np.asarray(observation, dtype=np.float64)
    torque = np.clip(np.asarray(action, dtype=np.float64)[..., 0], -MAX_TORQUE, MAX_TORQUE)
    angle = np.arctan2(observation[..., 1], observation[..., 0])  # in [-pi, pi]
    return {
        "reward_angle": -(angle**2),
        "reward_velocity": -0.1 * observation[..., 2] ** 2,
        "reward_torque": -0.001 * torque**2,
    }


def reward_function(observation, action):
    """Reward per step: -(angle^2 + 0.1 velocity^2 + 0.001 torque^2), between about -16.27 and 0.

    Shapes as in `reward_components`; returns float64 [...].
    """
    parts = reward_components(observation, action)
    return parts["reward_angle"] + parts["reward_velocity"] + parts["reward_torque"]


def preference_label(return_a, return_b):
    """1.0 where segment a is preferred, 0.0 where b is, 0.5 for a tie: the higher undiscounted true return wins."""
    return 0.5 * (1.0 + np.sign(np.asarray(return_a) - np.asarray(return_b)))


def bradley_terry_loss(rewards_a, rewards_b, label):
    """Negative log-likelihood of the labels under the Bradley-Terry model, averaged over pairs.

    P(a preferred over b) = sigmoid(sum of a's rewards - sum of b's rewards).
    rewards_a, rewards_b: [pairs, steps] predicted rewards per step; label: [pairs] as from `preference_label`.
    """
    logits = rewards_a.sum(dim=1) - rewards_b.sum(dim=1)
    return F.binary_cross_entropy_with_logits(logits, torch.as_tensor(label, dtype=logits.dtype))
