"""lm-evaluation-harness evaluates a model that knows its answers and logs its samples: texts, repeats and choices.

The harness reads samples nowhere: expected is what it returns of the evaluation.
"""

import copy
import json
from importlib.metadata import version

from expectations import folder, write
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker

out = folder()
with open(out / "questions.jsonl", "w", encoding="utf-8") as lines:
    for row in range(3):
        line = {"question": f"Was ist {row} + 1? 漢字\n\"Zitat\"", "answer": str(row + 1), "choices": ["eins", "zwei 🙂", "drei"], "label": row}
        lines.write(json.dumps(line, ensure_ascii=False) + "\n")
SOURCE = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(out / "questions.jsonl")}}, "test_split": "test"}
TASKS = [
    {
        "task": "sums",
        **SOURCE,
        "output_type": "generate_until",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["\n"], "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    },
    {
        "task": "words",
        **SOURCE,
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "label",
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in ("acc", "acc_norm")],
    },
]


class Scripted(LM):
    def generate_until(self, requests, disable_tqdm=False):
        # Every second answer is right.
        return [f" {request.doc['answer'] if request.doc_id % 2 == 0 else 'nein'}".strip() for request in requests]

    def loglikelihood(self, requests, disable_tqdm=False):
        return [(-len(request.args[1]) / 3 - request.doc_id, request.idx == 0) for request in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError


tracker = EvaluationTracker(output_path=str(out))
results = simple_evaluate(model=Scripted(), tasks=TASKS, log_samples=True, bootstrap_iters=0, evaluation_tracker=tracker)
samples = copy.deepcopy(results["samples"])
tracker.save_results_aggregated(results=results, samples=results["samples"])
files = []
for task, rows in samples.items():
    tracker.save_results_samples(task_name=task, samples=results["samples"][task])
    [path] = out.rglob(f"samples_{task}_*.jsonl")
    trajectories = []
    for row in rows:
        metrics = {name: float(row[name]) for name in row["metrics"]}
        for index, request in enumerate(row["arguments"]):
            known = {"id": str(row["doc_id"]), "groupKey": str(row["doc_id"]), "prompt": request[0], "groundTruth": str(row["target"]), "extra": {"doc": row["doc"]}}
            [response] = row["resps"][index]
            if task == "sums":
                said, more = response, {"reward": metrics["exact_match"], "components": metrics}
            else:
                said, more = request[1], {"components": {**metrics, "loglikelihood": response[0], "is_greedy": float(response[1])}}
            trajectories.append({**known, "flatText": [request[0], said], **more})
    files.append({"path": str(path.relative_to(out)), "format": "lm-eval-harness", "trajectories": trajectories})
write(out, version("lm_eval"), files)
