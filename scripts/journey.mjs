// The whole path, as one person walks it: the demo and the end-to-end tests run these steps in this order. Every
// step looks for what must be on the screen and fails with a sentence when it is not there.
import { FinalError, readable, ScreenError } from "./workbench.mjs";

/** Thrown by a step that cannot be taken on this machine. */
export class SkippedStep extends Error {}

/**
 * Runs the steps in order; a failed step does not stop the next one.
 * @param context { workbench, workspace, environment, remembered } handed to every step
 * @returns [{ name, ok, skipped, ms, screenshot, message }]
 */
export async function walk(steps, context, log = () => {}) {
  const taken = [];
  for (const step of steps) taken.push(await takeStep(step, context, log));
  return taken;
}

/** Takes one step and says how it went. */
export async function takeStep(step, context, log = () => {}) {
  const started = Date.now();
  let ok = false;
  let skipped = false;
  let message;
  try {
    message = await step.run(context);
    ok = true;
  } catch (error) {
    skipped = error instanceof SkippedStep;
    message = error instanceof ScreenError || skipped ? error.message : String(error.stack ?? error);
  }
  const ms = Date.now() - started;
  const screenshot = await context.workbench.screenshot(step.name).catch(() => undefined);
  log(`${ok ? "ok  " : skipped ? "skip" : "FAIL"} ${step.name} (${(ms / 1000).toFixed(1)} s)${message ? `: ${message}` : ""}`);
  return { name: step.name, ok, skipped, ms, screenshot, message: message ?? "" };
}

const LENS = "Trajectory Lens";
/** A number as the views write it; a typographic minus counts. */
const NUMBER = /[-+\u2212]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?/;
const parseNumber = (text) => Number(text.replaceAll(",", "").replace("\u2212", "-"));

/** Opens the Trajectories view and waits until something is indexed. */
export async function openLens({ workbench }) {
  await workbench.openActivity(LENS);
  await workbench.sideBarRow(/verl|minari|prime-rl|trl|spo/i, { level: 1, timeoutMs: 60_000 });
  await workbench.steadySideBar();
}

/** The webview of the trajectory editor on the screen, once it shows a trajectory. */
export async function trajectoryFrame(workbench) {
  return await workbench.webview("with a trajectory", async (frame) => (await frame.locator(".header .outcome").count()) > 0 && (await frame.locator(".step-row").count()) > 0);
}

/** Rows of the side bar below `parent`, one level deeper. */
async function childrenOf(workbench, parent) {
  const rows = await workbench.sideBarRows();
  const at = rows.findIndex((entry) => entry.label === parent.label && entry.level === parent.level);
  const below = [];
  for (const entry of rows.slice(at + 1)) {
    if (entry.level <= parent.level) break;
    if (entry.level === parent.level + 1) below.push(entry);
  }
  return below;
}

/**
 * Expands dataset, training step and group until trajectories are drawn.
 * @returns rows of the members of a group with contrast, in order, and the texts of the rows above them
 */
async function showGroup(workbench) {
  await workbench.collapseSideBar();
  const dataset = await workbench.expand(/verl/i, { level: 1 });
  const steps = await childrenOf(workbench, dataset);
  // The newest step comes first.
  const step = steps.filter((entry) => /^step \d+/.test(entry.text)).at(0) ?? steps.at(0);
  await workbench.expand(step.text, { level: step.level });
  const groups = await workbench.until("a group whose rollouts differ", async () => {
    const found = (await childrenOf(workbench, step)).filter((entry) => /std [\d.]+ \(n-1\)/.test(entry.text) && !/std 0\.00 /.test(entry.text));
    return found.length > 0 ? found : undefined;
  });
  const group = groups[0];
  await workbench.expand(group.text, { level: group.level });
  const members = await workbench.until("the rollouts of the group", async () => {
    const found = (await childrenOf(workbench, group)).filter((entry) => /^#\d+/.test(entry.text));
    return found.length > 1 ? found : undefined;
  });
  return { dataset, step, group, members };
}

/** Opens a trajectory of a group with contrast from the view. @returns its frame and where it was found */
export async function openTrajectory({ workbench }) {
  const place = await showGroup(workbench);
  // A rollout that failed: its advantage has something to explain.
  const member = place.members.find((entry) => /fail/.test(entry.text)) ?? place.members[0];
  await member.row.click();
  return { frame: await trajectoryFrame(workbench), member, ...place };
}

/** Group advantages after GRPO with sample standard deviation and eps 1e-6, computed here from the rewards alone. */
export function grpoAdvantages(rewards) {
  const mean = rewards.reduce((total, reward) => total + reward, 0) / rewards.length;
  const variance = rewards.reduce((total, reward) => total + (reward - mean) ** 2, 0) / (rewards.length - 1);
  return rewards.map((reward) => (reward - mean) / (Math.sqrt(variance) + 1e-6));
}

/** What the side bar or a chip says of one number, for example "fail 0.125" -> 0.125. */
const numberAfter = (text, word) => {
  const found = text.match(new RegExp(`${word}\\s+(${NUMBER.source})`));
  return found ? parseNumber(found[1]) : undefined;
};

/** Full precision of the number at the top of the explain panel. */
async function explainedValue(frame) {
  const title = await frame.locator(".explain .explain-value").first().getAttribute("title");
  return parseNumber((title ?? "").match(NUMBER)?.[0] ?? "NaN");
}

/** Steps of the path; `run` returns what was seen, in a few words, or throws. */
export const journey = [
  {
    name: "The view lists the runs of the workspace",
    async run(context) {
      const { workbench } = context;
      await openLens(context);
      await workbench.until("reasoning rollouts and control episodes in the view", async () => {
        const top = (await workbench.sideBarRows()).filter((entry) => entry.level === 1);
        return top.some((entry) => /verl/i.test(entry.text)) && top.some((entry) => /minari/i.test(entry.text)) ? top : undefined;
      }, 90_000);
      const rows = (await workbench.steadySideBar()).filter((entry) => entry.level === 1);
      const datasets = rows.filter((entry) => entry.view !== "Models");
      const models = rows.filter((entry) => entry.view === "Models");
      expectScreen(models.some((entry) => /process reward/.test(entry.text)), `a process reward model in the Models view, but it lists ${models.map((entry) => entry.text).join(" | ") || "nothing"}`);
      for (const { text } of datasets) expectScreen(/\d/.test(text), `numbers beside the dataset, but it says "${text}"`);
      return datasets.map((entry) => entry.text).join(" | ");
    },
  },
  {
    name: "Open a run",
    async run({ workbench }) {
      const dataset = await workbench.sideBarRow(/verl/i, { level: 1 });
      await workbench.contextMenu(dataset.row, "Open as Trajectories");
      const frame = await workbench.webview("with a table of rows", async (candidate) => (await candidate.locator('[role="grid"] [role="row"], [role="listbox"] [role="option"]').count()) > 5);
      const total = await workbench.until("the count of trajectories", async () => (await workbench.textOf(frame)).match(/[\d,]+ (trajectories|rows)/)?.[0]);
      const rewards = (await workbench.textOf(frame)).match(/\d\.\d+/g) ?? [];
      expectScreen(rewards.length > 5, `rewards in the table, but it says: ${(await workbench.textOf(frame)).slice(0, 300)}`);
      return total;
    },
  },
  {
    name: "Open a trajectory",
    async run(context) {
      const { workbench, remembered } = context;
      const opened = await openTrajectory(context);
      const text = await workbench.textOf(opened.frame);
      const reward = numberAfter(text, "(?:pass|fail|reward)");
      expectScreen(reward !== undefined, `a reward in the header, but it says: ${text.slice(0, 300)}`);
      const inView = numberAfter(opened.member.text, "(?:pass|fail)");
      expectScreen(inView === reward, `the reward of the view (${inView}) in the editor, not ${reward}`);
      const steps = await opened.frame.locator(".step-row").count();
      expectScreen(steps >= 2, `steps in the list, not ${steps}`);
      remembered.member = opened.member.text;
      remembered.group = opened.group.text;
      remembered.step = opened.step.text;
      return `${opened.step.text} | ${opened.group.text} | ${opened.member.text}, ${steps} steps drawn`;
    },
  },
  {
    name: "Explain the advantage",
    async run({ workbench }) {
      const frame = await trajectoryFrame(workbench);
      await frame.locator(".fact-advantage").first().click();
      await workbench.until("a formula with numbers in the explain panel", async () => (await frame.locator(".explain .explain-line").count()) > 0 && Number.isFinite(await explainedValue(frame)));
      const shown = await explainedValue(frame);
      // The same number from the rewards of the strip's members, computed here.
      const titles = await frame.locator(".group-strip .member").evaluateAll((chips) => chips.map((chip) => ({ title: chip.title, self: chip.getAttribute("aria-current") === "true" })));
      const rewards = titles.map(({ title }) => parseNumber(title.match(new RegExp(`reward (${NUMBER.source})`))?.[1] ?? "NaN"));
      const expected = grpoAdvantages(rewards)[titles.findIndex((entry) => entry.self)];
      expectScreen(Math.abs(shown - expected) <= 1e-6 * Math.max(1, Math.abs(expected)), `the advantage ${expected} from the rewards ${rewards.join(" ")}, not ${shown}`);
      const convention = await frame.locator(".explain .explain-convention").innerText();
      return `${shown} = GRPO of rewards ${rewards.join(" ")} (${convention})`;
    },
  },
  {
    name: "Score Trajectory",
    timeoutMs: 240_000,
    async run({ workbench, remembered }) {
      const member = await workbench.sideBarRow(remembered.member ?? /^#\d+/);
      await workbench.contextMenu(member.row, "Score Trajectory");
      await workbench.page.waitForTimeout(1000);
      if (await workbench.picking()) await workbench.pick(/prm/i);
      const said = await workbench.notification(/ on (cpu|webgpu|cuda|dml|coreml)/i, 120_000);
      expectScreen(/\d/.test(said), `tokens and seconds in the notification, which says: ${said}`);
      const frame = await trajectoryFrame(workbench);
      const track = await workbench.until("a track of model scores", async () => {
        for (const row of await frame.locator(".track").all()) {
          const text = (await row.innerText()).replace(/\s+/g, " ");
          if (/prm/i.test(text) && (await row.locator("canvas").count()) > 0) return text;
        }
        return undefined;
      });
      await workbench.clearNotifications();
      return `${said} Track: ${track}`;
    },
  },
  {
    name: "The status bar shows model and provider",
    async run({ workbench }) {
      const text = await workbench.until("model and provider in the status bar", async () => {
        const bar = await workbench.statusBar();
        return /(cpu|webgpu|cuda|dml|coreml)/i.test(bar) ? bar : undefined;
      });
      return text;
    },
  },
  {
    name: "Hover a reward in the rollout text",
    async run({ workbench, remembered }) {
      const step = (remembered.step ?? "step 1").match(/step (\d+)/)[1];
      await workbench.openFile(`rollouts/${step}.jsonl`);
      const said = await workbench.hoverText({ line: 1, wanted: /reward/i });
      for (const part of ["reward", "group", "advantage", "rank"]) expectScreen(new RegExp(`${part}\\s+${NUMBER.source}`, "i").test(said), `"${part}" with a number in the hover, which says: ${said}`);
      return said.slice(0, 200);
    },
  },
  {
    name: "Hover the reward function",
    async run({ workbench }) {
      await workbench.openFile("reasoning/rewards.py");
      const line = await lineOf(workbench, "def compute_score");
      const lens = await workbench.until("a code lens with a mean reward", async () => (await workbench.codeLenses()).find((text) => /mean reward/.test(text) && NUMBER.test(text)));
      const said = await workbench.hoverText({ line, text: "compute_score", wanted: /mean/i });
      expectScreen(/contrast/i.test(said), `the share of groups without contrast in the hover, which says: ${said}`);
      return `${lens} || ${said.slice(0, 200)}`;
    },
  },
  {
    name: "Go from the number to the code",
    async run(context) {
      const { workbench } = context;
      const { frame } = await openTrajectory(context);
      await frame.locator(".fact-advantage").first().click();
      const link = frame.locator('.explain [title^="Open the trainer"]').first();
      await workbench.until("a link to the trainer's code in the explain panel", async () => await link.isVisible());
      await link.click();
      await workbench.until("the trainer's advantage function in a text editor", async () => (await workbench.tabs()).includes("advantages.py"));
      return "advantages.py";
    },
  },
  {
    name: "Open the branching tree",
    async run({ workbench }) {
      await workbench.closeAllEditors();
      await workbench.collapseSideBar();
      const dataset = await workbench.expand(/spo/i, { level: 1 });
      const group = await workbench.until("a tree in the view", async () => {
        for (const entry of await childrenOf(workbench, dataset)) {
          if (!/^(no training step|step \d+)/.test(entry.text)) return entry;
          await workbench.expand(entry.text, { level: entry.level });
          const [first] = await childrenOf(workbench, entry);
          if (first) return first;
        }
        return undefined;
      });
      await workbench.contextMenu(group.row, "Open Branching Tree");
      const frame = await workbench.webview("with a tree", async (candidate) => (await candidate.locator("canvas").count()) > 0 && /\d+ nodes/.test(await candidate.locator("body").innerText()));
      const nodes = (await workbench.textOf(frame)).match(/([\d,]+) nodes/)[0];
      expectScreen(parseNumber(nodes.split(" ")[0]) > 10, `more than ten nodes, not ${nodes}`);
      return nodes;
    },
  },
  {
    name: "Run a training task; its rollouts arrive live",
    timeoutMs: 660_000,
    async run({ workbench, environment }) {
      if (!environment.python) throw new SkippedStep(environment.reason);
      await workbench.closeAllEditors();
      await workbench.collapseSideBar();
      const before = (await topLevel(workbench)).map((entry) => entry.text);
      await workbench.runTask("trajectoryLens", /control: train_ppo\.py --smoke/);
      const arrived = await workbench.until("a new dataset in the view while the task runs", async () => {
        await failWhenEnded(workbench);
        // Runs of one name are told apart by their folders as soon as there are two.
        return (await topLevel(workbench)).find((entry) => /run-\d{8}.*minari/i.test(entry.text) && !before.includes(entry.text));
      }, 300_000);
      await workbench.contextMenu(arrived.row, "Open as Trajectories");
      const frame = await workbench.webview("with the table of the new run", async (candidate) => /[\d,]+ (trajectories|episodes)/.test(await candidate.locator("body").innerText()));
      const trajectories = async () => parseNumber((await workbench.textOf(frame)).match(/([\d,]+) (trajectories|episodes)/)?.[1] ?? "NaN");
      const first = await trajectories();
      const later = await workbench.until(`more than ${first} trajectories in the open table`, async () => {
        await failWhenEnded(workbench);
        const now = await trajectories();
        return now > first ? now : undefined;
      }, 300_000);
      return `${arrived.text}; ${first} trajectories when it was opened, ${later} a moment later`;
    },
  },
];

/** @throws ScreenError "Expected ..." unless it holds */
function expectScreen(holds, what) {
  if (!holds) throw new ScreenError(`Expected ${what}.`);
}

/** A task that ended badly will never write what is waited for. */
async function failWhenEnded(workbench) {
  const text = await workbench.terminalText();
  const ended = text.match(/Traceback[\s\S]*|.*(?:terminated with exit code|failed to launch).*/)?.[0];
  if (ended && !/exit code: 0/.test(ended)) throw new FinalError(`The training task failed: ${readable(ended).slice(-300)}`);
}

const topLevel = async (workbench) => (await workbench.sideBarRows()).filter((entry) => entry.level === 1 && entry.view !== "Models");

/** One-based line of the first drawn line that contains `text`. */
async function lineOf(workbench, text) {
  const editor = workbench.page.locator(".editor-group-container.active .editor-instance .monaco-editor").first();
  return await workbench.until(`the text "${text}" in the editor`, async () =>
    editor.evaluate((element, wanted) => {
      const view = [...element.querySelectorAll(".view-lines > .view-line")].find((div) => div.textContent.replaceAll("\u00a0", " ").includes(wanted));
      if (!view) return undefined;
      const top = view.getBoundingClientRect().top;
      const margin = [...element.querySelectorAll(".margin-view-overlays > div")].find((div) => Math.abs(div.getBoundingClientRect().top - top) < 2);
      return Number(margin?.querySelector(".line-numbers")?.textContent) || undefined;
    }, text),
  );
}
