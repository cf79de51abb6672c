"""Arithmetic-target puzzles: how they are drawn and written down.

A puzzle asks to combine all given numbers with + - * / so that the target is
reached. A derivation writes one operation a line and repeats the numbers that
are left, so that the next line depends on nothing but the line before it:

    use 3 7 8 2 to make 24
    8 - 2 = 6, left 3 7 6
    7 - 3 = 4, left 6 4
    6 * 4 = 24, left 24
    answer 24
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from rewards import apply_operation, numbers_left

LARGEST_START_NUMBER = 9
LARGEST_NUMBER = 40


@dataclass(frozen=True)
class Puzzle:
    """The numbers in the order in which they are shown, and the target."""

    numbers: tuple[int, ...]
    target: int

    @property
    def prompt(self) -> str:
        """The text the policy continues; it ends at a line end."""
        return f"use {' '.join(map(str, self.numbers))} to make {self.target}\n"

    @property
    def ground_truth(self) -> dict:
        """What a verl data set would carry as `reward_model.ground_truth`."""
        return {"numbers": list(self.numbers), "target": self.target}

    @property
    def held_out(self) -> bool:
        """True for the tenth of all puzzles that no training phase ever sees.

        Decided by a hash of the *sorted* numbers and the target, so that a
        reordering of a training puzzle can never land in the held-out part.
        """
        key = f"{sorted(self.numbers)}->{self.target}"
        return hashlib.sha256(key.encode()).digest()[0] % 10 == 0


def random_derivation(rng: random.Random, count: int) -> tuple[Puzzle, str]:
    """Draw `count` numbers and `count - 1` operations; what comes out is the target.

    The operations are drawn, not searched for, so a demonstration shows *a* way
    to the target and the same puzzle may be shown with different ways.
    """
    numbers = [rng.randint(1, LARGEST_START_NUMBER) for _ in range(count)]
    available, lines = list(numbers), []
    while len(available) > 1:
        a, b = sorted(rng.sample(available, 2), reverse=True)
        operator = rng.choice("+-*/")
        result = apply_operation(a, operator, b)
        # A zero, or a product or quotient with one, leads to dull puzzles.
        if result is None or not 1 <= result <= LARGEST_NUMBER or (operator in "*/" and b == 1):
            continue
        available = numbers_left(available, a, b, result)
        lines.append(f"{a} {operator} {b} = {result}, left {' '.join(map(str, available))}\n")
    return Puzzle(tuple(numbers), available[0]), "".join(lines) + f"answer {available[0]}\n"


def draw(rng: random.Random, *, held_out: bool, share_of_four: float) -> tuple[Puzzle, str]:
    """One puzzle of three or four numbers, with a demonstration, from the wanted part."""
    while True:
        count = 4 if rng.random() < share_of_four else 3
        puzzle, derivation = random_derivation(rng, count)
        if puzzle.held_out == held_out:
            return puzzle, derivation
