"""What the producer scripts share: they tell in JSON what the library itself reads back from its files.

None stays null, NaN and the infinities are texts of their own (JSON has none), bytes are `\\x` and hexadecimal digits, and
times are ISO texts, so that nothing is rounded or lost on the way to the comparison.
"""

import datetime
import json
import math
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np


def folder() -> Path:
    """The folder to write to, given as the only argument."""
    path = Path(sys.argv[1])
    path.mkdir(parents=True, exist_ok=True)
    return path


def plain(value):
    """A value as JSON that keeps every digit: float32 as the double that it is exactly."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        # Beyond 2^53 a double would round.
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, datetime.datetime):
        moment = value.replace(tzinfo=None)
        return moment.isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat() + "T00:00:00.000Z"
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise TypeError(f"no JSON for {type(value)}")


def column(values) -> dict:
    """A column of an episode: rows, numbers a row, and all numbers row by row."""
    array = np.asarray(values)
    width = int(np.prod(array.shape[1:])) if array.ndim > 1 else 1
    return {"rows": int(array.shape[0]), "width": width, "data": plain(array.astype(np.float64).ravel())}


def total(rewards) -> float:
    """The undiscounted sum in double precision, first to last."""
    return float(sum((float(reward) for reward in rewards), 0.0))


def write(out: Path, version: str, files: list) -> None:
    """Writes `expected.json`: for each file its format and what each trajectory in it must be."""
    (out / "expected.json").write_text(json.dumps({"version": version, "files": plain(files)}, allow_nan=False))
