// "Set Up CUDA Provider" as a person uses it, in the packaged extension, against a feed on loopback: nothing is asked
// before consent, nothing is kept that is not what the feed's catalogue names.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { libraries, startFeed } from "./cudaFeed.mjs";
import { openSession } from "./session.mjs";

const e2e = inject("e2e");
const binding = join(
  e2e.installed,
  "dist/node_modules/onnxruntime-node/bin/napi-v6",
  process.platform,
  process.arch,
);
const names = Object.keys(libraries);
const supported = process.platform === "linux" && process.arch === "x64";

describe.runIf(supported)("setting up the CUDA provider", () => {
  let session;
  let feed;
  let before;

  const placed = () => names.filter((name) => existsSync(join(binding, name)));
  const kept = () => {
    const folder = readdirSync(e2e.folder, { recursive: true }).find((path) =>
      /globalStorage[/\\][^/\\]*trajectory-lens[/\\]cuda$/.test(path),
    );
    return folder === undefined ? [] : readdirSync(join(e2e.folder, folder));
  };
  /** Runs the command and answers the first question. */
  const begin = async (button, wanted = /Set up the CUDA provider/) => {
    await session.workbench.command("Trajectory Lens: Set Up CUDA Provider");
    const asked = await session.workbench.dialog(wanted);
    if (button) await session.workbench.press(button);
    return asked;
  };
  const useFeed = async (index) => {
    const settings = JSON.parse(readFileSync(e2e.settingsFile, "utf8"));
    writeFileSync(
      e2e.settingsFile,
      `${JSON.stringify({ ...settings, "trajectoryLens.cuda.feed": index }, null, 2)}\n`,
    );
    // The workbench reads its settings in its own time; the dialog names the feed's host.
    const host = new URL(index).host;
    await session.workbench.until(`the feed ${host} to be in use`, async () => {
      const { text } = await begin();
      await session.workbench.press("Cancel");
      return text.includes(host);
    });
  };

  beforeAll(async () => {
    before = readFileSync(e2e.settingsFile, "utf8");
    feed = await startFeed(mkdtempSync(join(e2e.folder, "feed-")));
    session = await openSession("cuda");
    await useFeed(feed.index);
  });
  afterAll(async () => {
    for (const name of placed()) rmSync(join(binding, name));
    writeFileSync(e2e.settingsFile, before);
    await session?.close();
    await feed?.stop();
  });
  beforeEach(() => feed.behave({}));
  afterEach(async () => {
    await session.workbench.clearNotifications();
  });

  it("explains what CUDA needs and what is missing; declined, nothing is asked of the feed", async () => {
    const { text, buttons } = await begin("Cancel");
    expect(text).toMatch(/GPU: /);
    expect(text).toMatch(/CUDA 12 and cuDNN 9/);
    expect(text).toContain("libonnxruntime_providers_cuda.so and libonnxruntime_providers_shared.so not in");
    expect(text).toMatch(/Microsoft\.ML\.OnnxRuntime\.Gpu\.Linux [\d.]+ \(MIT License, Microsoft\)/);
    expect(buttons).toEqual(expect.arrayContaining(["Look Up the Download", "Copy Path", "Cancel"]));
    expect(feed.requests).toEqual([]);
  });

  it("offline, says what to copy where, and copies the place", async () => {
    await begin("Copy Path");
    const said = await session.workbench.notification(/Get Microsoft\.ML\.OnnxRuntime\.Gpu\.Linux/);
    expect(said).toContain(
      `copy libonnxruntime_providers_cuda.so and libonnxruntime_providers_shared.so from its folder runtimes/linux-x64/native to ${binding}`,
    );
    expect(await session.page.evaluate(() => navigator.clipboard.readText())).toBe(binding);
    // A port on which nobody listens.
    await useFeed("http://127.0.0.1:9/v3/index.json");
    await begin("Look Up the Download");
    const refused = await session.workbench.notification(/cannot be reached/);
    expect(refused).toContain(binding);
    expect(placed()).toEqual([]);
    await useFeed(feed.index);
  });

  it("shows size and checksum; declined then, nothing is downloaded", async () => {
    await begin("Look Up the Download");
    const { text } = await session.workbench.dialog(/Download \d+ MiB from 127\.0\.0\.1/);
    expect(text).toMatch(/SHA-512 of the feed's catalogue \([\w+/=]{88}\)/);
    await session.workbench.screenshot("second question");
    await session.workbench.press("Cancel");
    expect(feed.requests.filter((path) => path.endsWith(".nupkg"))).toEqual([]);
    expect([placed(), kept()]).toEqual([[], []]);
  });

  it("throws away a package with another checksum", async () => {
    feed.behave({ wrongChecksum: true });
    await begin("Look Up the Download");
    await session.workbench.dialog(/Download \d+ MiB/);
    await session.workbench.press("Download and Install");
    const said = await session.workbench.notification(/SHA-512/);
    expect(said).toMatch(/has the SHA-512 .* and the feed says .*: it was thrown away/);
    expect(said).not.toMatch(/\bat .*:\d+:\d+/);
    expect([placed(), kept()]).toEqual([[], []]);
  });

  it("can be cancelled in the middle of the download, and leaves nothing behind", async () => {
    feed.behave({ slow: true });
    await begin("Look Up the Download");
    await session.workbench.dialog(/Download \d+ MiB/);
    await session.workbench.press("Download and Install");
    await session.workbench.until("the download to begin", async () =>
      feed.requests.includes("/package.nupkg"),
    );
    await session.workbench.cancelProgress(/Downloading the CUDA provider/);
    await session.workbench.until("nothing to be left", async () => kept().length === 0);
    expect(placed()).toEqual([]);
    expect((await session.workbench.notifications()).filter((text) => /cancel|fail/i.test(text))).toEqual([]);
  });

  it("downloads, checks and installs after both consents, byte for byte", async () => {
    await begin("Look Up the Download");
    await session.workbench.dialog(/Download \d+ MiB/);
    await session.workbench.press("Download and Install");
    const said = await session.workbench.notification(/The CUDA provider is in place/);
    expect(said).toMatch(/Reload the window|does not find/);
    for (const name of names) expect(readFileSync(join(binding, name)).equals(libraries[name])).toBe(true);
    expect(kept()).toHaveLength(1);
  });

  it("after an update of the extension copies the kept files again, without a download", async () => {
    for (const name of names) rmSync(join(binding, name));
    const { text } = await begin("Copy into Place");
    expect(text).toMatch(/were downloaded before and are still whole/);
    await session.workbench.notification(/The CUDA provider is in place/);
    for (const name of names) expect(readFileSync(join(binding, name)).equals(libraries[name])).toBe(true);
    expect(feed.requests).toEqual([]);
  });
});
