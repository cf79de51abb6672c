import { CommanderError, type Command } from "commander";
import { jsonText } from "./cli/json";
import { buildProgram } from "./cli/program";
import { failureData, type FailureData } from "./model/failure";

const wantsJson = process.argv.includes("--json");

// A reader that stops early (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const program = buildProgram((output, options) => {
  process.stdout.write(`${options.json ? jsonText(output.document) : output.text()}\n`);
});

try {
  for (const command of [program, ...program.commands]) quiet(command);
  await program.parseAsync();
} catch (error) {
  const help = error instanceof CommanderError && (error.exitCode === 0 || error.code === "commander.help");
  if (!help) {
    process.exitCode = 1;
    report(error instanceof CommanderError ? usageFailure(error) : failureData(error));
  }
}

/** Commander neither exits nor writes errors itself; help still goes to standard output. */
function quiet(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ outputError: () => undefined, writeErr: (text) => process.stdout.write(text) });
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
    hint: "See `trajectory-lens --help`.",
  };
}

function report(failure: FailureData): void {
  if (wantsJson) process.stdout.write(`${jsonText({ error: failure })}\n`);
  else process.stderr.write(`error: ${failure.message}\n${failure.hint === "" ? "" : `${failure.hint}\n`}`);
}
