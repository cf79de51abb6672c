// Writes docs/signals/*.md from the declarations in src/signals: `node scripts/run-ts.mjs scripts/signal-docs.ts [--check]`.
// With --check nothing is written; the exit code is 1 when a page differs from what the declarations say.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signals } from "../src/signals/index";
import { systems } from "../src/signals/systems";
import { needHow, type Parameter, type ParameterValue, type Signal } from "../src/signals/signal";

const folder = "docs/signals";
const titles: Readonly<Record<string, string>> = {
  recorded: "What the file or a model says",
  returns: "Returns",
  advantage: "Advantages over time",
  group: "Group-relative advantages",
  tree: "Tree credit",
  "off-policy": "Off-policy corrections",
  loss: "Loss terms",
  agentic: "Agents and language models",
  reward: "Rewards",
  control: "Control",
  specification: "Specifications and columns",
  diagnostics: "Diagnostics",
};

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const shown = (value: ParameterValue): string =>
  value === null ? "empty" : value === "" ? '""' : `\`${String(value)}\``;
const range = (parameter: Parameter): string => {
  if (parameter.choices) return parameter.choices.map((choice) => `\`${choice}\``).join(", ");
  const low = parameter.minimum;
  const high = parameter.maximum;
  if (low !== undefined && high !== undefined) return `${parameter.type}, ${low} to ${high}`;
  if (low !== undefined) return `${parameter.type}, at least ${low}`;
  return high === undefined ? parameter.type : `${parameter.type}, at most ${high}`;
};

function signalSection(signal: Signal): string {
  const lines = [
    `## ${signal.title} (\`${signal.id}\`)`,
    "",
    signal.description,
    "",
    `- Level: ${signal.level}; unit: ${signal.unit}; ${signal.signed ? "signed" : "unsigned"}.`,
    `- Source: ${signal.source}.`,
    `- Explained: ${signal.explain ? "every number comes with its formula and the numbers put in" : "no"}.`,
  ];
  if (signal.needs.length > 0) {
    lines.push("- Needs:", ...signal.needs.map((need) => `  - \`${need}\`: ${needHow[need]}`));
  }
  if (signal.inputs !== undefined && signal.inputs.length > 0) {
    lines.push("", "| input | kind | meaning |", "| --- | --- | --- |");
    for (const { kind, name, meaning } of signal.inputs)
      lines.push(`| ${name === "" ? "" : `\`${name}\``} | ${kind} | ${cell(meaning)} |`);
  }
  if (signal.presets.length > 0) {
    lines.push("", "| preset | convention of | values | source |", "| --- | --- | --- | --- |");
    for (const preset of signal.presets) {
      const values = Object.entries(preset.values).map(([name, value]) => `${name} ${shown(value)}`);
      lines.push(
        `| \`${preset.id}\` | ${cell(preset.title)} | ${values.join(", ") || "defaults"} | ${cell(preset.source)}${preset.asDescribed ? "; follows its description, not run against it" : ""} |`,
      );
    }
  }
  if (signal.parameters.length > 0) {
    lines.push("", "| parameter | meaning | values | default |", "| --- | --- | --- | --- |");
    for (const parameter of signal.parameters) {
      lines.push(
        `| \`${parameter.name}\` | ${cell(parameter.description)} | ${range(parameter)} | ${shown(parameter.default)} |`,
      );
    }
  }
  return lines.join("\n");
}

/** What a signal reads, in the words of its declaration: needs, then inputs by name. */
function inputsOf(signal: Signal): string {
  const named = (signal.inputs ?? []).map(({ kind, name }) => (name === "" ? kind : `${kind} \`${name}\``));
  return [...signal.needs, ...named].join(", ") || "nothing but the steps";
}

function systemTable(): readonly string[] {
  const lines = [
    "## The published systems",
    "",
    "For each system its signals with what they read, and the formats that read the system's own files. A signal works on every",
    "format that has its inputs. `array`, `embeddings`, `hiddenStates`, `judge` come from a model or a judge; `step`, `token` and",
    "`trajectory` are fields of the file or series of a model. What is missing is named when a signal is computed.",
    "",
    "| # | system | formats | signals and what they read |",
    "| ---: | --- | --- | --- |",
  ];
  for (const { row, title, formats, signals: named } of systems) {
    const reads = named.map((id) => {
      const signal = signals.find((candidate) => candidate.id === id);
      return signal === undefined ? `\`${id}\`` : `\`${id}\`: ${inputsOf(signal)}`;
    });
    const files = (formats ?? []).map((id) => `\`${id}\``).join(", ");
    lines.push(`| ${row} | ${cell(title)} | ${files || "any with the inputs"} | ${cell(reads.join("; "))} |`);
  }
  return lines;
}

function pages(): ReadonlyMap<string, string> {
  const families = [...new Set(signals.map((signal) => signal.family))];
  const made = new Map<string, string>();
  const index = [
    "# Signals",
    "",
    "Every number that Trajectory Lens computes on a trajectory, generated from the declarations in `src/signals`.",
    "`trajectory-lens signals` prints the same catalogue; `trajectory-lens signals PATH --signal ID --preset P` computes one.",
    "",
    "| signal | title | level | presets |",
    "| --- | --- | --- | --- |",
  ];
  for (const family of families) {
    const members = signals.filter((signal) => signal.family === family);
    for (const signal of members) {
      const anchor = `${family}.md#${`${signal.title} (${signal.id})`
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/gu, "")
        .replaceAll(" ", "-")}`;
      const presets = signal.presets.map((preset) => `\`${preset.id}\``).join(", ");
      index.push(`| [\`${signal.id}\`](${anchor}) | ${cell(signal.title)} | ${signal.level} | ${presets} |`);
    }
    const heading = titles[family] ?? family;
    made.set(
      `${family}.md`,
      `${[`# ${heading}`, "", "Generated from the declarations in `src/signals`; do not edit.", "", members.map(signalSection).join("\n\n")].join("\n")}\n`,
    );
  }
  index.push("", ...systemTable());
  made.set("README.md", `${index.join("\n")}\n`);
  return made;
}

const wanted = pages();
const check = process.argv.includes("--check");
const present = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".md")) : [];
const stale = present.filter((name) => !wanted.has(name));
const different = [...wanted].filter(
  ([name, text]) => !existsSync(join(folder, name)) || readFileSync(join(folder, name), "utf8") !== text,
);
if (check) {
  for (const [name] of different) console.error(`${join(folder, name)} differs from the declarations.`);
  for (const name of stale) console.error(`${join(folder, name)} belongs to no family.`);
  if (different.length + stale.length > 0) {
    console.error("Run `node scripts/run-ts.mjs scripts/signal-docs.ts` and commit the pages.");
    process.exitCode = 1;
  } else console.log(`${wanted.size} pages agree with ${signals.length} signals.`);
} else {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of different) writeFileSync(join(folder, name), text);
  for (const name of stale) rmSync(join(folder, name));
  console.log(`${different.length} of ${wanted.size} pages written for ${signals.length} signals.`);
}
