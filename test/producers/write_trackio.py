"""trackio logs tables of completions, as TRL does, and traces; expected is what trackio itself gives back."""

import os
import sys

os.environ["TRACKIO_DIR"] = sys.argv[1]
os.environ["HF_HUB_OFFLINE"] = "1"

import pandas
import trackio
from expectations import folder, write

out = folder()
trackio.init(project="grpo", name="run-a", embed=False)
for step in range(3):
    rows = [
        {"step": step, "prompt": prompt, "completion": f"{answer} é🙂", "exact_reward": reward, "advantage": 0.1 + step}
        for prompt, answer, reward in (("2+2?", "4", 1.0), ("2+2?", "5", 0.0), ("3+3?", "6", 0.3))
    ]
    trackio.log({"loss": 0.5 / (step + 1), "completions": trackio.Table(dataframe=pandas.DataFrame(rows))}, step=step)
trackio.finish()

expected = []
for log in trackio.SQLiteStorage.get_logs("grpo", "run-a"):
    for row in (log.get("completions") or {}).get("_value", []):
        expected.append(
            {
                "flatText": [row["prompt"], row["completion"]],
                "trainingStep": row["step"],
                "reward": row["exact_reward"],
                "advantage": row["advantage"],
                "components": {"exact_reward": row["exact_reward"]},
            }
        )
write(out, trackio.__version__, [{"path": "grpo.db", "format": "trackio", "trajectories": expected}])
