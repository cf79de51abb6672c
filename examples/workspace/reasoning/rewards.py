"""The reward of the puzzle task, in the signature of verl's `custom_reward_function`.

The file imports nothing of the project, because verl loads it by its path alone.
"""

from __future__ import annotations

import re
from typing import Any

OPERATION_LINE = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+), left((?: \d+)+)")
ANSWER_LINE = re.compile(r"answer (\d+)")

# Binary fractions: their sums are exact, so a row's components add up to its score exactly.
# The other components say where a derivation went wrong and are not rewarded: paying for
# them separates failures from failures and drowns the signal of the few that succeed.
WEIGHTS = {"acc": 0.875, "format": 0.125}


def apply_operation(a: int, operator: str, b: int) -> int | None:
    """The result of `a operator b`, or None where it leaves the whole numbers >= 0."""
    if operator == "+":
        return a + b
    if operator == "-":
        return a - b if a >= b else None
    if operator == "*":
        return a * b
    return a // b if b != 0 and a % b == 0 else None


def numbers_left(available: list[int], a: int, b: int, result: int) -> list[int] | None:
    """The numbers after `a` and `b` were replaced by `result` (appended at the end).

    None if `a` and `b` are not both available.
    """
    left = list(available)
    for used in (a, b):
        if used not in left:
            return None
        left.remove(used)
    return left + [result]


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: dict[str, Any],
    extra_info: dict[str, Any] | None = None,
) -> dict[str, float]:
    """Grade one derivation.

    `ground_truth` is `{"numbers": [...], "target": int}`; `data_source` and
    `extra_info` are part of verl's signature and do not change the grade.

    Returns `score` = 0.875 * acc + 0.125 * format, and the components, each in [0, 1]:

    * `acc`: 1 if the whole derivation is valid and ends in the target;
    * `format`: 1 if it is one operation line per operation, then an answer line;
    * `arithmetic`: share of the operation lines whose result is right;
    * `numbers`: share of the operation lines that use numbers which are
      available and list correctly what is left.

    A derivation without any operation line has `arithmetic` and `numbers` 0.
    """
    lines = solution_str.splitlines()
    operations = [match for line in lines if (match := OPERATION_LINE.fullmatch(line))]
    answer = ANSWER_LINE.fullmatch(lines[-1]) if lines else None
    expected_operations = len(ground_truth["numbers"]) - 1
    well_formed = (
        answer is not None and len(operations) == expected_operations == len(lines) - 1
    )

    available = list(ground_truth["numbers"])
    right_results = right_bookkeeping = 0
    for match in operations:
        a, operator, b, result = int(match[1]), match[2], int(match[3]), int(match[4])
        listed = [int(number) for number in match[5].split()]
        right_results += apply_operation(a, operator, b) == result
        right_bookkeeping += numbers_left(available, a, b, result) == listed
        # Continue from what was written: one slip is counted once.
        available = listed

    share = 1 / len(operations) if operations else 0.0
    components = {
        "format": float(well_formed),
        "arithmetic": right_results * share,
        "numbers": right_bookkeeping * share,
    }
    reached = (
        well_formed
        and right_results == right_bookkeeping == len(operations)
        and available == [ground_truth["target"]]
        and int(answer[1]) == ground_truth["target"]
    )
    components = {"acc": float(reached), **components}
    score = sum(weight * components[name] for name, weight in WEIGHTS.items())
    return {"score": score, **components}
