// A NuGet feed on loopback that holds the package of the CUDA provider, with small libraries in it, and that can do
// what goes wrong with feeds.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const inside = "runtimes/linux-x64/native";
const id = "microsoft.ml.onnxruntime.gpu.linux";

/** What the provider's files hold here. */
export const libraries = {
  "libonnxruntime_providers_cuda.so": Buffer.from(
    "not a library, but as many bytes as a small one ".repeat(40_000),
  ),
  "libonnxruntime_providers_shared.so": Buffer.from("neither is this ".repeat(1000)),
};

/** The package: a real archive, made by Python. */
function makePackage(folder) {
  mkdirSync(join(folder, inside), { recursive: true });
  for (const [name, bytes] of Object.entries(libraries)) writeFileSync(join(folder, inside, name), bytes);
  writeFileSync(join(folder, "LICENSE"), "MIT License");
  execFileSync("python3", ["-m", "zipfile", "-c", "package.nupkg", "LICENSE", "runtimes"], { cwd: folder });
  return readFileSync(join(folder, "package.nupkg"));
}

/**
 * @param folder for the archive
 * @returns { index, requests, behave, stop }; behave({ wrongChecksum, slow }) changes what the next requests meet
 */
export async function startFeed(folder) {
  const body = makePackage(folder);
  const requests = [];
  let behaviour = {};
  const server = createServer((request, response) => {
    const path = request.url;
    const base = `http://${request.headers.host}`;
    requests.push(path);
    const send = (value) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    if (path === "/v3/index.json")
      send({
        version: "3.0.0",
        resources: [{ "@id": `${base}/registration/`, "@type": "RegistrationsBaseUrl/3.6.0" }],
      });
    else if (path.startsWith(`/registration/${id}/`))
      send({ catalogEntry: `${base}/catalogue.json`, packageContent: `${base}/package.nupkg` });
    else if (path === "/catalogue.json") {
      const named = behaviour.wrongChecksum ? Buffer.from("another package") : body;
      send({
        packageHash: createHash("sha512").update(named).digest("base64"),
        packageHashAlgorithm: "SHA512",
        packageSize: body.length,
      });
    } else if (path === "/package.nupkg") {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      if (!behaviour.slow) response.end(body);
      // The rest never comes.
      else response.write(body.subarray(0, 1000));
    } else response.writeHead(404).end();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    index: `http://127.0.0.1:${server.address().port}/v3/index.json`,
    bytes: body.length,
    requests,
    behave: (next) => {
      behaviour = next;
      requests.length = 0;
    },
    stop: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
