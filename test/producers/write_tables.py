"""pyarrow writes Parquet and Arrow IPC in the variants that real files come in."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
from expectations import folder, write

out = folder()
ROWS = 257
NONE_AT = {3, 100, 256}


def text(row: int) -> str:
    return f"Frage {row}: was ist {row} + {row}? é漢字🙂\n\ttab"


plain_columns = {
    "prompt": pa.array([text(row // 4) for row in range(ROWS)]),
    "completion": pa.array([None if row in NONE_AT else f"{2 * row}" for row in range(ROWS)]),
    "reward": pa.array([None if row in NONE_AT else float("nan") if row == 5 else row / 7 for row in range(ROWS)]),
    "small": pa.array([None if row in NONE_AT else row / 3 for row in range(ROWS)], pa.float32()),
    "step": pa.array([row // 64 for row in range(ROWS)], pa.int32()),
    "seed": pa.array([2**60 + row if row % 2 else row for row in range(ROWS)], pa.int64()),
    "byte": pa.array([row % 256 for row in range(ROWS)], pa.uint8()),
    "done": pa.array([None if row in NONE_AT else row % 3 == 0 for row in range(ROWS)]),
    "payload": pa.array([bytes([row % 256, 0, 255]) for row in range(ROWS)]),
    "when": pa.array(
        [datetime.datetime(2026, 1, 2, 3, 4, 5, 678000) + datetime.timedelta(minutes=row) for row in range(ROWS)],
        pa.timestamp("ms"),
    ),
    "micros": pa.array(
        [datetime.datetime(2026, 1, 2, 3, 4, 5, 678000) + datetime.timedelta(hours=row) for row in range(ROWS)],
        pa.timestamp("us"),
    ),
    "day": pa.array([datetime.date(2026, 1, 1) + datetime.timedelta(days=row) for row in range(ROWS)], pa.date32()),
}
half = pa.array([row / 8 for row in range(ROWS)], pa.float32()).cast(pa.float16())
nested_columns = {
    "id": pa.array(range(ROWS), pa.int32()),
    "token_ids": pa.array([None if row in NONE_AT else list(range(row % 5)) for row in range(ROWS)], pa.list_(pa.int64())),
    "logprobs": pa.array(
        [[-position / 3 if position != 2 else float("nan") for position in range(row % 5)] for row in range(ROWS)],
        pa.list_(pa.float32()),
    ),
    "turns": pa.array(
        [[[row, turn], [], None] if turn else [] for row in range(ROWS) for turn in [row % 2]],
        pa.list_(pa.list_(pa.int32())),
    ),
    "messages": pa.array(
        [
            [
                {"role": "user", "content": text(row), "tool": None},
                {"role": "assistant", "content": None if row in NONE_AT else str(row), "tool": {"name": "run", "args": [row]}},
            ]
            for row in range(ROWS)
        ]
    ),
    "box": pa.array([[row, row + 0.5, -row] for row in range(ROWS)], pa.list_(pa.float64(), 3)),
    "info": pa.array(
        [None if row in NONE_AT else {"score": row / 2, "tags": ["a", None, str(row)]} for row in range(ROWS)]
    ),
}
plain_table = pa.table(plain_columns)
nested_table = pa.table(nested_columns)
dictionary_table = pa.table(
    {
        "prompt": plain_columns["prompt"].dictionary_encode(),
        "step": plain_columns["step"].dictionary_encode(),
        "completion": plain_columns["completion"].dictionary_encode(),
        "large": plain_columns["completion"].cast(pa.large_string()),
        "reward": plain_columns["reward"],
    }
)
half_table = pa.table({"half": half, "id": nested_columns["id"]})
view_table = pa.table({"text": plain_columns["prompt"].cast(pa.string_view()), "id": nested_columns["id"]})
map_table = pa.table(
    {
        "scores": pa.array(
            [[("format", row / 4), ("answer", None)] for row in range(ROWS)], pa.map_(pa.string(), pa.float64())
        ),
        "price": pa.array([Decimal(row) / 4 for row in range(ROWS)], pa.decimal128(12, 2)),
    }
)
moment_table = pa.table(
    {
        "utc": plain_columns["micros"].cast(pa.timestamp("us", "UTC")),
        "nanos": plain_columns["micros"].cast(pa.timestamp("ns")),
        "seconds": pa.array([datetime.datetime(1969, 12, 31, 23, 0, row % 60) for row in range(ROWS)], pa.timestamp("s")),
        "day64": plain_columns["day"].cast(pa.date64()),
    }
)
large_table = pa.table(
    {
        "unsigned": pa.array([2**64 - 1 - row for row in range(ROWS)], pa.uint64()),
        "words": pa.array([[text(row)] * (row % 3) for row in range(ROWS)], pa.large_list(pa.large_string())),
        "labels": pa.array([["a", None, "b"][row % 3] for row in range(ROWS)]).dictionary_encode(),
        "nothing": pa.nulls(ROWS),
        "bytes": pa.array([bytes([row % 256]) * 4 for row in range(ROWS)], pa.binary(4)),
    }
)
files = []


def expect(path, table: pa.Table, **changes) -> None:
    rows = table.to_pylist(maps_as_pydicts="strict")
    for row in rows:
        for name, change in changes.items():
            row[name] = change(row[name])
    files.append({"path": path.name, "rows": rows})


def parquet(name: str, table: pa.Table, **options) -> None:
    path = out / f"{name}.parquet"
    changes = options.pop("changes", {})
    pq.write_table(table, path, **options)
    expect(path, pq.read_table(path), **changes)


for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
    parquet(f"plain-{codec}", plain_table, compression=codec)
parquet("row-groups", plain_table, compression="zstd", row_group_size=50)
parquet("small-pages", plain_table, data_page_size=256, write_page_index=True, use_dictionary=False)
parquet("page-version-2", plain_table, data_page_version="2.0", compression="zstd")
parquet("format-1", nested_table, version="1.0")
parquet("dictionary", dictionary_table, compression="zstd")
parquet("nested", nested_table, compression="zstd", row_group_size=64)
parquet("nested-old-lists", nested_table, use_compliant_nested_type=False)
parquet("checked", plain_table, write_page_checksum=True, compression="gzip")
parquet(
    "encodings",
    plain_table.select(["prompt", "step", "reward", "seed"]),
    use_dictionary=False,
    column_encoding={
        "prompt": "DELTA_BYTE_ARRAY",
        "step": "DELTA_BINARY_PACKED",
        "reward": "BYTE_STREAM_SPLIT",
        "seed": "DELTA_BINARY_PACKED",
    },
)
parquet("half-floats", half_table)
parquet("maps", map_table)
parquet("moments", moment_table)
parquet("views", view_table)
parquet("large", large_table)
parquet("no-rows", plain_table.slice(0, 0))


def arrow(name: str, table: pa.Table, stream: bool, codec=None, batch=64, **changes) -> None:
    path = out / f"{name}.arrow"
    make = ipc.new_stream if stream else ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, make(
        sink, table.schema, options=ipc.IpcWriteOptions(compression=codec)
    ) as writer:
        writer.write_table(table, max_chunksize=batch)
    with pa.memory_map(str(path)) as source:
        read = (ipc.open_stream if stream else ipc.open_file)(source).read_all()
        expect(path, read, **changes)


for stream in [True, False]:
    kind = "stream" if stream else "file"
    arrow(f"plain-{kind}", plain_table, stream)
    arrow(f"nested-{kind}", nested_table, stream)
    arrow(f"dictionary-{kind}", dictionary_table, stream)
    for codec in ["zstd", "lz4"]:
        arrow(f"plain-{kind}-{codec}", plain_table, stream, codec)
arrow("nested-zstd", nested_table, False, "zstd")
arrow("maps", map_table, False)
arrow("moments", moment_table, False)
arrow("views", view_table, False)
arrow("large", large_table, False)
arrow("half-floats", half_table, False)
feather.write_feather(plain_table, out / "feather.feather", compression="lz4")
expect(out / "feather.feather", feather.read_table(out / "feather.feather"))
write(out, pa.__version__, files)
