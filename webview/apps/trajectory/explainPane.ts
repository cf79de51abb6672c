import type { ToTrajectoryView, TrackData } from "../../../src/protocol/webviewMessages";
import { button } from "../../components/controls";
import { el } from "../../components/element";
import { ExplainPanel, type ExplainActions } from "../../components/explainPanel";
import { count } from "../../components/format";
import { NewestWins } from "../../components/messages";

/** Milliseconds that the cursor must rest before an explanation is asked for. */
const REST_MS = 50;

export interface ExplainPaneActions extends ExplainActions {
  request(id: number, key: string, index: number): void;
  close(): void;
}

/** The number at the cursor of the chosen track, explained. */
export class ExplainPane {
  readonly element: HTMLElement;
  private readonly panel: ExplainPanel;
  private readonly newest = new NewestWins();
  private track: TrackData | undefined;
  private where = "";
  private timer = 0;

  constructor(private readonly actions: ExplainPaneActions) {
    this.panel = new ExplainPanel(actions);
    const close = button({
      label: "Close",
      icon: "close",
      appearance: "icon",
      title: "Close the explanation (e)",
      onClick: () => actions.close(),
    });
    this.element = el(
      "section",
      { class: "pane explain-pane" },
      el("div", { class: "pane-head" }, el("span", { class: "pane-title", text: "explain" }), close.element),
      this.panel.element,
    );
    this.panel.say("The explanation follows the cursor.");
  }

  /** Asks for the number of a track at a step, or at a token for token series. */
  ask(track: TrackData | undefined, step: number, token: number): void {
    clearTimeout(this.timer);
    this.track = track;
    if (!track) return this.panel.say("Choose a track to see how its number came about.");
    if (track.missing) return this.panel.say(track.missing.how);
    if (!track.explainable) {
      const origin = track.source === "recorded" ? "recorded by the file" : `given by ${track.convention}`;
      const method = track.source === "model" ? ` ${track.notes.join(" ")}` : "";
      return this.panel.say(`${track.title} is ${origin}: there is no formula behind it.${method}`);
    }
    const index = track.level === "trajectory" ? 0 : track.level === "token" ? token : step;
    this.where =
      track.level === "trajectory" ? "the trajectory" : `${track.level} ${count(index + 1)} (t = ${index})`;
    this.timer = window.setTimeout(() => this.actions.request(this.newest.next(), track.key, index), REST_MS);
  }

  receive({ id, explanation, why }: Extract<ToTrajectoryView, { type: "explanation" }>): void {
    if (!this.newest.accepts(id)) return;
    if (explanation) this.panel.show(explanation, this.track, this.where);
    else this.panel.say(why ?? "There is no explanation for this number.");
  }
}
