"""A reward model learned from preferences between segments of the recorded episodes (Christiano et al. 2017,
arXiv:1706.03741), with labels from the true return instead of a person."""

import csv

import minari
import numpy as np
import torch
from torch import nn

from rewards import bradley_terry_loss, preference_label


class RewardModel(nn.Module):
    """Learned reward: observation [batch, 3], action [batch, 1] -> reward [batch].

    Preferences fix the reward only up to a shift (all segments are equally long) and a scale (labels carry no noise),
    so after training `shift` and `gain` are set such that it has mean 0 and standard deviation 1 on the training data.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor([1.0, 1.0, 8.0]))
        self.register_buffer("shift", torch.tensor(0.0))
        self.register_buffer("gain", torch.tensor(1.0))
        self.body = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, observation, action):
        torque = action.clamp(-2.0, 2.0) / 2.0
        raw = self.body(torch.cat([observation / self.scale, torque], dim=-1)).squeeze(-1)
        return (raw - self.shift) * self.gain


def draw_pairs(dataset_ids, args, rng):
    """Preference pairs between segments of the recorded episodes, every fifth episode held out for testing.

    Returns {split: dict of arrays} and writes nothing; `where` names the segments so that they can be found on disk.
    """
    episodes = [(name, e) for name in dataset_ids for e in minari.load_dataset(name).iterate_episodes()]
    splits = {"train": [e for i, e in enumerate(episodes) if i % 5 != 4],
              "test": [e for i, e in enumerate(episodes) if i % 5 == 4]}
    pairs = {}
    for split, count in (("train", args.pairs), ("test", args.pairs // 4)):
        data = {"where": [], "observation": [], "action": [], "reward": []}
        for _ in range(count):
            first, second = rng.choice(len(splits[split]), size=2, replace=False)  # never a segment with itself
            for i in (first, second):
                name, episode = splits[split][i]
                begin = int(rng.integers(0, len(episode.rewards) - args.segment + 1))
                rows = slice(begin, begin + args.segment)
                data["where"].append((name, int(episode.id), begin))
                data["observation"].append(episode.observations[rows])
                data["action"].append(episode.actions[rows])
                data["reward"].append(episode.rewards[rows])
        arrays = {k: np.stack(data[k]).reshape(count, 2, args.segment, -1) for k in ("observation", "action", "reward")}
        returns = arrays["reward"].sum(axis=(2, 3))
        pairs[split] = {"where": data["where"], "observation": torch.tensor(arrays["observation"]),
                        "action": torch.tensor(arrays["action"]), "true_reward": arrays["reward"][..., 0],
                        "returns": returns, "label": preference_label(returns[:, 0], returns[:, 1])}
    return pairs


def train_reward_model(dataset_ids, args, out, log):
    """Bradley-Terry on segment pairs labelled by true return. Returns (model, results on held-out pairs)."""
    pairs = draw_pairs(dataset_ids, args, np.random.default_rng(args.seed))
    model = RewardModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)

    def measure(split):
        data = pairs[split]
        with torch.no_grad():
            predicted = model(data["observation"], data["action"])
        loss = bradley_terry_loss(predicted[:, 0], predicted[:, 1], data["label"]).item()
        chosen = predicted.sum(dim=2).numpy()
        accuracy = float(np.mean((chosen[:, 0] > chosen[:, 1]) == (data["label"] > 0.5)))
        correlation = float(np.corrcoef(predicted.numpy().ravel(), data["true_reward"].ravel())[0, 1])
        return {f"{split}_loss": loss, f"{split}_accuracy": accuracy, f"{split}_reward_correlation": correlation}

    train = pairs["train"]
    label = torch.tensor(train["label"], dtype=torch.float32)
    log(event="reward_model", epoch=0, **measure("train"), **measure("test"))
    for epoch in range(1, args.reward_epochs + 1):
        for index in torch.randperm(len(label)).split(64):
            predicted = model(train["observation"][index], train["action"][index])
            loss = bradley_terry_loss(predicted[:, 0], predicted[:, 1], label[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        log(event="reward_model", epoch=epoch, **measure("train"), **measure("test"))
    results = measure("test")  # before the rescaling below, which changes the loss but no preference
    with torch.no_grad():
        raw = model(train["observation"], train["action"])
        model.shift.copy_(raw.mean())
        model.gain.copy_(1.0 / raw.std())
    write_preferences(out, pairs, model, args)
    return model.eval(), results | {"train_pairs": len(label), "test_pairs": len(pairs["test"]["label"])}


def write_preferences(out, pairs, model, args):
    """preferences.csv: the pairs, where their segments are, the label, and what the finished model says."""
    with open(out / "preferences.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["split", "dataset_a", "episode_a", "begin_a", "dataset_b", "episode_b", "begin_b", "steps",
                         "return_a", "return_b", "label", "predicted_a", "predicted_b"])
        for split, data in pairs.items():
            with torch.no_grad():
                predicted = model(data["observation"], data["action"]).sum(dim=2).numpy()
            for i, label in enumerate(data["label"]):
                writer.writerow([split, *data["where"][2 * i], *data["where"][2 * i + 1], args.segment,
                                 *data["returns"][i].tolist(), label, *predicted[i].tolist()])
