"""Scores a whole dataset with one ONNX model on a Ray cluster, as a Ray Data job.

    python ray_score.py --input 'job/input/*.jsonl' --model models/prm --output job/output [--address auto] [--workers 2]

Reads rows with `trajectory_id`, `input_ids` and `positions` (JSON lines or Parquet), runs the model on an actor pool with
onnxruntime, and writes Parquet: `trajectory_id`, `names`, `values` (one list a name, one number a position), `provider`,
`error`. `trajectory-lens ray` and the command "Score with Ray" prepare the rows and join the results into the index; the
rows may come from anywhere else as well.

What is read at a position p depends on `--read`:

* next-token: log-probability (nats), entropy (nats) and rank of token p under softmax(logits[p - 1]) (language models);
* at-token:   the model's raw numbers at token p, one name a label (process reward models);
* last-token: the raw numbers at the last token, or the pooled ones where the model gives one row a text.

A job may be started again at any time: rows whose results are there already are not computed again, files that a killed
job left unfinished are thrown away, and every row is checked to be there exactly once at the end. On several machines
the model and the folders must lie on storage that all of them see.

Needs: pip install "ray[data]" onnxruntime (or onnxruntime-gpu).
"""

import argparse
import glob
import json
import logging
import os
import re
import sys
import time

READS = ("next-token", "at-token", "last-token")
# Small blocks are what a restarted job loses at most, and what keeps all workers busy at the end.
ROWS_PER_BLOCK = 64


class Unfit(Exception):
    """The job cannot run; the text is for the user."""


class Model:
    """One session of one model in one worker process."""

    def __init__(self, onnx, config, read, provider, threads, batch_tokens):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads:
            options.intra_op_num_threads = threads
        available = onnxruntime.get_available_providers()
        names = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
        if provider == "auto":
            provider = "cuda" if names["cuda"] in available else "cpu"
        if names[provider] not in available:
            raise Unfit(f"onnxruntime has no {provider} provider here; it has {', '.join(available)}.")
        wanted = [names[provider]] if provider == "cpu" else [names[provider], names["cpu"]]
        self.session = onnxruntime.InferenceSession(onnx, options, providers=wanted)
        # A provider that cannot start is replaced by the library without an error: say what really runs.
        self.provider = "cuda" if self.session.get_providers()[0] == names["cuda"] else "cpu"
        self.inputs = {spec.name: spec for spec in self.session.get_inputs()}
        outputs = [spec.name for spec in self.session.get_outputs()]
        known = ["logits"] if read == "next-token" else ["score", "scores", "reward", "rewards", "value", "values", "logits"]
        declared = (config.get("trajectory_lens") or {}).get("output")
        self.output = declared or next((name for name in outputs if name in known), outputs[0])
        if self.output not in outputs:
            raise Unfit(f"The model has no output {self.output}; it has {', '.join(outputs)}.")
        self.config, self.read, self.batch_tokens = config, read, batch_tokens

    def run(self, rows):
        """Raw output of right-padded rows: [rows, width, n] or [rows, n]."""
        import numpy as np

        width = max(len(row) for row in rows)
        lengths = np.array([len(row) for row in rows])
        pad = self.config.get("pad_token_id")
        ids = np.full((len(rows), width), 0 if pad is None else pad, dtype=np.int64)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = row
        place = np.arange(width)[None, :]
        values = {
            "input_ids": ids,
            "attention_mask": (place < lengths[:, None]).astype(np.int64),
            "position_ids": np.minimum(place, lengths[:, None] - 1).astype(np.int64),
            "token_type_ids": np.zeros_like(ids),
            "use_cache_branch": np.zeros(1, dtype=bool),
            "num_logits_to_keep": np.zeros((), dtype=np.int64),
        }
        feeds = {}
        for name, spec in self.inputs.items():
            if name.startswith("past_key_value"):
                feeds[name] = self.empty_cache(spec, len(rows))
            elif name in values:
                feeds[name] = values[name].astype(numpy_type(spec.type))
            else:
                raise Unfit(f"The model wants an input {name} that a text does not give.")
        out = self.session.run([self.output], feeds)[0]
        return np.asarray(out, dtype=np.float32)

    def empty_cache(self, spec, rows):
        import numpy as np

        heads, width = spec.shape[1], spec.shape[3]
        if not isinstance(heads, int):
            heads = self.config.get("num_key_value_heads") or self.config["num_attention_heads"]
        if not isinstance(width, int):
            width = self.config.get("head_dim") or self.config["hidden_size"] // self.config["num_attention_heads"]
        return np.zeros((rows, heads, 0, width), dtype=numpy_type(spec.type))

    def batches(self, lengths):
        """Indices of rows that run together: of like lengths, padded to at most `batch_tokens`."""
        padded = "attention_mask" in self.inputs and not (self.read == "last-token" and self.config.get("pad_token_id") is None)
        batch, width = [], 0
        for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
            fits = max(width, lengths[index]) * (len(batch) + 1) <= self.batch_tokens
            if batch and not (fits and (padded or lengths[index] == width)):
                yield batch
                batch, width = [], 0
            batch.append(index)
            width = max(width, lengths[index])
        if batch:
            yield batch

    def score(self, rows, positions):
        """(names, values, error) of each row, in order."""
        results = [None] * len(rows)
        for batch in self.batches([len(row) for row in rows]):
            try:
                out = self.run([rows[index] for index in batch])
            except Unfit:
                raise
            except Exception as error:  # noqa: BLE001 - one bad batch must not end the job
                for index in batch:
                    results[index] = ([], [], first_line(error))
                continue
            for at, index in enumerate(batch):
                results[index] = self.numbers(out[at], rows[index], positions[index])
        return results

    def numbers(self, out, ids, positions):
        import numpy as np

        if self.read == "next-token":
            if out.ndim != 2 or out.shape[0] < len(ids):
                return [], [], f"The model gave {self.output} of shape {list(out.shape)} for {len(ids)} tokens."
            if any(p < 1 or p >= len(ids) for p in positions):
                return [], [], "A position has no token before it, or lies behind the text."
            logits = out[np.asarray(positions, dtype=int) - 1].astype(np.float64)
            logits -= logits.max(axis=1, keepdims=True)
            log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            own = log_p[np.arange(len(positions)), [ids[p] for p in positions]]
            p = np.exp(log_p)
            entropy = -(p * np.where(p > 0, log_p, 0)).sum(axis=1)
            rank = 1 + (log_p > own[:, None]).sum(axis=1)
            names, values = ["logprob", "entropy", "rank"], [own, entropy, rank.astype(np.float64)]
        else:
            if out.ndim == 1 and self.read == "at-token":
                # [rows, width]: one number a token.
                if out.shape[0] < len(ids):
                    return [], [], f"The model gave {out.shape[0]} numbers for {len(ids)} tokens."
                out = out[:, None]
            elif self.read == "last-token" and out.ndim == 1:
                out = out[None, :]
            at = [len(ids) - 1 if out.shape[0] > 1 else 0] if self.read == "last-token" else positions
            taken = out[np.asarray(at, dtype=int)].astype(np.float64)
            names = [f"label_{label}" for label in range(taken.shape[1])]
            values = list(taken.T)
        if any(np.isnan(one).any() for one in values):
            return [], [], "The model returned NaN."
        return names, [one.tolist() for one in values], None


def numpy_type(onnx_type):
    return {
        "tensor(int64)": "int64",
        "tensor(int32)": "int32",
        "tensor(bool)": "bool",
        "tensor(float)": "float32",
        "tensor(float16)": "float16",
        "tensor(double)": "float64",
    }[onnx_type]


def first_line(error):
    """What went wrong in one line: of an error that Ray wrapped, the sentence of the innermost one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line.split(": ", 1)[1] for line in lines if re.match(r"[\w.]+(Error|Exception|Unfit|Fail): ", line)]
    return (named or lines or [type(error).__name__])[0]


class Worker:
    """What an actor of the pool holds: the model, loaded once."""

    def __init__(self, arguments):
        self.model = Model(*arguments)

    def __call__(self, table):
        import pyarrow

        ids = table.column("trajectory_id").to_pylist()
        scored = self.model.score(table.column("input_ids").to_pylist(), table.column("positions").to_pylist())
        return pyarrow.table(
            {
                "trajectory_id": pyarrow.array(ids, pyarrow.string()),
                "names": pyarrow.array([names for names, _, _ in scored], pyarrow.list_(pyarrow.string())),
                "values": pyarrow.array([values for _, values, _ in scored], pyarrow.list_(pyarrow.list_(pyarrow.float64()))),
                "provider": pyarrow.array([self.model.provider] * len(ids), pyarrow.string()),
                "error": pyarrow.array([error for _, _, error in scored], pyarrow.string()),
            }
        )


def model_files(path):
    """The ONNX file and the configuration of a model folder in Hugging Face's layout, or of a plain file."""
    if os.path.isfile(path):
        return os.path.abspath(path), {}
    for name in ("onnx/model.onnx", "model.onnx"):
        file = os.path.join(path, name)
        if os.path.isfile(file):
            with open(os.path.join(path, "config.json"), encoding="utf-8") as config:
                return os.path.abspath(file), json.load(config)
    raise Unfit(f"There is no onnx/model.onnx and no model.onnx in {path}.")


def finished_ids(folder):
    """Ids of the rows whose results are there, from whole files alone; a file without its end is removed."""
    import pyarrow.parquet as parquet

    done = []
    for file in sorted(glob.glob(os.path.join(folder, "*.parquet"))):
        try:
            done += parquet.read_table(file, columns=["trajectory_id"]).column(0).to_pylist()
        except Exception:  # noqa: BLE001 - whatever is wrong with it, its rows are computed again
            os.remove(file)
    return done


def read_rows(pattern):
    import pyarrow.json
    import ray

    files = sorted(glob.glob(pattern)) if any(sign in pattern for sign in "*?[") else [pattern]
    if not files:
        raise Unfit(f"No file matches {pattern}.")
    if files[0].endswith(".parquet"):
        return ray.data.read_parquet(files, override_num_blocks=len(files)), files
    # Types are stated: a reader that guesses would make a number or a date of an id that looks like one.
    integers = pyarrow.list_(pyarrow.int64())
    schema = pyarrow.schema([("trajectory_id", pyarrow.string()), ("input_ids", integers), ("positions", integers)])
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    return ray.data.read_json(files, parse_options=options, override_num_blocks=len(files)), files


def say(**fields):
    print(json.dumps(fields), flush=True)


def run(options):
    import ray
    import ray.data

    onnx, config = model_files(options.model)
    ray.init(
        address=None if options.address == "local" else options.address,
        log_to_driver=False,
        logging_level="ERROR",
        include_dashboard=False,
        # Beside the actors one processor must be left for reading and writing, or they wait for each other forever.
        **({"num_cpus": options.workers + 1} if options.address == "local" else {}),
    )
    cpus = int(ray.cluster_resources().get("CPU", 0))
    if cpus <= options.workers:
        raise Unfit(f"The cluster has {cpus} CPUs and {options.workers} workers need {options.workers + 1}: ask for fewer workers.")
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    os.makedirs(options.output, exist_ok=True)
    before = finished_ids(options.output)
    rows, files = read_rows(options.input)
    rows = rows.select_columns(["trajectory_id", "input_ids", "positions"])
    total = rows.count()
    if before:
        done = ray.put(frozenset(before))
        rows = rows.filter(lambda row: row["trajectory_id"] not in ray.get(done))
    say(event="start", total=total, done=len(before), files=len(files), workers=options.workers)
    started = time.time()
    if len(before) < total:
        scored = rows.repartition(target_num_rows_per_block=ROWS_PER_BLOCK).map_batches(
            Worker,
            fn_constructor_args=[(onnx, config, options.read, options.provider, options.threads, options.batch_tokens)],
            batch_size=options.batch_rows,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=options.workers, max_tasks_in_flight_per_actor=2),
            num_gpus=options.gpus_per_worker or None,
        )
        scored.write_parquet(options.output, mode="append")
    after = finished_ids(options.output)
    if len(after) != len(set(after)):
        raise Unfit(f"{len(after) - len(set(after))} rows stand twice in {options.output}; empty that folder and start again.")
    if len(after) != total:
        raise Unfit(f"{total - len(after)} of {total} rows have no result; start the job again to compute them.")
    say(event="end", total=total, computed=total - len(before), seconds=round(time.time() - started, 3))


def parse(arguments):
    parser = argparse.ArgumentParser(description="Scores a dataset with an ONNX model on a Ray cluster.")
    parser.add_argument("--input", required=True, help="files of rows: JSON lines or Parquet; a pattern may stand for many")
    parser.add_argument("--model", required=True, help="model folder (config.json, onnx/model.onnx) or .onnx file")
    parser.add_argument("--output", required=True, help="folder for Parquet files with the results")
    parser.add_argument("--read", choices=READS, default="next-token", help="what is read at a row's positions")
    parser.add_argument("--address", default="local", help="local (a cluster of its own), auto, or ray://host:port")
    parser.add_argument("--workers", type=int, default=2, help="actors, each with a model of its own")
    parser.add_argument("--threads", type=int, default=1, help="threads of one actor; 0 = onnxruntime's choice")
    parser.add_argument("--gpus-per-worker", type=float, default=0, help="for Ray's scheduler; 0 = none")
    parser.add_argument("--provider", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--batch-rows", type=int, default=16, help="rows that an actor takes at once")
    parser.add_argument("--batch-tokens", type=int, default=4096, help="tokens of one run, padding included")
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    try:
        import onnxruntime  # noqa: F401
        import ray.data  # noqa: F401
    except ImportError as missing:
        print(f'{missing.name} is not installed: pip install "ray[data]" onnxruntime', file=sys.stderr)
        return 2
    try:
        run(options)
    except Unfit as reason:
        print(reason, file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - Ray wraps what its workers raise
        print(f"The job failed: {first_line(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
