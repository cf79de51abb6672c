import * as vscode from "vscode";
import { failureData } from "../../model/failure";
import type { SearchHit, SearchPattern, SearchSummary, StoreCalls } from "../../protocol/storeCalls";
import { openTrajectory } from "../open";
import { shownText } from "../ui/credentialMask";
import { isCancellation } from "../ui/failures";
import { count, counted } from "../ui/numbers";
import type { Command, CommandParts } from "./command";
import { resolveTarget } from "./target";

/** Hits that a list can still be read through. */
const SHOWN = 500;
/** A pattern that is still being typed is not searched for. */
const PAUSE_MS = 300;
/** The list is drawn anew after so long while hits stream in, then after twice as long each time, up to the second number. */
const DRAW_MS = 150;
const LONGEST_DRAW_MS = 2000;

type Scope = Pick<StoreCalls["search"]["params"], "datasetId" | "trainingStepFrom" | "trainingStepTo">;

interface HitItem extends vscode.QuickPickItem {
  readonly hit?: SearchHit;
}

interface Toggle {
  readonly key: "regex" | "matchCase" | "wholeWord";
  readonly icon: string;
  readonly title: string;
}

const toggles: readonly Toggle[] = [
  { key: "matchCase", icon: "case-sensitive", title: "Match Case" },
  { key: "wholeWord", icon: "whole-word", title: "Match Whole Word" },
  { key: "regex", icon: "regex", title: "Use Regular Expression" },
];

/** Looks through the texts of a run while the pattern is typed; a hit opens its trajectory at its step. */
export const searchRunCommand: Command = {
  what: "search in the run",
  make:
    (parts) =>
    async (...args) => {
      await parts.host.library.ready();
      const { scope, label } = await scopeOf(parts, args);
      const hit = await askForHit(parts, scope, label, givenPattern(args[0]));
      if (hit) await openTrajectory(parts.host, hit.trajectoryId, { stepIndex: hit.stepIndex });
    },
};

/** The dataset or training step that the command was called on; everything when it was called on neither. */
async function scopeOf(
  parts: CommandParts,
  args: readonly unknown[],
): Promise<{ readonly scope: Scope; readonly label: string }> {
  const target = await resolveTarget(parts, args);
  if (target?.kind === "query" && target.query.datasetId !== undefined) {
    const { datasetId, trainingStep } = target.query;
    const steps =
      trainingStep === undefined ? {} : { trainingStepFrom: trainingStep, trainingStepTo: trainingStep };
    return { scope: { datasetId, ...steps }, label: target.label };
  }
  if (target?.kind === "file") {
    const dataset = await parts.host.library.services.datasets.ofFile(target.uri.fsPath);
    if (dataset) return { scope: { datasetId: dataset.id }, label: dataset.name };
  }
  return { scope: {}, label: "all trajectories" };
}

function givenPattern(argument: unknown): string {
  return typeof argument === "object" &&
    argument !== null &&
    "pattern" in argument &&
    typeof argument.pattern === "string"
    ? argument.pattern
    : "";
}

function askForHit(
  parts: CommandParts,
  scope: Scope,
  label: string,
  initial: string,
): Promise<SearchHit | undefined> {
  const pick = vscode.window.createQuickPick<HitItem>();
  // Hits keep the order in which the run holds them. The property is not in the typings; where it is not known it does nothing.
  (pick as vscode.QuickPick<HitItem> & { sortByLabel?: boolean }).sortByLabel = false;
  const chosen = { regex: false, matchCase: false, wholeWord: false };
  let running: AbortController | undefined;
  let pause: NodeJS.Timeout | undefined;

  const draw = (items: readonly HitItem[]): void => {
    const [active] = pick.activeItems;
    pick.items = [...items];
    if (active?.hit !== undefined && items.includes(active)) pick.activeItems = [active];
  };
  const search = async (): Promise<void> => {
    running?.abort();
    const pattern = pick.value;
    pick.title = `Search in ${label}`;
    draw([]);
    if (pattern === "") {
      pick.busy = false;
      return;
    }
    const own = new AbortController();
    running = own;
    pick.busy = true;
    try {
      await streamHits(parts, { pattern, ...chosen }, scope, own.signal, (items, title, done) => {
        if (running !== own) return;
        pick.title = `Search in ${label}: ${title}`;
        // A new list starts at its top: while somebody walks down the list, more hits wait for the end of the search.
        const walking = pick.activeItems[0]?.hit !== undefined && pick.activeItems[0] !== pick.items[0];
        if (done || !walking) draw(items);
      });
    } catch (error) {
      if (running === own && !isCancellation(error)) {
        const { message, hint } = failureData(error);
        draw([{ label: `$(error) ${message}`, detail: hint, alwaysShow: true }]);
      }
    } finally {
      if (running === own) pick.busy = false;
    }
  };
  const buttons = (): void => {
    pick.buttons = toggles.map(({ key, icon, title }) => ({
      iconPath: new vscode.ThemeIcon(
        icon,
        chosen[key] ? new vscode.ThemeColor("inputOption.activeForeground") : undefined,
      ),
      tooltip: `${title}: ${chosen[key] ? "on" : "off"}`,
    }));
  };

  return new Promise((resolve) => {
    let answer: SearchHit | undefined;
    pick.title = `Search in ${label}`;
    pick.keepScrollPosition = true;
    pick.placeholder = "Text in observations, thoughts, actions and tool calls";
    pick.value = initial;
    buttons();
    pick.onDidTriggerButton((button) => {
      const index = pick.buttons.indexOf(button);
      const toggle = toggles[index];
      if (!toggle) return;
      chosen[toggle.key] = !chosen[toggle.key];
      buttons();
      void search();
    });
    pick.onDidChangeValue(() => {
      running?.abort();
      clearTimeout(pause);
      pause = setTimeout(() => void search(), PAUSE_MS);
    });
    pick.onDidAccept(() => {
      answer = pick.selectedItems[0]?.hit;
      if (answer) pick.hide();
    });
    pick.onDidHide(() => {
      clearTimeout(pause);
      running?.abort();
      running = undefined;
      pick.dispose();
      resolve(answer);
    });
    pick.show();
    if (initial !== "") void search();
  });
}

/** Searches and shows the hits so far, now and then, and a last time at the end. */
async function streamHits(
  parts: CommandParts,
  pattern: SearchPattern,
  scope: Scope,
  signal: AbortSignal,
  show: (items: readonly HitItem[], title: string, done: boolean) => void,
): Promise<void> {
  const items: HitItem[] = [];
  let drawn = 0;
  let pause = DRAW_MS;
  const summary = await parts.host.library.services.datasets.search(
    { pattern, ...scope, limit: SHOWN },
    {
      signal,
      report: ({ hits, searched, total }) => {
        items.push(...hits.map(itemOf));
        if (performance.now() - drawn < pause) return;
        drawn = performance.now();
        pause = Math.min(LONGEST_DRAW_MS, pause * 2);
        show(
          items,
          `${counted(items.length, "hit")}, ${count(searched)} of ${counted(total, "trajectory", "trajectories")}`,
          false,
        );
      },
    },
  );
  show(
    items.length === 0 ? [{ label: "No trajectory holds this.", alwaysShow: true }] : items,
    summaryText(summary),
    true,
  );
}

function summaryText({ matches, trajectories, truncated, unreadable }: SearchSummary): string {
  const parts = [
    `${counted(matches, "match", "matches")} in ${counted(trajectories, "trajectory", "trajectories")}`,
  ];
  if (truncated) parts.push(`stopped at ${SHOWN} hits`);
  if (unreadable > 0) parts.push(`${counted(unreadable, "record")} changed on the disk`);
  return parts.join(", ");
}

function itemOf(hit: SearchHit): HitItem {
  const { before, match, after } = hit.snippet;
  const step = hit.trainingStep === undefined ? "" : `training step ${hit.trainingStep}, `;
  return {
    label: plain(shownText(`${before}${match}${after}`)),
    // Steps are counted from 1, as in the trajectory editor.
    description: `step ${hit.stepIndex + 1}, ${hit.field === "toolCalls" ? "tool calls" : hit.field}`,
    detail: plain(shownText(`${step}#${hit.row} · ${hit.title}`)),
    // The list is filtered by the search already; the box must not filter it again.
    alwaysShow: true,
    hit,
  };
}

/** Labels turn `$(name)` into icons; text of trajectories must stay text. */
const plain = (text: string): string => text.replaceAll("$(", "$\u200b(");
