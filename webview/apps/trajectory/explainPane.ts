import type { ToTrajectoryView, TrackData } from "../../../src/protocol/webviewMessages";
import { button } from "../../components/controls";
import { el } from "../../components/element";
import { ExplainPanel, type ExplainActions } from "../../components/explainPanel";
import { count } from "../../components/format";
import { NewestWins } from "../../components/messages";
import { nearestNumber } from "../../components/stepSeries";

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
  private away = "";
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
      { class: "pane explain-pane", aria: { label: "Explanation of the number at the cursor" } },
      el("div", { class: "pane-head" }, el("span", { class: "pane-title", text: "explain" }), close.element),
      this.panel.element,
    );
    this.panel.say("Reading the numbers of this trajectory…");
  }

  /**
   * Asks for the number of a track at a step, or at a token for token series; where there is none, for the next one
   * that there is.
   */
  ask(track: TrackData | undefined, step: number, token: number): void {
    clearTimeout(this.timer);
    this.newest.next();
    this.track = track;
    if (!track)
      return this.panel.say(
        "This trajectory has no numbers yet. Score it with a model (s), or add a track (+ beside “tracks”): the number at the cursor is then explained here.",
        "score",
      );
    if (track.missing) return this.panel.say(track.missing.how, track.missing.action);
    if (!track.values) return this.panel.say(`Reading ${track.title}…`);
    const wanted = track.level === "trajectory" ? 0 : track.level === "token" ? token : step;
    const index = nearestNumber(track.values, wanted);
    if (index === undefined)
      return this.panel.say(track.notes[0] ?? `${track.title} holds no number that could be explained.`);
    const unit = track.level === "token" ? "token" : "step";
    this.where =
      track.level === "trajectory" ? "the trajectory" : `${unit} ${count(index + 1)} (t = ${index})`;
    this.away =
      index === wanted
        ? ""
        : `No number at ${unit} ${count(wanted + 1)}; shown is the ${index > wanted ? "next" : "last"} one, at ${unit} ${count(index + 1)}.`;
    if (!track.explainable) return this.panel.showPlain(track, index, this.where, this.away);
    this.timer = window.setTimeout(() => this.actions.request(this.newest.next(), track.key, index), REST_MS);
  }

  receive({ id, explanation, why }: Extract<ToTrajectoryView, { type: "explanation" }>): void {
    if (!this.newest.accepts(id)) return;
    if (explanation) this.panel.show(explanation, this.track, this.where, this.away);
    else this.panel.say(why ?? "There is no explanation for this number.");
  }
}
