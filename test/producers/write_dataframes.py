"""pandas, polars and DuckDB write chats and completions with the writers that people use; expected is what each reads back."""

import ast
import json
import math

import duckdb
import pandas as pd
import polars as pl
from expectations import folder, write

out = folder()
ROWS = 7
CHATS = [
    {
        "id": f"row-{row}",
        "messages": [
            {"role": "user", "content": f"Was ist {row} + {row}? é漢字🙂\n\t\"Zitat\", 'so'"},
            {"role": "assistant", "content": f"Es ist {2 * row}."},
        ],
        "reward": None if row == 3 else row / 7,
        "level": row % 3,
    }
    for row in range(ROWS)
]
COMPLETIONS = [
    {
        "prompt": f"Frage {row // 2}:\n\"was, ist\" das? é漢字🙂;",
        "response": f"Antwort, {row}\nzweite 'Zeile'",
        "reward": row / 3 if row else 0.1 + 0.2,
        "step": row // 4,
    }
    for row in range(ROWS)
]
files = []


def number(value) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def chats(path: str, rows: list, format: str = "chat") -> None:
    """What was read back, as trajectories."""
    assert len(rows) == ROWS
    files.append(
        {
            "path": path,
            "format": format,
            "trajectories": [
                {
                    "ownId": row["id"],
                    "prompt": row["messages"][0]["content"],
                    "texts": [[one["role"], one["content"]] for one in row["messages"]],
                    "reward": number(row["reward"]),
                    "components": {"level": int(row["level"])},
                }
                for row in rows
            ],
        }
    )


def completions(path: str, rows: list) -> None:
    assert len(rows) == ROWS
    files.append(
        {
            "path": path,
            "format": "completion-log",
            "trajectories": [
                {
                    "flatText": [row["prompt"], row["response"]],
                    "reward": float(row["reward"]),
                    "trainingStep": int(row["step"]),
                }
                for row in rows
            ],
        }
    )


# pandas. The index of a data frame is a column of its own in some of the forms.
frame, flat = pd.DataFrame(CHATS), pd.DataFrame(COMPLETIONS)
frame.to_json(out / "pandas-lines.jsonl", orient="records", lines=True)
chats("pandas-lines.jsonl", pd.read_json(out / "pandas-lines.jsonl", lines=True).to_dict("records"))
frame.to_json(out / "pandas-unicode.jsonl.gz", orient="records", lines=True, force_ascii=False)
chats("pandas-unicode.jsonl.gz", pd.read_json(out / "pandas-unicode.jsonl.gz", lines=True).to_dict("records"))
frame.to_json(out / "pandas-records.json", orient="records", indent=2)
chats("pandas-records.json", pd.read_json(out / "pandas-records.json").to_dict("records"))
for orient in ("columns", "index", "split", "table"):
    name = f"pandas-{orient}.json"
    frame.to_json(out / name, orient=orient, double_precision=15)
    chats(name, pd.read_json(out / name, orient=orient, precise_float=True).to_dict("records"))
frame.to_parquet(out / "pandas.parquet")
chats("pandas.parquet", pd.read_parquet(out / "pandas.parquet").to_dict("records"))
frame.to_feather(out / "pandas.feather")
chats("pandas.feather", pd.read_feather(out / "pandas.feather").to_dict("records"))
flat.to_csv(out / "pandas.csv")
completions("pandas.csv", pd.read_csv(out / "pandas.csv").to_dict("records"))
flat.to_csv(out / "pandas.tsv", sep="\t", index=False)
completions("pandas.tsv", pd.read_csv(out / "pandas.tsv", sep="\t").to_dict("records"))
flat.to_json(out / "pandas-flat.jsonl", orient="records", lines=True, double_precision=15)
completions("pandas-flat.jsonl", pd.read_json(out / "pandas-flat.jsonl", lines=True, precise_float=True).to_dict("records"))
# Without more, a list of messages is written as Python writes it.
frame.to_csv(out / "pandas-python.csv", index=False)
back = pd.read_csv(out / "pandas-python.csv")
chats("pandas-python.csv", back.assign(messages=back["messages"].map(ast.literal_eval)).to_dict("records"))
# Messages as JSON text in a column, as people keep them in tables.
texts = frame.assign(messages=frame["messages"].map(lambda one: json.dumps(one, ensure_ascii=False)))
texts.to_csv(out / "pandas-json.csv", index=False)
texts.to_parquet(out / "pandas-json.parquet", index=False)
for name, read in (("pandas-json.csv", pd.read_csv), ("pandas-json.parquet", pd.read_parquet)):
    back = read(out / name)
    chats(name, back.assign(messages=back["messages"].map(json.loads)).to_dict("records"))

# polars
data, plain = pl.DataFrame(CHATS), pl.DataFrame(COMPLETIONS)
data.write_ndjson(out / "polars.ndjson")
chats("polars.ndjson", pl.read_ndjson(out / "polars.ndjson").to_dicts())
data.write_json(out / "polars.json")
chats("polars.json", pl.read_json(out / "polars.json").to_dicts())
data.write_parquet(out / "polars.parquet", compression="zstd", row_group_size=3)
chats("polars.parquet", pl.read_parquet(out / "polars.parquet").to_dicts())
data.write_ipc(out / "polars.arrow", compression="lz4")
chats("polars.arrow", pl.read_ipc(out / "polars.arrow").to_dicts())
data.write_ipc_stream(out / "polars-stream.arrow")
chats("polars-stream.arrow", pl.read_ipc_stream(out / "polars-stream.arrow").to_dicts())
plain.write_csv(out / "polars.csv", separator=";")
completions("polars.csv", pl.read_csv(out / "polars.csv", separator=";").to_dicts())

# DuckDB
with duckdb.connect() as connection:
    connection.register("chats", data.to_arrow())
    connection.register("completions", plain.to_arrow())
    for name, options in (
        ("duckdb.jsonl", "FORMAT json"),
        ("duckdb.json", "FORMAT json, ARRAY true"),
        ("duckdb.jsonl.zst", "FORMAT json, COMPRESSION zstd"),
        ("duckdb.parquet", "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2"),
    ):
        path = out / name
        connection.execute(f"COPY chats TO '{path}' ({options})")
        reader = "read_parquet" if name.endswith("parquet") else "read_json"
        chats(name, connection.execute(f"SELECT * FROM {reader}('{path}')").to_arrow_table().to_pylist())
    connection.execute(f"COPY completions TO '{out / 'duckdb.csv'}' (FORMAT csv, HEADER, DELIMITER '|')")
    completions("duckdb.csv", connection.execute(f"SELECT * FROM read_csv('{out / 'duckdb.csv'}')").to_arrow_table().to_pylist())

write(out, f"(pandas {pd.__version__}, polars {pl.__version__}, DuckDB {duckdb.__version__})", files)
