import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PlainArray, PlainStub, PlainValue } from "../../../src/model/plain";
import { plainContent } from "../../../src/store/containers/plainContent";

// Python, NumPy and torch write; what they hold themselves is what the reader must find.
const python = [".venv/bin/python", ".venv/Scripts/python.exe"].find((path) => existsSync(path));
const hasTorch =
  python !== undefined &&
  (() => {
    try {
      execFileSync(python, ["-c", "import torch, numpy"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  })();
if (!hasTorch) console.warn("Skipped: pickles of the real libraries need torch and numpy in .venv.");

const WRITER = `
import collections, datetime, gzip, json, os, pickle, sys
import numpy, torch
out = sys.argv[1]
os.chdir(out)
value = {
  "none": None, "true": True, "small": 7, "negative": -3, "wide": 2**40, "huge": 2**80, "minus_huge": -2**70,
  "float": 0.1, "nan": float("nan"), "inf": float("-inf"), "text": "grüße \\U0001f680\\n", "empty": "", "bytes": b"\\x00\\xff",
  "tuple": (1, (2, 3)), "list": [1, [2.5, None]], "set": {5}, "frozen": frozenset([6]), "nested": {1: {"a": [True]}, (1, 2): "key"},
  "ordered": collections.OrderedDict([("z", 1), ("a", 2)]), "default": collections.defaultdict(list, {"k": [1]}),
  "counter": collections.Counter("aab"), "deque": collections.deque([1, 2, 3]), "bytearray": bytearray(b"abc"),
  "complexnumber": 1+2j, "range": range(3), "date": datetime.datetime(2025, 1, 2, 3, 4, 5),
}
for protocol in range(6):
    with open(f"plain{protocol}.pkl", "wb") as file: pickle.dump(value, file, protocol)
arrays = {
  "f8": numpy.arange(6.0).reshape(2, 3), "f4": numpy.array([1.5, numpy.nan], "f4"), "f2": numpy.array([1.0, -2.5, 65504.0, 6e-8], "f2"),
  "i8": numpy.array([2**53 + 1, -1]), "u1": numpy.arange(4, dtype="u1").reshape(2, 2), "bool": numpy.array([True, False]),
  "big": numpy.array([1, 2, 3], ">i4"), "fortran": numpy.asfortranarray(numpy.arange(6).reshape(2, 3)),
  "object": numpy.array([{"a": 1}, None, "x"], dtype=object), "object2": numpy.array([[1, "b"], [None, 2.5]], dtype=object),
  "strings": numpy.array(["ab", "cde"]), "bytestrings": numpy.array([b"ab", b"c"]), "empty": numpy.zeros((0, 4)),
  "scalar": numpy.float32(0.5), "int_scalar": numpy.int64(9), "bool_scalar": numpy.bool_(True), "zero_d": numpy.array(3.5),
  "structured": numpy.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]), "slice": numpy.arange(10)[2:8:2],
  "str_scalar": numpy.str_("word"), "times": numpy.array(["2025-01-01"], "datetime64[D]"),
}
for protocol in range(6):
    with open(f"numpy{protocol}.pkl", "wb") as file: pickle.dump(arrays, file, protocol)
base = torch.arange(12, dtype=torch.float32)
tensors = {
  "f4": base.reshape(3, 4), "transposed": base.reshape(3, 4).t(), "slice": base[2:9:3], "bf16": torch.tensor([1.0, -0.3359375, 3e38], dtype=torch.bfloat16),
  "half": torch.tensor([0.5, 65504.0], dtype=torch.float16), "i8": torch.tensor([2**53 + 1, -5]), "bool": torch.tensor([True, False]),
  "u1": torch.tensor([1, 255], dtype=torch.uint8), "zero_d": torch.tensor(2.5), "empty": torch.zeros(0, 3),
  "parameter": torch.nn.Parameter(torch.tensor([1.0, 2.0])), "size": torch.Size([2, 3]), "expanded": torch.tensor([7.0]).expand(3),
  "u2": torch.tensor([1, 65535], dtype=torch.uint16),
}
torch.save(tensors, "new.pt")
torch.save(tensors, "old.pt", _use_new_zipfile_serialization=False)
with open("tensors.pkl", "wb") as file: pickle.dump(tensors, file)
with gzip.open("plain.pkl.gz", "wb") as file: pickle.dump([value], file)
state = torch.nn.Linear(2, 3).state_dict()
torch.save(state, "state.pt")
numpy.savez("arrays.npz", **{key: item for key, item in arrays.items() if key not in ("times",)})
numpy.savez_compressed("packed.npz", f8=arrays["f8"], f2=arrays["f2"])
numpy.save("fortran.npy", arrays["fortran"])
json.dump({"state": {key: item.tolist() for key, item in state.items()}}, open("expected.json", "w"))
`;

let folder = "";
beforeAll(() => {
  if (!hasTorch) return;
  folder = mkdtempSync(join(tmpdir(), "pickles-"));
  execFileSync(python as string, ["-c", WRITER, folder], { stdio: "pipe" });
}, 60_000);
afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true });
});

async function read(name: string): Promise<ReadonlyMap<PlainValue, PlainValue>> {
  const { value, notes } = await plainContent(join(folder, name));
  expect(notes).toEqual([]);
  expect(value).toBeInstanceOf(Map);
  return value as ReadonlyMap<PlainValue, PlainValue>;
}

const numbers = (value: PlainValue | undefined): number[] => [...(value as PlainArray).numbers()];
const shape = (value: PlainValue | undefined): readonly number[] => (value as PlainArray).shape;

describe.skipIf(!hasTorch)("what Python writes", () => {
  it.each([0, 1, 2, 3, 4, 5])("is read with protocol %i", async (protocol) => {
    const map = await read(`plain${protocol}.pkl`);
    expect(map.get("none")).toBe(null);
    expect(map.get("true")).toBe(true);
    expect([map.get("small"), map.get("negative"), map.get("wide")]).toEqual([7, -3, 2 ** 40]);
    expect([map.get("huge"), map.get("minus_huge")]).toEqual([2n ** 80n, -(2n ** 70n)]);
    expect([map.get("float"), map.get("nan"), map.get("inf")]).toEqual([0.1, NaN, -Infinity]);
    expect([map.get("text"), map.get("empty")]).toEqual(["grüße 🚀\n", ""]);
    expect([...(map.get("bytes") as Uint8Array)]).toEqual([0, 255]);
    expect([...(map.get("bytearray") as Uint8Array)]).toEqual([97, 98, 99]);
    expect(map.get("tuple")).toEqual([1, [2, 3]]);
    expect(map.get("list")).toEqual([1, [2.5, null]]);
    expect([map.get("set"), map.get("frozen"), map.get("deque")]).toEqual([[5], [6], [1, 2, 3]]);
    const nested = map.get("nested") as ReadonlyMap<PlainValue, PlainValue>;
    expect(nested.get(1)).toEqual(new Map([["a", [true]]]));
    expect([...nested.keys()][1]).toEqual([1, 2]);
    expect([...(map.get("ordered") as Map<string, number>)]).toEqual([
      ["z", 1],
      ["a", 2],
    ]);
    expect(map.get("default")).toEqual(new Map([["k", [1]]]));
    expect((map.get("counter") as Map<string, number>).get("a")).toBe(2);
    expect((map.get("complexnumber") as PlainStub).args).toEqual([1, 2]);
    expect((map.get("date") as PlainStub).className).toBe("datetime.datetime");
  });

  it.each([0, 1, 2, 3, 4, 5])("holds NumPy's arrays with protocol %i", async (protocol) => {
    checkArrays(await read(`numpy${protocol}.pkl`));
    const times = (await read(`numpy${protocol}.pkl`)).get("times") as PlainStub;
    expect(numbers(times.args[1])).toEqual([20089]);
  });

  it("is read from npz and npy files", async () => {
    checkArrays(await read("arrays.npz"));
    const packed = await read("packed.npz");
    expect(numbers(packed.get("f8"))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(numbers((await read("fortran.npy")).get("arr_0"))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it.each(["new.pt", "old.pt", "tensors.pkl"])("holds torch's tensors in %s", async (name) => {
    const map = await read(name);
    expect(numbers(map.get("f4"))).toEqual(Array.from({ length: 12 }, (_, index) => index));
    expect(shape(map.get("transposed"))).toEqual([4, 3]);
    expect(numbers(map.get("transposed"))).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    expect(numbers(map.get("slice"))).toEqual([2, 5, 8]);
    expect((map.get("bf16") as PlainArray).type).toBe("bfloat16");
    expect(numbers(map.get("bf16"))[1]).toBe(-0.3359375);
    expect(numbers(map.get("half"))).toEqual([0.5, 65504]);
    expect([...(map.get("i8") as PlainArray).integers()]).toEqual([2n ** 53n + 1n, -5n]);
    expect(numbers(map.get("bool"))).toEqual([1, 0]);
    expect(numbers(map.get("u1"))).toEqual([1, 255]);
    expect([shape(map.get("zero_d")), numbers(map.get("zero_d"))]).toEqual([[], [2.5]]);
    expect([shape(map.get("empty")), numbers(map.get("empty"))]).toEqual([[0, 3], []]);
    expect(numbers(map.get("parameter"))).toEqual([1, 2]);
    expect(map.get("size")).toEqual([2, 3]);
    expect(numbers(map.get("expanded"))).toEqual([7, 7, 7]);
    expect(numbers(map.get("u2"))).toEqual([1, 65535]);
  });

  it("is read through gzip, and as a state dict", async () => {
    const { value } = await plainContent(join(folder, "plain.pkl.gz"));
    expect((value as Map<string, PlainValue>[])[0]?.get("small")).toBe(7);
    const state = await read("state.pt");
    const { state: expected } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as {
      state: Record<string, number[] | number[][]>;
    };
    expect(numbers(state.get("weight"))).toEqual(expected["weight"]?.flat());
    expect(numbers(state.get("bias"))).toEqual(expected["bias"]);
  });
});

function checkArrays(map: ReadonlyMap<PlainValue, PlainValue>): void {
  expect(shape(map.get("f8"))).toEqual([2, 3]);
  expect(numbers(map.get("f8"))).toEqual([0, 1, 2, 3, 4, 5]);
  expect(numbers(map.get("f4"))).toEqual([1.5, NaN]);
  expect((map.get("f4") as PlainArray).numbers()).toBeInstanceOf(Float32Array);
  expect(numbers(map.get("f2"))).toEqual([1, -2.5, 65504, 2 ** -24]);
  expect([...(map.get("i8") as PlainArray).integers()]).toEqual([2n ** 53n + 1n, -1n]);
  expect(numbers(map.get("u1"))).toEqual([0, 1, 2, 3]);
  expect((map.get("bool") as PlainArray).type).toBe("bool");
  expect(numbers(map.get("big"))).toEqual([1, 2, 3]);
  expect(shape(map.get("fortran"))).toEqual([2, 3]);
  expect(numbers(map.get("fortran"))).toEqual([0, 1, 2, 3, 4, 5]);
  expect(map.get("object")).toEqual([new Map([["a", 1]]), null, "x"]);
  expect(map.get("object2")).toEqual([
    [1, "b"],
    [null, 2.5],
  ]);
  expect(map.get("strings")).toEqual(["ab", "cde"]);
  expect(map.get("bytestrings")).toEqual(["ab", "c"]);
  expect([shape(map.get("empty")), numbers(map.get("empty"))]).toEqual([[0, 4], []]);
  // npz files hold scalars as arrays without dimensions.
  const scalar = (name: string): unknown => {
    const value = map.get(name);
    return typeof value === "object" ? numbers(value as PlainValue)[0] : Number(value);
  };
  expect([scalar("scalar"), scalar("int_scalar"), scalar("bool_scalar"), scalar("zero_d")]).toEqual([
    0.5, 9, 1, 3.5,
  ]);
  expect(map.get("str_scalar")).toBe("word");
  const structured = map.get("structured") as PlainStub;
  expect(numbers(structured.entries.get("a"))).toEqual([1, 3]);
  expect(numbers(structured.entries.get("b"))).toEqual([2.5, 4.5]);
  expect(numbers(map.get("slice"))).toEqual([2, 4, 6]);
}
