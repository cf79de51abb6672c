"""Train a small language model on arithmetic-target puzzles with reinforcement learning.

    python train.py                    # the full run, about ten minutes on two CPU cores
    python train.py --smoke --out DIR  # the same path in well under a minute

1. Supervised start on drawn derivations.
2. GRPO: groups of eight rollouts a puzzle, rewards.py, advantages.py, clipped ratio.
3. A process reward model on Monte-Carlo labels: from every step end of the policy's
   own rollouts the policy continues K times; the share that succeeds is the label.
4. SPO-style trees: several continuations of every step, values from the leaves up.
5. Export of both models to ONNX, checked against PyTorch.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Read when torch loads: threads that wait sleep instead of spinning, without which this run
# takes ten times as long on a machine that is busy with other work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from advantages import compute_grpo_outcome_advantage, share_without_contrast
from export import export_policy, export_process_reward_model
from model import ModelConfig, Policy, ProcessRewardModel, Sample, sample
from puzzles import Puzzle, draw
from records import (
    JsonLines,
    Node,
    Rollout,
    TrainedSequence,
    value_tree,
    walk,
    write_learning_curve,
    write_prime_rl_step,
    write_tree,
    write_verl_step,
)
from rewards import compute_score
from tokenization import EOS, PAD, check_round_trip, train_tokenizer

DATA_SOURCE = "arithmetic-target"
GROUP_SIZE = 8
CLIP_RANGE = 0.2
KL_COEFFICIENT = 0.001
THREADS = 2


@dataclass
class World:
    """What every phase needs: the sizes, the tokenizer, the random streams, the log."""

    sizes: argparse.Namespace
    run: Path
    tokenizer: Tokenizer
    rng: random.Random
    generator: torch.Generator
    log: JsonLines
    seconds: dict[str, dict[str, float]]

    @property
    def eos(self) -> int:
        return self.tokenizer.token_to_id(EOS)

    @property
    def pad(self) -> int:
        return self.tokenizer.token_to_id(PAD)

    @property
    def line_end(self) -> int:
        return self.tokenizer.token_to_id("Ċ")

    def record(self, phase: str, **numbers) -> None:
        """Log one line, visible at once to whoever follows the file; NaN becomes null."""
        defined = {k: None if v != v else v for k, v in numbers.items()}
        self.log.write({"phase": phase, **defined})
        self.log.flush()
        shown = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in numbers.items())
        print(f"[{phase}]", ", ".join(shown), flush=True)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Wall time, and CPU time over two cores: the wall time of an idle machine, nearly."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds[phase] = {
            "wall_s": round(time.perf_counter() - wall, 2),
            "cpu_s_per_core": round((time.process_time() - cpu) / THREADS, 2),
        }
        self.record("time", of=phase, **self.seconds[phase])

    def puzzles(self, count: int, *, held_out: bool, share: float | None = None) -> list[Puzzle]:
        """Drawn puzzles, of which the `share` (default: as in training) has four numbers."""
        share = self.sizes.share_of_four if share is None else share
        return [draw(self.rng, held_out=held_out, share_of_four=share)[0] for _ in range(count)]

    def continue_from(
        self, policy: Policy, prefixes: list[list[int]], *, stop_at_line: bool = False, **options
    ) -> list[Sample]:
        return sample(
            policy,
            prefixes,
            stop_ids={self.eos, self.line_end} if stop_at_line else {self.eos},
            pad_id=self.pad,
            max_new_tokens=self.sizes.max_new_tokens,
            generator=self.generator,
            **options,
        )

    def text_of(self, token_ids: list[int]) -> str:
        return self.tokenizer.decode(token_ids, skip_special_tokens=True)

    def roll_out(self, policy: Policy, puzzles: list[Puzzle], n: int, **options) -> list[Rollout]:
        """`n` graded rollouts of every puzzle, group after group, ordered by uid."""
        samples = sorted(str(uuid.UUID(int=self.rng.getrandbits(128), version=4)) for _ in puzzles)
        prompts = [self.tokenizer.encode(puzzle.prompt).ids for puzzle in puzzles]
        continuations = iter(
            self.continue_from(policy, [p for p in prompts for _ in range(n)], **options)
        )
        rollouts = []
        for uid, puzzle, prompt in zip(samples, puzzles, prompts):
            for member in range(n):
                continuation = next(continuations)
                text = self.text_of(continuation.token_ids)
                grade = compute_score(DATA_SOURCE, text, puzzle.ground_truth)
                rollouts.append(
                    Rollout(f"{uid}_{member}_0", puzzle, prompt, continuation, text, grade)
                )
        return rollouts


def padded(rows: list[list], fill, dtype=None) -> torch.Tensor:
    """Rows of unequal length as one tensor, filled up on the right."""
    width = max(map(len, rows))
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows], dtype=dtype)


def mean_of(rollouts: list[Rollout], component: str, count: int | None = None) -> float:
    """Mean of a reward component, optionally over the puzzles of `count` numbers only."""
    values = [r.grade[component] for r in rollouts if count in (None, len(r.puzzle.numbers))]
    return sum(values) / len(values) if values else math.nan


def evaluate(world: World, policy: Policy, puzzles: list[Puzzle]) -> dict[str, float]:
    """Success on held-out puzzles: sampled as in training, and with the likeliest tokens."""
    sampled = world.roll_out(policy, puzzles, 2)
    greedy = world.roll_out(policy, puzzles, 1, temperature=0.0)
    return {
        "held_out_acc": mean_of(sampled, "acc"),
        "held_out_acc_3": mean_of(sampled, "acc", 3),
        "held_out_acc_4": mean_of(sampled, "acc", 4),
        "held_out_acc_greedy": mean_of(greedy, "acc"),
    }


# --- 1. Supervised start -----------------------------------------------------------------------


def make_optimizers(
    model: torch.nn.Module, scale: float = 1.0
) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the matrices inside the blocks, AdamW for the rest; each with its peak rate."""
    inside = [p for n, p in model.named_parameters() if p.ndim == 2 and ".layers." in n]
    others = [p for n, p in model.named_parameters() if not (p.ndim == 2 and ".layers." in n)]
    return [
        (torch.optim.Muon(inside, momentum=0.95, weight_decay=0.05), 0.02 * scale),
        (torch.optim.AdamW(others, betas=(0.9, 0.95), fused=True), 0.004 * scale),
    ]


def supervised_start(
    world: World, policy: Policy, demonstrations: list[tuple[Puzzle, str]]
) -> None:
    """Learn to write derivations; the loss counts the response tokens only."""
    sizes = world.sizes
    # A batch holds puzzles of one size: rows of almost one length, hardly any padding.
    by_count: dict[int, list[tuple[list[int], int]]] = {3: [], 4: []}
    for puzzle, derivation in demonstrations:
        prompt = world.tokenizer.encode(puzzle.prompt).ids
        response = world.tokenizer.encode(derivation).ids + [world.eos]
        by_count[len(puzzle.numbers)].append((prompt + response, len(prompt)))

    optimizers = make_optimizers(policy)
    bf16 = torch.cpu.get_capabilities().get("avx512_bf16", False)
    for step in range(1, sizes.sft_steps + 1):
        warm_up = min(1.0, step / 50)
        cosine = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / sizes.sft_steps))
        count = 4 if world.rng.random() < sizes.share_of_four else 3
        batch = world.rng.choices(by_count[count], k=sizes.sft_batch)
        ids = padded([row for row, _ in batch], world.pad)
        mask = padded([[1] * len(row) for row, _ in batch], 0)
        starts = torch.tensor([start for _, start in batch])
        trained = mask.bool() & (torch.arange(ids.shape[1]) >= starts[:, None])

        # Half precision where the processor has it: this phase is half of the whole run.
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits, _ = policy(ids[:, :-1], mask[:, :-1])
        chosen = trained[:, 1:]
        loss = F.cross_entropy(logits[chosen].float(), ids[:, 1:][chosen])
        for optimizer, peak in optimizers:
            optimizer.zero_grad()
            for group in optimizer.param_groups:
                group["lr"] = peak * warm_up * cosine
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        for optimizer, _ in optimizers:
            optimizer.step()
        if step % 20 == 0 or step == sizes.sft_steps:
            world.record("sft", step=step, loss=loss.item())


# --- 2. GRPO -----------------------------------------------------------------------------------


def token_logprobs(policy: Policy, ids: torch.Tensor, mask: torch.Tensor):
    """Log-probability and entropy per token, aligned with the tokens; 0 at position 0."""
    logits, _ = policy(ids[:, :-1], mask[:, :-1])
    log_p = F.log_softmax(logits, dim=-1)
    chosen = log_p.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    entropy = -(log_p.exp() * log_p).sum(-1)
    return F.pad(chosen, (1, 0)), F.pad(entropy, (1, 0))


def grpo_step(
    world: World,
    policy: Policy,
    reference: Policy,
    optimizer: torch.optim.Optimizer,
    rollouts: list[Rollout],
) -> tuple[dict[str, float], list[TrainedSequence]]:
    """One pass over the rollouts in minibatches, each an optimizer step with a clipped ratio.

    The old log-probabilities are the sampler's own. Returns the numbers of the step
    and, per rollout, what the trainer computed when it came to it.
    """
    ids = padded([r.token_ids for r in rollouts], world.pad)
    mask = padded([[1] * len(r.token_ids) for r in rollouts], 0)
    on_response = [[0] * len(r.prompt_ids) + [1] * len(r.sample.token_ids) for r in rollouts]
    response = padded(on_response, 0, torch.bool)
    old = padded([[0.0] * len(r.prompt_ids) + r.sample.logprobs for r in rollouts], 0.0)

    rewards = torch.zeros(old.shape)
    for row, rollout in enumerate(rollouts):
        rewards[row, len(rollout.token_ids) - 1] = rollout.grade["score"]
    groups = [rollout.group for rollout in rollouts]
    advantages, _ = compute_grpo_outcome_advantage(rewards, response.float(), groups)
    with torch.no_grad():
        reference_logprobs, _ = token_logprobs(reference, ids, mask)

    order = torch.randperm(len(rollouts), generator=world.generator)
    trained: list[TrainedSequence] = []
    losses, kls, clipped, norms = [], [], [], []
    for micro_step, rows in enumerate(order.chunk(world.sizes.grpo_minibatches)):
        new, entropy = token_logprobs(policy, ids[rows], mask[rows])
        chosen = response[rows]
        ratio = (new - old[rows]).clamp(-20, 20).exp()
        gain = advantages[rows] * ratio
        clipped_gain = advantages[rows] * ratio.clamp(1 - CLIP_RANGE, 1 + CLIP_RANGE)
        away = (reference_logprobs[rows] - new).clamp(-20, 20)
        kl = away.exp() - away - 1
        per_token = -torch.minimum(gain, clipped_gain) + KL_COEFFICIENT * kl
        loss = per_token[chosen].mean()
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0).item())
        optimizer.step()

        losses.append(loss.item())
        kls.append(kl.detach()[chosen].mean().item())
        clipped.append((clipped_gain < gain).detach()[chosen].float().mean().item())
        for position, row in enumerate(rows.tolist()):
            length = len(rollouts[row].token_ids)
            columns = (response[row], advantages[row], old[row], new[position], entropy[position])
            cut = (column[:length].detach() for column in columns)
            trained.append(TrainedSequence(rollouts[row], micro_step, position, *cut))

    outcomes = torch.tensor([r.grade["score"] for r in rollouts])
    entropies = [value for r in rollouts for value in r.sample.entropies]
    numbers = {
        **{name: mean_of(rollouts, name) for name in rollouts[0].grade},
        "score_std": outcomes.std().item(),
        "share_without_contrast": share_without_contrast(outcomes, groups),
        "response_length": sum(len(r.sample.token_ids) for r in rollouts) / len(rollouts),
        "truncated": sum(not r.sample.stopped for r in rollouts) / len(rollouts),
        "entropy": sum(entropies) / len(entropies),
        "kl": sum(kls) / len(kls),
        "clip_fraction": sum(clipped) / len(clipped),
        "grad_norm": sum(norms) / len(norms),
        "loss": sum(losses) / len(losses),
    }
    return numbers, trained


def grpo(world: World, policy: Policy, evaluation: list[Puzzle]) -> list[dict[str, float]]:
    """Reinforcement learning; leaves the rollouts of every step, returns the learning curve.

    The puzzles are a fixed set, gone through again and again in a new order: the same
    puzzle can be compared over training steps. The held-out evaluation tells how much
    of what was learned is more than this set.
    """
    sizes, curve = world.sizes, []
    dataset = world.puzzles(sizes.grpo_puzzles, held_out=False)
    queue: list[Puzzle] = []
    reference = copy.deepcopy(policy).requires_grad_(False)
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=sizes.grpo_learning_rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    for step in range(1, sizes.grpo_steps + 1):
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = sizes.grpo_learning_rate * min(1.0, step / 5)
        if not queue:
            queue = world.rng.sample(dataset, len(dataset))
        puzzles, queue = queue[: sizes.grpo_groups], queue[sizes.grpo_groups :]
        rollouts = world.roll_out(policy, puzzles, GROUP_SIZE)
        groups = (rollouts[i : i + GROUP_SIZE] for i in range(0, len(rollouts), GROUP_SIZE))
        write_verl_step(world.run / "rollouts", step, groups)
        numbers, trained = grpo_step(world, policy, reference, optimizer, rollouts)
        if step in sizes.export_steps:
            write_prime_rl_step(world.run / "token_exports", step, trained)
        curve.append({"step": step, **numbers})
        world.record("grpo", **curve[-1], wall_s=round(time.perf_counter() - began, 3))
        if step % sizes.evaluate_every == 0 and step < sizes.grpo_steps:
            world.record("evaluation", step=step, **evaluate(world, policy, evaluation))
    return curve


# --- 3. Process reward model -------------------------------------------------------------------


@dataclass
class Labelled:
    """A rollout with a Monte-Carlo value at each of its step ends (the prompt's end included)."""

    rollout: Rollout
    token_ids: list[int]
    positions: list[int]
    values: list[float]


def label_steps(world: World, policy: Policy, rollouts: list[Rollout]) -> list[Labelled]:
    """From every step end, let the policy continue K times; the share that succeeds is the value.

    Equal prefixes share their continuations. After the answer line nothing is left to
    sample, so the value there is the rollout's own outcome.
    """
    cuts: dict[tuple[int, ...], Puzzle] = {}
    labelled = []
    for rollout in rollouts:
        ids = [token for token in rollout.token_ids if token != world.eos]
        positions = [i for i, token in enumerate(ids) if token == world.line_end]
        labelled.append(Labelled(rollout, ids, positions, []))
        for position in positions[:-1]:
            cuts[tuple(ids[: position + 1])] = rollout.puzzle

    k = world.sizes.prm_continuations
    prefixes = sorted(cuts, key=len)
    continuations = iter(
        world.continue_from(policy, [list(prefix) for prefix in prefixes for _ in range(k)])
    )
    value_of: dict[tuple[int, ...], float] = {}
    for prefix in prefixes:
        puzzle, solved = cuts[prefix], 0.0
        for _ in range(k):
            text = world.text_of(list(prefix) + next(continuations).token_ids)
            answer = text.removeprefix(puzzle.prompt)
            solved += compute_score(DATA_SOURCE, answer, puzzle.ground_truth)["acc"]
        value_of[prefix] = solved / k
    for item in labelled:
        inner = [value_of[tuple(item.token_ids[: p + 1])] for p in item.positions[:-1]]
        item.values = inner + [item.rollout.grade["acc"]]
    return labelled


def step_end_batch(world: World, items: list[Labelled]):
    """Ids and mask [rows, tokens], and the values and where they are, also [rows, tokens]."""
    ids = padded([item.token_ids for item in items], world.pad)
    mask = padded([[1] * len(item.token_ids) for item in items], 0)
    values, known = torch.zeros(ids.shape), torch.zeros(ids.shape, dtype=torch.bool)
    for row, item in enumerate(items):
        values[row, item.positions] = torch.tensor(item.values)
        known[row, item.positions] = True
    return ids, mask, values, known


def area_under_roc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a random positive scores above a random negative, ties counted half."""
    ours, theirs = scores[positive][:, None], scores[~positive][None, :]
    if ours.size == 0 or theirs.size == 0:
        return math.nan
    return float(((ours > theirs) + 0.5 * (ours == theirs)).mean())


@torch.no_grad()
def judge(world: World, prm: ProcessRewardModel, held_out: list[Labelled]) -> dict[str, float]:
    """How good the model is on puzzles it has not seen, at the steps before the answer."""
    ids, mask, values, known = step_end_batch(world, held_out)
    scores = prm(ids, mask).numpy()
    rows = [(row, item.positions[:-1]) for row, item in enumerate(held_out)]
    score = np.concatenate([scores[row, where] for row, where in rows])
    value = np.concatenate([values.numpy()[row, where] for row, where in rows])
    last = np.array([scores[row, where[-1]] for row, where in rows])
    solved = np.array([item.rollout.grade["acc"] == 1.0 for item in held_out])
    varies = value.std() > 0 and score.std() > 0
    correlation = float(np.corrcoef(score, value)[0, 1]) if varies else math.nan
    groups: dict[str, list[int]] = {}
    for row, item in enumerate(held_out):
        groups.setdefault(item.rollout.group, []).append(row)
    best = [max(members, key=lambda row: last[row]) for members in groups.values()]
    return {
        "step_accuracy": float(((score >= 0.5) == (value >= 0.5)).mean()),
        "step_majority_share": float(max((value >= 0.5).mean(), (value < 0.5).mean())),
        "step_mean_squared_error": float(((score - value) ** 2).mean()),
        "step_value_variance": float(value.var()),
        "step_correlation": correlation,
        "last_step_outcome_auc": area_under_roc(last, solved),
        "mean_of_group_acc": float(solved.mean()),
        "best_of_group_acc": float(solved[best].mean()),
        "any_of_group_acc": float(np.mean([solved[rows].any() for rows in groups.values()])),
    }


def process_reward_model(world: World, first: Policy, policy: Policy) -> ProcessRewardModel:
    """Train on rollouts of the policy before and after GRPO, so that it knows early mistakes too.

    All values are those of the policy after GRPO.
    """
    sizes = world.sizes
    with world.timed("prm_labels"):
        half = sizes.prm_rollouts // 2
        training, held_out = [], []
        for author in (first, policy):
            training += world.roll_out(author, world.puzzles(half, held_out=False), 1)
            puzzles = world.puzzles(sizes.prm_held_out_groups // 2, held_out=True)
            held_out += world.roll_out(author, puzzles, GROUP_SIZE)
        # Without a single finished line there is no step to score.
        training = label_steps(world, policy, [r for r in training if "\n" in r.text])
        held_out = label_steps(world, policy, [r for r in held_out if "\n" in r.text])
        step_ends = sum(len(item.positions) for item in training)
        world.record("prm_labels", rollouts=len(training), step_ends=step_ends)

    with world.timed("prm"):
        prm = ProcessRewardModel(policy.config)
        prm.model.load_state_dict(policy.model.state_dict())
        optimizers = make_optimizers(prm, sizes.prm_learning_rate_scale)
        batches = math.ceil(len(training) / 128)
        for epoch in range(1, sizes.prm_epochs + 1):
            world.rng.shuffle(training)
            total = 0.0
            for batch in range(batches):
                progress = (epoch - 1 + batch / batches) / sizes.prm_epochs
                for optimizer, peak in optimizers:
                    optimizer.zero_grad()
                    for group in optimizer.param_groups:
                        group["lr"] = peak * (1 - progress)
                items = training[batch * 128 : (batch + 1) * 128]
                ids, mask, values, known = step_end_batch(world, items)
                logits = prm.logits(ids, mask)[known]
                loss = F.binary_cross_entropy_with_logits(logits, values[known])
                loss.backward()
                torch.nn.utils.clip_grad_norm_(prm.parameters(), 1.0)
                for optimizer, _ in optimizers:
                    optimizer.step()
                total += loss.item()
            world.record("prm", epoch=epoch, loss=total / batches, **judge(world, prm, held_out))
    return prm


# --- 4. Trees ----------------------------------------------------------------------------------


def grow_trees(world: World, policy: Policy, puzzles: list[Puzzle]) -> list[Node]:
    """SPO-style trees, all of them level by level so that sampling stays batched.

    A segment is one line; the last level runs on to the end. A node that ended, or
    sits at the last level, is a leaf and graded: reward 1 if the puzzle is solved.
    """
    trees: list[Node] = []
    for index, puzzle in enumerate(puzzles):
        request = {
            "_treetune__idx": index,
            "data_source": DATA_SOURCE,
            "problem": puzzle.prompt.strip(),
            **puzzle.ground_truth,
        }
        root = {"text": puzzle.prompt, "full_text": puzzle.prompt, "depth": 0, "leaf": False}
        trees.append({**root, "stop_text": None, "_request_object": request})

    factors = world.sizes.tree_branch_factors
    frontier = [
        (tree, world.tokenizer.encode(puzzle.prompt).ids, puzzle)
        for tree, puzzle in zip(trees, puzzles)
    ]
    for depth, factor in enumerate(factors, start=1):
        last = depth == len(factors)
        prefixes = [ids for _, ids, _ in frontier for _ in range(factor)]
        segments = iter(world.continue_from(policy, prefixes, stop_at_line=not last))
        grown = []
        for parent, ids, puzzle in frontier:
            parent["children"] = []
            for _ in range(factor):
                segment = next(segments)
                text = world.text_of(segment.token_ids)
                ended = segment.token_ids[-1] == world.eos
                node = {
                    "text": text,
                    "full_text": parent["full_text"] + text,
                    "depth": depth,
                    "stop_text": (EOS if ended else "\n") if segment.stopped else None,
                    "finish_reason": "stop" if segment.stopped else "length",
                    "leaf": last or ended or not segment.stopped,
                    "num_tokens": len(segment.token_ids),
                    "sum_logprobs": sum(segment.logprobs),
                    "tokens": [
                        world.tokenizer.decode([token], skip_special_tokens=False)
                        for token in segment.token_ids
                    ],
                }
                parent["children"].append(node)
                if node["leaf"]:
                    answer = node["full_text"].removeprefix(puzzle.prompt)
                    grade = compute_score(DATA_SOURCE, answer, puzzle.ground_truth)
                    node["reward"] = grade["acc"]
                else:
                    grown.append((node, ids + segment.token_ids, puzzle))
        frontier = grown
    for tree in trees:
        value_tree(tree)
    return trees


def tree_rollouts(world: World, policy: Policy) -> dict[str, float]:
    """Trees for held-out puzzles, those first on which a group of rollouts disagreed."""
    count, share = 6 * world.sizes.trees, world.sizes.tree_share_of_four
    candidates = list(dict.fromkeys(world.puzzles(count, held_out=True, share=share)))
    rollouts = world.roll_out(policy, candidates, GROUP_SIZE)
    solved = [
        mean_of(rollouts[i : i + GROUP_SIZE], "acc") for i in range(0, len(rollouts), GROUP_SIZE)
    ]
    unanimous = {puzzle: share in (0.0, 1.0) for puzzle, share in zip(candidates, solved)}
    chosen = sorted(candidates, key=unanimous.__getitem__)[: world.sizes.trees]
    trees = grow_trees(world, policy, chosen)
    for index, tree in enumerate(trees):
        write_tree(world.run / "trees", index, tree)
    values = [tree["reward"] for tree in trees]
    return {
        "trees": len(trees),
        "nodes": sum(1 for tree in trees for _ in walk(tree)),
        "mean_value": sum(values) / len(values),
        "lowest_value": min(values),
        "highest_value": max(values),
    }


# --- The run -----------------------------------------------------------------------------------


def free_run_folder(runs: Path, name: str) -> Path:
    """`runs/name`, or the first of `name-2`, `name-3`, ... that does not exist."""
    names = (name, *(f"{name}-{count}" for count in range(2, 10_000)))
    return next(runs / free for free in names if not (runs / free).exists())


def main() -> None:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for the run, and its models in models/ below; without it the run goes to "
        "runs/grpo beside this file (or grpo-2, ... if that exists) and replaces models/",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, for tests")
    parser.add_argument("--config", type=Path, default=here / "config.json")
    args = parser.parse_args()
    if args.smoke and args.out is None:
        parser.error("--smoke needs --out, so that it does not replace the models of a full run")
    run = args.out or free_run_folder(here / "runs", "grpo")
    models = (args.out or here) / "models"
    if (run / "training_log.jsonl").exists():
        parser.error(f"{run} already holds a run; choose another folder with --out")

    sizes = json.loads(args.config.read_text())["smoke" if args.smoke else "full"]
    torch.set_num_threads(THREADS)
    torch.manual_seed(args.seed)
    run.mkdir(parents=True, exist_ok=True)
    print(f"run in {run}, models in {models}", flush=True)
    rng = random.Random(args.seed)
    world = World(
        sizes=argparse.Namespace(**sizes),
        run=run,
        tokenizer=Tokenizer.from_str('{"model": {"type": "BPE", "vocab": {}, "merges": []}}'),
        rng=rng,
        generator=torch.Generator().manual_seed(args.seed),
        log=JsonLines(run / "training_log.jsonl"),
        seconds={},
    )
    began = time.perf_counter()

    with world.timed("data"):
        share = world.sizes.share_of_four
        demonstrations = [
            draw(rng, held_out=False, share_of_four=share)
            for _ in range(world.sizes.sft_demonstrations)
        ]
        texts = [puzzle.prompt + derivation for puzzle, derivation in demonstrations]
        world.tokenizer = train_tokenizer(texts)
        odd = ["", "  two  spaces\n\n", "tab\there", "naïve ∑ 漢字 🙂", "1234567890"]
        checked = check_round_trip(world.tokenizer, texts[:2000] + odd)
        evaluation = world.puzzles(world.sizes.evaluation_puzzles, held_out=True)
        world.record("data", vocabulary=world.tokenizer.get_vocab_size(), round_trips=checked)

    policy = Policy(
        ModelConfig(
            vocab_size=world.tokenizer.get_vocab_size(),
            hidden_size=world.sizes.hidden_size,
            num_layers=world.sizes.num_layers,
            num_heads=world.sizes.num_heads,
            intermediate_size=world.sizes.intermediate_size,
        )
    )
    parameters = sum(p.numel() for p in policy.parameters())
    with world.timed("sft"):
        supervised_start(world, policy, demonstrations)
    first = copy.deepcopy(policy)
    before = evaluate(world, policy, evaluation)
    world.record("evaluation", step=0, **before)

    with world.timed("grpo"):
        curve = grpo(world, policy, evaluation)
    after = evaluate(world, policy, evaluation)
    world.record("evaluation", step=world.sizes.grpo_steps, **after)
    write_learning_curve(run, curve)

    prm = process_reward_model(world, first, policy)
    with world.timed("trees"):
        trees = tree_rollouts(world, policy)
        world.record("trees", **trees)
    with world.timed("export"):
        checks = texts[:8]
        differences = export_policy(policy, world.tokenizer, models / "policy", checks)
        labels = {"monte_carlo_continuations": world.sizes.prm_continuations}
        differences |= export_process_reward_model(
            prm, world.tokenizer, models / "prm", checks, labels
        )
        world.record("export", **differences)

    summary = {
        "task": DATA_SOURCE,
        "seed": args.seed,
        "preset": "smoke" if args.smoke else "full",
        "sizes": sizes,
        "parameters": parameters,
        "torch": torch.__version__,
        "threads": THREADS,
        "algorithm": {
            "advantage": "grpo",
            "convention": "verl: sample standard deviation, epsilon 1e-6",
            "group_size": GROUP_SIZE,
            "clip_range": CLIP_RANGE,
            "kl_coefficient": KL_COEFFICIENT,
            "loss_aggregation": "token-mean",
        },
        "held_out_before": before,
        "held_out_after": after,
        "trees": trees,
        "onnx": differences,
        "seconds": world.seconds,
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s_per_core": round(time.process_time() / THREADS, 2),
    }
    (run / "run.json").write_text(json.dumps(summary, indent=2) + "\n")
    world.record("done", wall_s=summary["wall_s"], cpu_s_per_core=summary["cpu_s_per_core"])
    world.log.close()


if __name__ == "__main__":
    main()
