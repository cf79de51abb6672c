import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { failureData } from "../../src/model/failure";
import { findCudaPackage } from "../../src/services/cudaFeed";
import { fetchCuda, isKept, keptFolder, placeCuda } from "../../src/services/cudaInstall";
import {
  cudaPackage,
  detectCuda,
  explainCuda,
  missingLibraries,
  olderThan,
  onnxRuntimePlace,
  type OnnxRuntimePlace,
} from "../../src/services/cudaSetup";

const folder = mkdtempSync(join(tmpdir(), "lens-cuda-"));
const VERSION = "1.30.0";
const contents: Readonly<Record<string, Buffer>> = {
  "libonnxruntime_providers_cuda.so": Buffer.from("cuda".repeat(50_000)),
  "libonnxruntime_providers_shared.so": Buffer.from("shared".repeat(1_000)),
};

/** A package as NuGet has it: a real archive, made by Python. */
function archive(name: string, files: Readonly<Record<string, Buffer>>, inside: string): Buffer {
  const root = join(folder, name);
  mkdirSync(join(root, inside), { recursive: true });
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(root, inside, file), bytes);
  writeFileSync(join(root, "LICENSE"), "MIT License");
  execFileSync(
    "python3",
    ["-m", "zipfile", "-c", join(folder, `${name}.zip`), "LICENSE", inside.split("/")[0]!],
    {
      cwd: root,
    },
  );
  return readFileSync(join(folder, `${name}.zip`));
}

/** What the feed does in a test: the defaults are a feed that works. */
interface Feed {
  body: Buffer;
  /** Stated in the catalogue; default: of the body. */
  bytes?: number;
  sha512?: string;
  /** Bytes after which the connection is cut. */
  cutAfter?: number;
  /** Bytes after which the server says nothing more. */
  stallAfter?: number;
  version: string;
}

let feed: Feed;
let good: Buffer;
let server: Server;
let index: string;
const requested: string[] = [];
let stalled: () => void;

beforeAll(async () => {
  good = archive("good", contents, cudaPackage.folder);
  server = createServer((request, response) => {
    const path = request.url!;
    requested.push(path);
    const base = `http://${request.headers.host}`;
    const name = `${cudaPackage.id.toLowerCase()}/${feed.version}`;
    const send = (body: unknown): void => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (path === "/v3/index.json")
      send({
        version: "3.0.0",
        resources: [
          { "@id": `${base}/flat/`, "@type": "PackageBaseAddress/3.0.0" },
          { "@id": `${base}/registration/`, "@type": "RegistrationsBaseUrl/3.6.0" },
        ],
      });
    else if (path === `/registration/${name}.json`)
      send({ catalogEntry: `${base}/catalogue.json`, packageContent: `${base}/package.nupkg`, listed: true });
    else if (path === "/catalogue.json")
      send({
        id: cudaPackage.id,
        packageHash: feed.sha512 ?? createHash("sha512").update(feed.body).digest("base64"),
        packageHashAlgorithm: "SHA512",
        packageSize: feed.bytes ?? feed.body.length,
      });
    else if (path === "/package.nupkg") {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const part = feed.cutAfter ?? feed.stallAfter;
      if (part === undefined) response.end(feed.body);
      else
        response.write(feed.body.subarray(0, part), () => {
          if (feed.cutAfter !== undefined) response.destroy();
          else stalled();
        });
    } else {
      response.writeHead(404);
      response.end();
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3/index.json`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(folder, { recursive: true, force: true });
});

let storage: string;
let runtime: OnnxRuntimePlace;
beforeEach(() => {
  feed = { body: good, version: VERSION };
  storage = mkdtempSync(join(folder, "storage-"));
  runtime = { version: VERSION, folder: mkdtempSync(join(folder, "bin-")) };
});

async function fetchAll(signal?: AbortSignal): Promise<void> {
  const found = await findCudaPackage(runtime, { index });
  await fetchCuda(storage, runtime, found, signal ? { signal } : {}, index);
}

/** What a user reads; nothing may be left in the storage or beside the binding. */
async function refusal(action: Promise<void>): Promise<{ code: string; message: string; hint: string }> {
  const failure = failureData(
    await action.then(
      () => new Error("it worked"),
      (error: unknown) => error,
    ),
  );
  expect(failure.message).toMatch(/^[^\n]+\.$/);
  expect(existsSync(join(storage, "cuda")) ? readdirSync(join(storage, "cuda")) : []).toEqual([]);
  expect(readdirSync(runtime.folder)).toEqual([]);
  return failure;
}

describe("the CUDA package", () => {
  it("is the one that onnxruntime-node's install script names", () => {
    const require = createRequire(import.meta.url);
    const metadata = require(
      join(dirname(require.resolve("onnxruntime-node/package.json")), "script", "install-metadata.js"),
    ) as {
      requirements: Record<string, string[]>;
      manifests: Record<string, Record<string, { package: string; path: string }>>;
      packages: Record<string, { name: string; versions: { feed: string; version: string }[] }>;
      feeds: Record<string, { index: string }>;
    };
    const manifest = metadata.manifests["linux/x64:cuda12"]!;
    for (const file of cudaPackage.files) {
      const entry = manifest[`./${file}`]!;
      expect(entry.path).toBe(`${cudaPackage.folder}/${file}`);
      const found = metadata.packages[entry.package]!;
      expect(found.name).toBe(cudaPackage.id);
      const place = onnxRuntimePlace(resolve("dist"));
      expect(found.versions).toEqual([{ feed: "nuget", version: place.version }]);
      expect(metadata.feeds["nuget"]!.index).toBe(cudaPackage.index);
    }
    const platforms = Object.keys(metadata.requirements).filter(
      (key) => metadata.requirements[key]!.length > 0,
    );
    expect(platforms).toEqual([`${cudaPackage.platform}/${cudaPackage.arch}`]);
  });

  it("is downloaded, checked, kept, and copied beside the binding", async () => {
    const found = await findCudaPackage(runtime, { index });
    expect(found).toEqual({
      version: VERSION,
      url: index.replace("v3/index.json", "package.nupkg"),
      bytes: good.length,
      sha512: createHash("sha512").update(good).digest("base64"),
    });
    const reports: number[] = [];
    await fetchCuda(storage, runtime, found, { report: ({ done }) => reports.push(done) }, index);
    expect(reports.at(-1)).toBe(good.length);
    expect(await isKept(storage, runtime)).toBe(true);
    expect(readdirSync(join(storage, "cuda"))).toEqual([VERSION]);
    expect(readdirSync(keptFolder(storage, runtime)).sort()).toEqual([
      "LICENSE",
      ...cudaPackage.files,
      "sha256.json",
    ]);
    await placeCuda(storage, runtime);
    expect(readdirSync(runtime.folder).sort()).toEqual([...cudaPackage.files]);
    for (const name of cudaPackage.files)
      expect(readFileSync(join(runtime.folder, name)).equals(contents[name]!)).toBe(true);

    // An update of the extension brings an empty folder: nothing is downloaded again.
    const before = requested.length;
    const updated = { ...runtime, folder: mkdtempSync(join(folder, "bin-")) };
    expect(await isKept(storage, updated)).toBe(true);
    await placeCuda(storage, updated);
    expect(readdirSync(updated.folder).sort()).toEqual([...cudaPackage.files]);
    expect(requested.length).toBe(before);
    // Another version of onnxruntime needs its own, and damaged files are not used.
    expect(await isKept(storage, { ...runtime, version: "1.31.0" })).toBe(false);
    writeFileSync(join(keptFolder(storage, runtime), cudaPackage.files[0]), "damaged");
    expect(await isKept(storage, runtime)).toBe(false);
  });
});

describe("an installation that fails", () => {
  it("offline says what to copy where", async () => {
    const closed = "http://127.0.0.1:9/v3/index.json";
    const failure = await refusal(findCudaPackage(runtime, { index: closed }).then(() => undefined));
    expect(failure.code).toBe("offline");
    expect(failure.hint).toContain(`${cudaPackage.id} ${VERSION}`);
    expect(failure.hint).toContain(runtime.folder);
    for (const name of cudaPackage.files) expect(failure.hint).toContain(name);
  });

  it("says when the feed lacks the version, or is no feed", async () => {
    feed.version = "1.0.0";
    expect((await refusal(fetchAll())).message).toMatch(/1\.30\.0\.json answered 404\.$/);
    const other = index.replace("v3/index.json", "catalogue.json");
    const failure = await refusal(findCudaPackage(runtime, { index: other }).then(() => undefined));
    expect(failure).toMatchObject({ code: "bad-feed" });
    expect(failure.message).toContain("does not answer as a NuGet feed does");
  });

  it("keeps nothing whose checksum is another", async () => {
    feed.sha512 = createHash("sha512").update("something else").digest("base64");
    const failure = await refusal(fetchAll());
    expect(failure.code).toBe("wrong-checksum");
    expect(failure.message).toContain(feed.sha512);
  });

  it("says when the download is cut off, is short, or does not end", async () => {
    feed.cutAfter = 1_000;
    expect((await refusal(fetchAll())).code).toBe("cut-download");
    delete feed.cutAfter;
    feed.bytes = good.length + 10;
    expect((await refusal(fetchAll())).message).toContain(`gave ${good.length} of ${good.length + 10} bytes`);
    feed.bytes = good.length - 10;
    expect((await refusal(fetchAll())).message).toContain(`more than ${good.length - 10} bytes`);
  });

  it("says when the package holds something else", async () => {
    feed.body = Buffer.from("this is a page of a hotel's network".repeat(100));
    expect((await refusal(fetchAll())).message).toContain("cannot be read as a ZIP archive");
    feed.body = archive("elsewhere", contents, "runtimes/linux-arm64/native");
    expect((await refusal(fetchAll())).message).toContain("no libonnxruntime_providers_cuda.so");
    feed.body = archive(
      "half",
      { [cudaPackage.files[0]]: contents[cudaPackage.files[0]]! },
      cudaPackage.folder,
    );
    const failure = await refusal(fetchAll());
    expect(failure.code).toBe("wrong-archive");
    expect(failure.message).toContain(`no ${cudaPackage.files[1]}`);
  });

  it("says when there is no space, before anything is downloaded", async () => {
    feed.bytes = Number.MAX_SAFE_INTEGER;
    const before = requested.filter((path) => path === "/package.nupkg").length;
    const failure = await refusal(fetchAll());
    expect(failure.code).toBe("no-space");
    expect(failure.message).toMatch(/has \d+ MiB left, and \d+ MiB are needed\.$/);
    expect(requested.filter((path) => path === "/package.nupkg").length).toBe(before);
  });

  it("says when a folder cannot be written, and keeps what was downloaded", async () => {
    writeFileSync(join(storage, "cuda"), "a file in the way");
    const failure = failureData(await fetchAll().catch((error: unknown) => error));
    expect(failure.code).toBe("cannot-write");
    expect(failure.message).toContain(storage);
    rmSync(join(storage, "cuda"));
    await fetchAll();
    const gone = { ...runtime, folder: join(runtime.folder, "not-there") };
    const placing = failureData(await placeCuda(storage, gone).catch((error: unknown) => error));
    expect(placing.code).toBe("cannot-write");
    expect(placing.hint).toContain(gone.folder);
    expect(await isKept(storage, runtime)).toBe(true);
  });

  it("ends when it is cancelled, in the middle of the download too", async () => {
    const controller = new AbortController();
    feed.stallAfter = 500;
    stalled = () => setTimeout(() => controller.abort(), 50);
    expect((await refusal(fetchAll(controller.signal))).code).toBe("cancelled");
    const early = AbortSignal.abort();
    expect((await refusal(fetchAll(early))).code).toBe("cancelled");
  });

  it("leaves an older installation as it is", async () => {
    await fetchAll();
    feed.cutAfter = 1_000;
    await expect(fetchAll()).rejects.toMatchObject({ code: "cut-download" });
    expect(await isKept(storage, runtime)).toBe(true);
  });
});

describe.runIf(process.platform === "linux" && process.arch === "x64")("what is on the machine", () => {
  it("is found by the loader's own rules and nvidia-smi, and said line by line", async () => {
    const programs = join(folder, "programs");
    const libraries = join(folder, "libraries");
    for (const made of [programs, libraries]) mkdirSync(made, { recursive: true });
    const tool = (lines: string): void => {
      writeFileSync(join(programs, "nvidia-smi"), `#!/bin/sh\n${lines}\n`);
      chmodSync(join(programs, "nvidia-smi"), 0o755);
    };
    const env = { PATH: `${programs}:/usr/bin:/bin`, LD_LIBRARY_PATH: libraries };

    tool("echo 'NVIDIA-SMI has failed' >&2; exit 9");
    const bare = await detectCuda(resolve("dist"), env);
    expect(bare.gpus).toEqual([]);
    expect(explainCuda(bare)[0]).toContain("nvidia-smi lists none");

    tool("echo 'NVIDIA H100 80GB HBM3, 550.54.15'; echo 'Tesla T4, 470.82.01'");
    for (const file of [
      "libcuda.so.1",
      "libcudart.so.12",
      "libcublas.so.12",
      "libcufft.so.11",
      "libcudnn.so.9",
    ])
      writeFileSync(join(libraries, file), "");
    const full = await detectCuda(resolve("dist"), env);
    expect(full.gpus).toEqual([
      { name: "NVIDIA H100 80GB HBM3", driver: "550.54.15" },
      { name: "Tesla T4", driver: "470.82.01" },
    ]);
    expect(full.driverLibrary).toBe(join(libraries, "libcuda.so.1"));
    expect(full.libraries.every((library) => library.path?.startsWith(libraries))).toBe(true);
    const lines = explainCuda(full).join("\n");
    expect(lines).toContain("The driver 470.82.01 is older than 525.60.13");
    expect(lines).toContain("CUDA 12 and cuDNN 9: found.");

    rmSync(join(libraries, "libcudnn.so.9"));
    const without = await detectCuda(resolve("dist"), env);
    if (without.libraries.find((library) => library.file === "libcudnn.so.9")!.path === undefined)
      expect(explainCuda(without).join("\n")).toContain("libcudnn.so.9 (cuDNN 9)");
  });

  it("compares versions by their numbers", () => {
    expect(olderThan("525.9.0", "525.60.13")).toBe(true);
    expect(olderThan("525.60.13", "525.60.13")).toBe(false);
    expect(olderThan("1000.1", "525.60.13")).toBe(false);
    expect(olderThan("525", "525.60.13")).toBe(true);
  });

  it("names the libraries that a provider needs and the loader does not find", async () => {
    const { folder: native } = onnxRuntimePlace(resolve("dist"));
    const binding = "onnxruntime_binding.node";
    expect(await missingLibraries(join(native, binding))).toEqual([]);
    // Away from its folder the binding does not find the runtime.
    copyFileSync(join(native, binding), join(folder, binding));
    expect(await missingLibraries(join(folder, binding))).toEqual(["libonnxruntime.so.1"]);
  });
});
