import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { eventually, StoreClient } from "./storeClient";

const clients: StoreClient[] = [];
const folder = (): string => mkdtempSync(join(tmpdir(), "lens-companions-"));

async function open(index?: string): Promise<StoreClient> {
  const client = await StoreClient.start(index);
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

/** A trial as Harbor lays it out, of which the trajectory is written before the verifier has run. */
function trial(job: string, name: string): { readonly root: string; writeResult(reward: number): void } {
  const root = join(job, name);
  mkdirSync(join(root, "agent"), { recursive: true });
  writeFileSync(
    join(root, "agent", "trajectory.json"),
    JSON.stringify({
      schema_version: "ATIF-v1.4",
      session_id: name,
      agent: { name: "a", version: "1" },
      steps: [
        { step_id: 1, source: "user", message: "do it" },
        { step_id: 2, source: "agent", message: "done" },
      ],
    }),
  );
  return {
    root,
    writeResult: (reward) =>
      writeFileSync(
        join(root, "result.json"),
        JSON.stringify({ trial_name: name, verifier_result: { rewards: { reward } } }),
      ),
  };
}

async function rewards(client: StoreClient): Promise<unknown[]> {
  const { rows } = await client.call("query", {
    sql: "SELECT reward FROM trajectories ORDER BY path",
    limit: 1000,
  });
  return rows.map(([value]) => value);
}

describe("files that are written beside a trajectory later", () => {
  it("give a followed trajectory its outcome, change it and take it away", async () => {
    const job = folder();
    const one = trial(job, "task__aaaaaaa");
    const other = trial(job, "task__bbbbbbb");
    other.writeResult(0.25);
    const client = await open();
    await client.call("index", { paths: [job], watch: true });
    expect(await rewards(client)).toEqual([null, 0.25]);
    one.writeResult(1);
    await eventually(
      () => rewards(client),
      (found) => found[0] === 1,
      10_000,
    );
    one.writeResult(0.125);
    await eventually(
      () => rewards(client),
      (found) => found[0] === 0.125,
      10_000,
    );
    rmSync(join(one.root, "result.json"));
    await eventually(
      () => rewards(client),
      (found) => found[0] === null,
      10_000,
    );
    expect(await rewards(client)).toEqual([null, 0.25]);
  });

  it("count when the index is refreshed, also after it was closed", async () => {
    const job = folder();
    const index = mkdtempSync(join(tmpdir(), "lens-index-"));
    const one = trial(job, "task__aaaaaaa");
    const first = await open(index);
    await first.call("index", { paths: [job], watch: false });
    expect(await rewards(first)).toEqual([null]);
    one.writeResult(1);
    await first.call("index", { paths: [job], watch: false });
    expect(await rewards(first)).toEqual([1]);
    await first.stop();
    one.writeResult(0.5);
    const second = await open(index);
    await second.call("index", { paths: [job], watch: false });
    expect(await rewards(second)).toEqual([0.5]);
  });

  it("are followed beside a single file, and lines that grow meanwhile are kept", async () => {
    const data = folder();
    const row = (step: number): string =>
      `${JSON.stringify({ step_num: step, action_timestamp: `2026010${step}@000000`, action: "pyautogui.click(1, 2)", screenshot_file: `step_${step}.png`, reward: 0, done: false })}\n`;
    const file = join(data, "traj.jsonl");
    writeFileSync(file, row(1) + row(2));
    const client = await open();
    await client.call("index", { paths: [file], watch: true });
    const steps = async (): Promise<unknown> =>
      (await client.call("query", { sql: "SELECT reward, step_count FROM trajectories" })).rows[0]?.join();
    const before = await steps();
    appendFileSync(file, row(3));
    writeFileSync(join(data, "result.txt"), "1.0\n");
    await eventually(steps, (found) => found === "1,3", 10_000);
    expect(before).not.toBe("1,3");
    expect((await client.call("query", { sql: "SELECT count(*) FROM trajectories" })).rows[0]?.[0]).toBe(1);
  });

  it("make data of a file that no format took alone", async () => {
    const data = folder();
    const npy = (shape: string, values: readonly number[]): Buffer => {
      const head = `{'descr': '<f8', 'fortran_order': False, 'shape': ${shape}, }`;
      const padded = head.padEnd(64 * Math.ceil((head.length + 11) / 64) - 11, " ") + "\n";
      const start = Buffer.from([
        0x93,
        0x4e,
        0x55,
        0x4d,
        0x50,
        0x59,
        1,
        0,
        padded.length & 255,
        padded.length >> 8,
      ]);
      return Buffer.concat([start, Buffer.from(padded), Buffer.from(Float64Array.from(values).buffer)]);
    };
    writeFileSync(join(data, "demo_observations.npy"), npy("(3, 2)", [1, 2, 3, 4, 5, 6]));
    const client = await open();
    await client.call("index", { paths: [data], watch: true });
    expect(await rewards(client)).toEqual([]);
    writeFileSync(join(data, "demo_actions.npy"), npy("(3, 1)", [0, 1, 0]));
    await eventually(
      async () => (await rewards(client)).length,
      (count) => count === 1,
      15_000,
    );
  });
});
