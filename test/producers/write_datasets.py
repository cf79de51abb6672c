"""Hugging Face datasets writes chats with tools, completions and preferences in each of its forms; expected is what it reads back."""

import json

import datasets
from datasets import Dataset, Features, List, Sequence, Value, load_dataset, load_from_disk
from expectations import folder, write

out = folder()
ROWS = 7


def chat(row: int) -> dict:
    call = {"id": f"c{row}", "type": "function", "function": {"name": "add", "arguments": f'{{"x": {row}, "y": [1, 2]}}'}}
    messages = [
        {"role": "system", "content": "Sei kurz.", "tool_calls": None},
        {"role": "user", "content": f"Was ist {row} + {row}? é漢字🙂\n\t\"Zitat\"", "tool_calls": None},
    ]
    if row % 2:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "content": f"{2 * row}", "tool_calls": None})
    messages.append({"role": "assistant", "content": f"Es ist {2 * row}.", "tool_calls": None})
    return {
        "id": f"row-{row}",
        "messages": messages,
        "reward": None if row == 3 else row / 7,
        "resolved": row % 3 == 0,
        "tags": ["a", None, str(row)][: row % 4],
    }


message = {
    "role": Value("string"),
    "content": Value("string"),
    "tool_calls": List(
        {"id": Value("string"), "type": Value("string"), "function": {"name": Value("string"), "arguments": Value("string")}}
    ),
}
chats = Dataset.from_list(
    [chat(row) for row in range(ROWS)],
    features=Features(
        {
            "id": Value("string"),
            "messages": List(message),
            "reward": Value("float64"),
            "resolved": Value("bool"),
            "tags": List(Value("string")),
        }
    ),
)
# The older kind of nested feature: a list of structs that Python sees as a struct of lists, stored like the other.
sequences = chats.cast(Features({**chats.features, "tags": Sequence(Value("large_string"))}))


def expected_chats(read: Dataset) -> list:
    return [
        {
            "ownId": row["id"],
            "prompt": row["messages"][1]["content"],
            "steps": len(row["messages"]),
            "texts": [[one["role"], one["content"] or ""] for one in row["messages"]],
            "toolCalls": [
                [call["function"]["name"], json.loads(call["function"]["arguments"])]
                for one in row["messages"]
                for call in one.get("tool_calls") or []
            ],
            "reward": row["reward"],
            "success": row["resolved"],
            "extra": {"tags": row["tags"]},
        }
        for row in read
    ]


completions = Dataset.from_list(
    [
        {
            "prompt": f"Frage {row // 2}:\n\"was, ist\" das? é漢字🙂",
            "completion": f"Antwort, {row}\nzweite Zeile",
            "reward": row / 3,
            "step": row // 4,
        }
        for row in range(ROWS)
    ]
)


def expected_completions(read: Dataset) -> list:
    return [
        {
            "prompt": row["prompt"],
            "flatText": [row["prompt"], row["completion"]],
            "reward": row["reward"],
            "trainingStep": row["step"],
        }
        for row in read
    ]


preferences = Dataset.from_list(
    [
        {
            "chosen": [{"role": "user", "content": f"Frage {row}"}, {"role": "assistant", "content": f"gut {row}"}],
            "rejected": [{"role": "user", "content": f"Frage {row}"}, {"role": "assistant", "content": f"schlecht {row}"}],
            "score_chosen": 0.1 * row,
            "score_rejected": None if row == 2 else -0.1 * row,
        }
        for row in range(ROWS)
    ]
)


def expected_preferences(read: Dataset) -> list:
    return [
        {
            "prompt": row[side][0]["content"],
            "texts": [[one["role"], one["content"]] for one in row[side]],
            "success": side == "chosen",
        }
        for row in read
        for side in ("chosen", "rejected")
    ]


files = []


def add(path, format: str, trajectories: list) -> None:
    files.append({"path": str(path.relative_to(out)), "format": format, "trajectories": trajectories})


def saved(name: str, data: Dataset, format: str, expected, shards: int = 1) -> None:
    """A folder of save_to_disk: Arrow streams of up to so many rows."""
    data.save_to_disk(str(out / name), num_shards=shards)
    rows = expected(load_from_disk(str(out / name)))
    each = len(rows) // len(data)
    start = 0
    for path in sorted((out / name).glob("data-*.arrow")):
        count = len(Dataset.from_file(str(path))) * each
        add(path, format, rows[start : start + count])
        start += count
    assert start == len(rows)


def written(name: str, data: Dataset, format: str, expected, **options) -> None:
    path = out / name
    kind = path.suffix.removeprefix(".").removesuffix("l")
    getattr(data, f"to_{kind}")(str(path), **options)
    read = load_dataset(kind, data_files=str(path), split="train", cache_dir=str(out / "cache"))
    add(path, format, expected(read))


saved("saved", chats, "chat", expected_chats)
saved("sharded", sequences, "chat", expected_chats, 3)
saved("saved-completions", completions, "completion-log", expected_completions)
saved("saved-preferences", preferences, "preference-pairs", expected_preferences)
for kind in ("parquet", "jsonl"):
    written(f"chats.{kind}", chats, "chat", expected_chats)
    # As a table these columns are TRL's.
    written(f"completions.{kind}", completions, "trl-completions" if kind == "parquet" else "completion-log", expected_completions)
    written(f"preferences.{kind}", preferences, "preference-pairs", expected_preferences)
written("array.json", chats, "chat", expected_chats, lines=False)
written("completions.csv", completions, "completion-log", expected_completions)
write(out, datasets.__version__, files)
