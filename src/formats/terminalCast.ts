import { stripVTControlCharacters } from "node:util";
import type { JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { isList, isObject, recordedNumber, textOf } from "./jsonFields";

/** True for the first line of a terminal recording (asciicast v2 and v3). */
export function isCastHeader(value: JsonValue | undefined): boolean {
  if (!isObject(value)) return false;
  const { version, width, height, term } = value;
  return (
    (version === 2 && typeof width === "number" && typeof height === "number") ||
    (version === 3 && isObject(term))
  );
}

/** A line as it stays: what was written over from its beginning, and what was deleted again, is gone. */
function plainLine(line: string): string {
  const text = line.replace(/\r+$/, "");
  const own = text.slice(text.lastIndexOf("\r") + 1);
  if (!own.includes("\b")) return own;
  const kept: string[] = [];
  for (const character of own) {
    if (character === "\b") kept.pop();
    else kept.push(character);
  }
  return kept.join("");
}

/** What stays of the terminal's output on paper. */
const plainOutput = (text: string): string =>
  stripVTControlCharacters(text).split("\n").map(plainLine).join("\n");

const ENDED = /[\r\n\u0003\u0004]$/;

/**
 * Steps of a terminal recording: what was typed until a line ended, and what the terminal showed until more was typed.
 * @param lines the header and the events `[time, code, data]`; times of version 3 are since the event before
 * @param first index of the first step
 */
export function castSteps(lines: readonly JsonValue[], first: number): Step[] {
  const since = isObject(lines[0]) && lines[0]["version"] === 3;
  const steps: Step[] = [];
  let [typed, shown, time, typedAt, shownAt] = ["", "", 0, 0, 0];
  const flush = (): void => {
    const output = plainOutput(shown);
    if (typed !== "")
      steps.push({
        index: first + steps.length,
        role: "assistant",
        kind: "act",
        action: typed.replace(/\r/g, "\n"),
        extra: { time: typedAt },
      });
    if (output.trim() !== "")
      steps.push({
        index: first + steps.length,
        role: "environment",
        kind: "observe",
        observation: output,
        extra: { time: shownAt },
      });
    [typed, shown] = ["", ""];
  };
  for (const line of lines) {
    if (!isList(line)) continue;
    const at = recordedNumber(line[0]);
    const data = textOf(line[2]);
    if (typeof at === "number") time = since ? time + at : at;
    if (data === undefined) continue;
    if (line[1] === "i") {
      if (shown !== "" && (typed === "" || ENDED.test(typed))) flush();
      if (typed === "") typedAt = time;
      typed += data;
    } else if (line[1] === "o") {
      if (shown === "") shownAt = time;
      shown += data;
    }
  }
  flush();
  return steps;
}
