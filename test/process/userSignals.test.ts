import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { UserSignals } from "../../src/services/userSignals/userSignals";
import type { SignalContext } from "../../src/signals/signal";
import { episode, outcomeGroup } from "../unit/signals/worlds";

const folder = mkdtempSync(join(tmpdir(), "lens-signals-"));
const opened: UserSignals[] = [];

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function open(files: readonly string[] | undefined, userSignalMs = 2_000): UserSignals {
  const signals = new UserSignals({
    storageFolder: folder,
    distFolder: resolve("dist"),
    userSignalFiles: () => Promise.resolve(files),
    userSignalMs,
  });
  opened.push(signals);
  return signals;
}

const context: SignalContext = { trajectory: episode("e", [1, 2, 3]) };

afterEach(async () => {
  await Promise.all(opened.splice(0).map((signals) => signals.dispose()));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("user-defined signals", () => {
  it("are TypeScript or JavaScript, import files beside them, and give numbers", async () => {
    file("shared.ts", "export const double = (x: number): number => 2 * x;\n");
    const typed = file(
      "typed.ts",
      `import { double } from "./shared";
interface Step { readonly reward?: number | null }
export const doubled = {
  id: "doubled", title: "Doubled reward", unit: "reward",
  parameters: [{ name: "times", type: "number" as const, default: 1, description: "" }],
  compute: ({ trajectory }: { trajectory: { steps: readonly Step[] } }, { times }: { times: number }) =>
    trajectory.steps.map((step) => step.reward == null ? undefined : double(step.reward) * times),
};
`,
    );
    const module = file(
      "module.js",
      "export default { id: 'count', level: 'trajectory', compute: ({ trajectory }) => trajectory.steps.length };\n",
    );
    const common = file(
      "common.js",
      "module.exports = { id: 'seven', level: 'trajectory', compute: () => 7 };\n",
    );
    const signals = open([typed, module, common]);
    const { signals: found, problems } = await signals.list();
    expect(problems).toEqual([]);
    expect(found.map(({ id, title, family }) => [id, title, family])).toEqual([
      ["user-doubled", "Doubled reward", "user"],
      ["user-count", "count", "user"],
      ["user-seven", "seven", "user"],
    ]);
    const result = await signals.compute("user-doubled", context, { times: 10 });
    expect(result).toMatchObject({ level: "step", values: Float64Array.of(NaN, 20, 40, 60) });
    expect(await signals.compute("user-count", context, {})).toMatchObject({ values: Float64Array.of(4) });
    expect(await signals.compute("user-seven", context, {})).toMatchObject({ values: Float64Array.of(7) });
  });

  it("run the example of the example workspace", async () => {
    const signals = open([resolve("examples/workspace/.trajectory-lens/signals/answer-length.ts")]);
    const signal = await signals.find("user-longer-than-group");
    expect(signal.needs).toEqual(["group"]);
    const [member] = outcomeGroup([1, 0]);
    expect(await signals.compute(signal.id, member!, { relative: false })).toMatchObject({
      level: "trajectory",
      values: Float64Array.of(0),
      notes: ["Mean of the group: 1 steps."],
    });
  });

  it("do not run where the workspace is not trusted", async () => {
    const marker = join(folder, "ran");
    file(
      "marker.mjs",
      `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(marker)}, "");\nexport const s = { id: "s", compute: () => [] };\n`,
    );
    const signals = open(undefined);
    expect(await signals.list()).toEqual({ signals: [], problems: [] });
    await expect(signals.find("user-s")).rejects.toMatchObject({ code: "untrusted" });
    expect(await signals.compute("user-s", context, {})).toMatchObject({ missing: [] });
    const { existsSync } = await import("node:fs");
    expect(existsSync(marker)).toBe(false);
  });

  it("are stopped when they take too long, and the others go on", async () => {
    const slow = file("slow.mjs", "export const s = { id: 'slow', compute: () => { for (;;); } };\n");
    const good = file(
      "good.mjs",
      "export const s = { id: 'good', compute: ({ trajectory }) => trajectory.steps.map((_, i) => i) };\n",
    );
    const signals = open([slow, good], 500);
    await signals.list();
    expect(await signals.compute("user-slow", context, {})).toEqual({
      missing: [],
      how: "user-slow did not give a result within 0.5 s and was stopped.",
    });
    expect(await signals.compute("user-good", context, {})).toMatchObject({
      values: Float64Array.of(0, 1, 2, 3),
    });
  });

  it("name what is wrong in one sentence with file and line", async () => {
    const broken = file("broken.ts", "export const s = { id: 'b', compute: ( => 3 };\n");
    const absent = file("absent.mjs", "import './nowhere.mjs';\nexport const s = {};\n");
    const empty = file("empty.mjs", "export const answer = 42;\n");
    const named = file("named.mjs", "export const s = { id: 'Not A Name', compute: () => [] };\n");
    const thrower = file(
      "thrower.ts",
      "interface A { x: number }\nexport const s = { id: 'thrower',\n  compute(): number[] {\n    throw new TypeError('no reward here');\n  } };\n",
    );
    const texts = file(
      "texts.mjs",
      "export const s = { id: 'texts', compute: ({ trajectory }) => trajectory.steps.map(() => 'high') };\n",
    );
    const short = file("short.mjs", "export const s = { id: 'short', compute: () => [1, 2] };\n");
    const signals = open([broken, absent, empty, named, thrower, texts, short]);
    const { signals: found, problems } = await signals.list();
    expect(found.map(({ id }) => id)).toEqual(["user-thrower", "user-texts", "user-short"]);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^The file cannot be imported \(broken\.ts.*\): .*\.$/u),
      expect.stringMatching(/^The file cannot be imported \(absent\.mjs.*nowhere\.mjs.*\.$/u),
      "empty.mjs exports no signal: an object with id and compute(context, parameters).",
      "A signal cannot be used (named.mjs): its field id is not as a signal has it: must be lower-case words joined by -.",
    ]);
    const how = async (id: string): Promise<unknown> => {
      const result = await signals.compute(id, context, {});
      return "missing" in result ? result.how : result;
    };
    expect(await how("user-thrower")).toBe(
      "user-thrower failed (thrower.ts, line 4): TypeError: no reward here.",
    );
    expect(await how("user-texts")).toBe(
      "user-texts failed (texts.mjs): one of its values is text, not a number.",
    );
    expect(await how("user-short")).toBe("user-short gave 2 numbers where a step signal has 4 here.");
  });

  it("are read again when they change", async () => {
    const path = file(
      "changing.mjs",
      "export const s = { id: 'c', level: 'trajectory', compute: () => 1 };\n",
    );
    const signals = open([path]);
    await signals.list();
    expect(await signals.compute("user-c", context, {})).toMatchObject({ values: Float64Array.of(1) });
    file("changing.mjs", "export const s = { id: 'c', level: 'trajectory', compute: () => 2 };\n");
    utimesSync(path, new Date(), new Date(Date.now() + 5_000));
    expect(await signals.compute("user-c", context, {})).toMatchObject({ values: Float64Array.of(2) });
  });
});
