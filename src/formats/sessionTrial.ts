import type { JsonValue } from "../model/json";
import type { Companions } from "./format";
import { UNGRADED_SESSION, type GradedBy } from "./agentSession";
import { harborCompanions, harborOutcome } from "./harborTrial";

/** Folders between a file and the trial's folder `agent` above it; undefined when there is none. */
function depthInAgent(path: string): number | undefined {
  const parts = path.replace(/\\/g, "/").split("/");
  const agent = parts.lastIndexOf("agent", parts.length - 2);
  return agent < 0 ? undefined : parts.length - 2 - agent;
}

/** The files of the Harbor trial that a session's log lies in, as deep in its folder `agent` as the agent keeps its logs. */
export function trialCompanions(path: string): readonly string[] {
  const depth = depthInAgent(path);
  return depth === undefined
    ? []
    : harborCompanions("/agent/log", []).map((name) => "../".repeat(depth) + name);
}

/** How the trial that a session was run in was graded; undefined outside of trials. */
export function gradeOfTrial(path: string, companions: Companions | undefined): GradedBy | undefined {
  const depth = depthInAgent(path);
  if (depth === undefined || companions === undefined) return undefined;
  const above = "../".repeat(depth);
  const own = new Map<string, JsonValue>();
  for (const [name, value] of companions)
    if (name.startsWith(above)) own.set(name.slice(above.length), value);
  const graded = harborOutcome(own);
  return graded === undefined ||
    (graded.outcome.reward === undefined && graded.outcome.stopReason === undefined)
    ? undefined
    : { ...graded, notes: graded.outcome.reward === undefined ? [UNGRADED_SESSION] : [] };
}

/**
 * The folder whose sessions are one dataset: the job of a Harbor trial, all days of Codex, otherwise the folder of the log. An
 * agent keeps a file a session.
 */
export function sessionDataset(path: string): string {
  const job = path.replace(/[/\\][^/\\]+__[A-Za-z0-9]{7}[/\\]agent[/\\].*$/s, "");
  const folder = job === path ? path.replace(/(?:[/\\]\d{4}[/\\]\d{2}[/\\]\d{2})?[/\\][^/\\]*$/, "") : job;
  // A log at the root of the file system has no folder with a name.
  return folder === "" ? path : folder;
}
