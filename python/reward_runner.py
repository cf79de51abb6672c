"""Runs a reward function of the user over recorded trajectories, in the user's own interpreter.

    python reward_runner.py --file rewards.py --function compute_score

Reads one JSON object a line from standard input: {"rows": [row, ...]}. Writes one JSON object a line: first
{"ready": {"kind", "parameters"}} or {"fatal": sentence}, then {"results": [result, ...]} for each line read, where a
result is {"id", "reward", "components", "steps"} or {"id", "error"}. What the function prints goes to standard error.

Three kinds of functions are known, by the names of their parameters:

* text:       (data_source, solution_str, ground_truth, extra_info=None) -> number or dict with "score" (verl);
* batch:      (prompts, completions, **columns) -> list of numbers, None = does not apply (TRL);
* transition: (observation, action, ...) -> reward per step, arrays of the whole episode (control).

Nothing beyond the standard library is needed here; numbers that JSON has no words for travel as strings.
"""

import argparse
import importlib.util
import inspect
import json
import math
import os
import sys
import traceback

OBSERVATION = ("observation", "observations", "obs", "state", "states", "s")
ACTION = ("action", "actions", "act", "acts", "a", "u")


class Unfit(Exception):
    """The function cannot be called with what the trajectories hold; the text is for the user."""


def load_function(path, name):
    folder = os.path.dirname(os.path.abspath(path))
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise Unfit(f"{os.path.basename(path)} has no function {name}.")
    return function


def kind_of(parameters):
    """The kind of a reward function, from its `inspect` parameters."""
    names = set(parameters)
    if "solution_str" in names:
        return "text"
    if "completions" in names:
        return "batch"
    if names & set(OBSERVATION) and names & set(ACTION):
        return "transition"
    raise Unfit(
        f"Its parameters are ({', '.join(parameters)}); a reward function takes solution_str, completions,"
        " or observation and action."
    )


def arguments_for(parameters, available, what):
    """Picks from `available` what the function asks for by name; a parameter with a default may stay away."""
    takes_rest = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    chosen = dict(available) if takes_rest else {}
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if name in available:
            chosen[name] = available[name]
        elif parameter.default is parameter.empty:
            raise Unfit(f"It needs the parameter {name}, which {what} not hold.")
    return chosen


def number(value):
    """A number of the user's function: None stays None, tensors and arrays of one element are unpacked."""
    return None if value is None else float(value)


def encoded(value):
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def scored(value):
    """(reward, components) of what a function gave for one trajectory: a number, or a dict with `score`."""
    if not isinstance(value, dict):
        return number(value), {}
    if "score" not in value:
        raise Unfit("It returned a dict without score.")
    components = {}
    for name, entry in value.items():
        if name == "score":
            continue
        try:
            components[name] = number(entry)
        except (TypeError, ValueError):
            continue  # texts beside the numbers, such as the extracted answer
    return number(value["score"]), components


def result(row, reward, components=None, steps=None):
    answer = {"id": row["id"], "reward": encoded(reward)}
    answer["components"] = {name: encoded(value) for name, value in (components or {}).items()}
    if steps is not None:
        answer["steps"] = [encoded(value) for value in steps]
    return answer


def run_text(function, parameters, rows):
    for row in rows:
        try:
            available = {
                "data_source": row["columns"].get("data_source"),
                "solution_str": row["response"],
                "ground_truth": row.get("ground_truth"),
                "extra_info": row["columns"].get("extra_info"),
                "prompt_str": row.get("prompt"),
            }
            yield result(row, *scored(function(**arguments_for(parameters, available, "the rollouts do"))))
        except Exception as error:  # noqa: BLE001 - the user's function may raise anything
            yield {"id": row["id"], "error": sentence(error)}


def run_batch(function, parameters, rows):
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row["columns"]):
        columns[name] = [row["columns"].get(name) for row in rows]
    available = {**columns, "prompts": [row.get("prompt") for row in rows], "completions": [row["response"] for row in rows]}
    try:
        rewards = list(function(**arguments_for(parameters, available, "the rollouts do")))
        if len(rewards) != len(rows):
            raise Unfit(f"It returned {len(rewards)} rewards for {len(rows)} completions.")
        yield from (result(row, number(reward)) for row, reward in zip(rows, rewards))
    except Exception as error:  # noqa: BLE001
        yield from ({"id": row["id"], "error": sentence(error)} for row in rows)


def as_array(value):
    """A NumPy array where NumPy is there: reward functions of control tasks index with [..., i]."""
    try:
        import numpy
    except ImportError:
        return value
    if isinstance(value, dict):
        return {name: numpy.asarray(entry) for name, entry in value.items()}
    return numpy.asarray(value)


def total(steps):
    """Plain sum from the first step to the last, as the recorded one is taken; `sum` compensates since Python 3.12."""
    reward = 0.0
    for value in steps:
        if value is None:
            return None
        reward += value
    return reward


def run_transition(function, parameters, rows):
    for row in rows:
        try:
            if row.get("observation") is None or row.get("action") is None:
                raise Unfit("The trajectory has no observation and action columns.")
            observation, action = as_array(row["observation"]), as_array(row["action"])
            following = row.get("next_observation")
            available = {name: observation for name in OBSERVATION} | {name: action for name in ACTION}
            if following is not None:
                available |= {f"next_{name}": as_array(following) for name in OBSERVATION}
            per_step = function(**arguments_for(parameters, available, "the episode does"))
            per_step = per_step.tolist() if hasattr(per_step, "tolist") else list(per_step)
            steps = [number(value[0] if isinstance(value, list) else value) for value in per_step]
            if len(steps) != row["steps"]:
                raise Unfit(f"It returned {len(steps)} rewards for {row['steps']} steps.")
            yield result(row, total(steps), steps=steps)
        except Exception as error:  # noqa: BLE001
            yield {"id": row["id"], "error": sentence(error)}


def sentence(error):
    """One line that says what went wrong and, for an error of the user's code, where."""
    if isinstance(error, Unfit):
        return str(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' + text if text else ''}{where}."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", required=True)
    parser.add_argument("--function", required=True)
    options = parser.parse_args()

    # The answers keep the real standard output; what the user's code prints goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def answer(message):
        answers.write(json.dumps(message, allow_nan=False) + "\n")
        answers.flush()

    try:
        function = load_function(options.file, options.function)
        parameters = inspect.signature(function).parameters
        kind = kind_of(parameters)
    except BaseException as error:  # noqa: BLE001 - an import may even exit
        answer({"fatal": sentence(error)})
        return 1
    answer({"ready": {"kind": kind, "parameters": list(parameters)}})
    run = {"text": run_text, "batch": run_batch, "transition": run_transition}[kind]
    for line in sys.stdin:
        answer({"results": list(run(function, parameters, json.loads(line)["rows"]))})
    return 0


if __name__ == "__main__":
    sys.exit(main())
