# Writes the files beside it: `python make.py` with numpy, pyarrow, scipy and zstandard installed.
import json
import os
import struct
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import scipy.io
import zstandard

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rows = "".join(json.dumps({"input": f"question {i}", "output": "a", "score": float(i % 2), "step": 3}) + "\n" for i in range(50))
frames = [zstandard.ZstdCompressor().compress(part.encode()) for part in (rows[:900], rows[900:])]
open("frames.jsonl.zst", "wb").write(b"".join(frames))
table = pa.table({
    "n": pa.array([1, 2, 2**53 + 1]), "text": ["x", None, "z"], "list": [[1.0, 2.0], [], None], "part": [{"k": 1}, {"k": None}, None],
    "nan": [1.5, float("nan"), None], "when": pa.array([0, 1, None], pa.timestamp("ms")), "word": pa.array(["p", "q", "p"]).dictionary_encode(),
    "box": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2)),
})
for compression in ("uncompressed", "lz4", "zstd"):
    feather.write_feather(table, f"{compression}.arrow", compression=compression)
with pa.ipc.new_stream("stream.arrow", table.schema) as writer:
    for batch in table.to_batches(max_chunksize=1):
        writer.write_batch(batch)
scipy.io.savemat("variables.mat", {
    "x": np.arange(6.0).reshape(2, 3), "i": np.array([[1, -2]], dtype="int16"), "name": "hello", "flag": np.array([[True, False]]),
    "names": np.array(["ab", "cdef"], dtype=object), "s": {"a": 1.5, "b": {"c": np.array([1, 2, 3])}}, "cube": np.arange(24.0).reshape(2, 3, 4),
}, do_compression=True)


def archive(path, members, directory):
    """A ZIP archive with Zstandard members, whose central directory is left out when `directory` is False."""
    out, central = b"", b""
    for name, content, method in members:
        data = zstandard.ZstdCompressor().compress(content) if method == 93 else zlib.compress(content)[2:-4]
        head = struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 0, zlib.crc32(content), len(data), len(content), len(name), 0)
        central += b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name.encode()
        out += b"PK\x03\x04" + head + name.encode() + data
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(central), len(out), 0)
    open(path, "wb").write(out + (central + end if directory else b""))


members = [("one.json", b'{"a": 1}', 8), ("two.json", json.dumps({"b": list(range(500))}).encode(), 93)]
archive("whole.zip", members, True)
archive("crashed.zip", members, False)
