import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommanderError, type Command } from "commander";
import { csvText } from "./cli/csv";
import { interruptedCode, listenForInterruption } from "./cli/interruption";
import { onCommandLine } from "./cli/hints";
import { jsonText, writeJson } from "./cli/json";
import { buildProgram } from "./cli/program";
import { clearProgress } from "./cli/progress";
import { failureData, type FailureData } from "./model/failure";

const wantsJson = process.argv.includes("--json");

// A reader that stops early (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const program = buildProgram(
  (output, options) => {
    clearProgress();
    if (options.json) writeJson(output.document, (piece) => process.stdout.write(piece));
    else if (options.csv && output.sheet) process.stdout.write(csvText(output.sheet()));
    else process.stdout.write(output.text(options.wide ? undefined : terminalWidth()));
    process.stdout.write("\n");
  },
  (line) => process.stdout.write(`${line}\n`),
  versionOf(join(dirname(fileURLToPath(import.meta.url)), "..", "package.json")),
);

listenForInterruption();
try {
  for (const command of [program, ...program.commands]) quiet(command);
  await program.parseAsync();
} catch (error) {
  const informed =
    error instanceof CommanderError && (error.exitCode === 0 || error.code === "commander.help");
  clearProgress();
  if (!informed) {
    process.exitCode = 1;
    report(
      error instanceof CommanderError
        ? usageFailure(error)
        : interruptedCode() === undefined
          ? onCommandLine(failureData(error))
          : cancelled(failureData(error)),
    );
  }
}
const interrupted = interruptedCode();
if (interrupted !== undefined) {
  process.exitCode = interrupted;
  // Work that did not hear of the interruption must not keep the program.
  setTimeout(() => process.exit(interrupted), 200).unref();
}

/** Columns that tables have to fit: those of the terminal; undefined where the output goes to a file or a pipe. */
function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns || 80 : undefined;
}

/** The version that the package names. */
function versionOf(file: string): string {
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version: string };
  return version;
}

/** Commander neither exits nor writes errors itself; help still goes to standard output. */
function quiet(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ outputError: () => undefined, writeErr: (text) => process.stdout.write(text) });
}

/** What the user did needs no advice; that something was kept is worth knowing. */
function cancelled({ hint }: FailureData): FailureData {
  return { code: "cancelled", message: "Cancelled.", hint: hint.includes("kept") ? hint : "" };
}

function usageFailure(error: CommanderError): FailureData {
  const message = error.message
    .replace(/^error: /, "")
    .replace(/\n/g, " ")
    .trim();
  const sentence = message.charAt(0).toUpperCase() + message.slice(1);
  return {
    code: "bad-arguments",
    message: sentence.endsWith(".") || sentence.endsWith(")") ? sentence : `${sentence}.`,
    hint: `See \`trajectory-lens ${commandName()}--help\`.`,
  };
}

/** The command that was asked for, with a space; nothing where there is none of that name. */
function commandName(): string {
  const name = process.argv.slice(2).find((argument) => !argument.startsWith("-"));
  return program.commands.some((command) => command.name() === name) ? `${name ?? ""} ` : "";
}

function report(failure: FailureData): void {
  if (wantsJson) process.stdout.write(`${jsonText({ error: failure })}\n`);
  else process.stderr.write(`error: ${failure.message}\n${failure.hint === "" ? "" : `${failure.hint}\n`}`);
}
