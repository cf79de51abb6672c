"""Weights & Biases keeps a run offline: tables of completions, logged once and again and again; expected is what was logged."""

import os

os.environ["WANDB_MODE"] = "offline"
from pathlib import Path

import wandb
from expectations import folder, write

out = folder()
settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_machine_info=True, disable_git=True, silent=True)
run = wandb.init(project="sums", dir=str(out), mode="offline", settings=settings)
COLUMNS = ["step", "prompt", "completion", "length_reward", "advantage"]
files = []


def row(step: int, at: int) -> list:
    return [step, f"Frage {at // 2} 漢字🙂", f"Antwort {at}", None if at == 1 else 0.1 * at + step, 0.5 - at % 2]


def found(name: str, before: set) -> str:
    """The file that appeared; the run writes it in its own process."""
    [path] = set((Path(run.dir) / "media" / "table").rglob("*.table.json")) - before
    assert name in path.name
    return str(path.resolve().relative_to(out.resolve()))


def known() -> set:
    return set((Path(run.dir) / "media" / "table").rglob("*.table.json"))


for step in (1, 2):
    before = known()
    rows = [row(step, at) for at in range(4)]
    run.log({"completions": wandb.Table(columns=COLUMNS, data=rows)}, step=step)
    files.append(
        {
            "path": found("completions", before),
            "format": "wandb-table",
            "trajectories": [
                {
                    "trainingStep": step,
                    "flatText": [prompt, completion],
                    "components": {} if reward is None else {"length_reward": reward},
                    "advantage": advantage,
                }
                for _, prompt, completion, reward, advantage in rows
            ],
        }
    )

# As verl logs its validation: a row a step, and three columns a sample.
columns = ["step"] + [f"{name}_{sample + 1}" for sample in range(2) for name in ("input", "output", "score")]
table = wandb.Table(columns=columns)
before = known()
for step in (10, 20):
    table.add_data(step, *(value for sample in range(2) for value in (f"Frage {sample}", f"Antwort {step} {sample}", sample / 4 + step)))
run.log({"val/generations": table}, step=20)
files.append(
    {
        "path": found("generations", before),
        "format": "wandb-table",
        "trajectories": [
            {"trainingStep": step, "split": "val", "flatText": [f"Frage {sample}", f"Antwort {step} {sample}"], "reward": sample / 4 + step}
            for step in (10, 20)
            for sample in range(2)
        ],
    }
)
run.finish()
write(out, wandb.__version__, files)
