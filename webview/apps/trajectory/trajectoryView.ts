import type {
  FromTrajectoryView,
  StepWindowItem,
  ToTrajectoryView,
  TrackData,
  TrajectoryHead,
} from "../../../src/protocol/webviewMessages";
import { el } from "../../components/element";
import { HelpOverlay } from "../../components/helpOverlay";
import { actOnKey, type KeyActions } from "../../components/keyActions";
import { LongTracks } from "../../components/longTracks";
import type { Channel } from "../../components/messages";
import { RestingCursor } from "../../components/restingCursor";
import { StatusLine } from "../../components/statusLine";
import { StepDetail } from "../../components/stepDetail";
import { headlineAdvantage, newestScore, stepTracks } from "../../components/stepSeries";
import { Tracks } from "../../components/tracks";
import { EpisodePane } from "./episodePane";
import { ExplainPane } from "./explainPane";
import { Header } from "./header";
import { TRAJECTORY_KEYS } from "./keys";
import { Layout, type LayoutState } from "./layout";
import { StepsPane } from "./stepsPane";
import { tokenPositions } from "./tokenPositions";
import { TokensPane } from "./tokensPane";

/** Where the user is; what VS Code keeps between visits. */
export interface TrajectoryViewState {
  trajectoryId: string;
  step: number;
  track: string;
  listSeries: string;
  tokenSource: string;
  layout: LayoutState;
}

const DEFAULT_LAYOUT: LayoutState = {
  listWidth: 380,
  explainWidth: 340,
  tracksHeight: 220,
  explainOpen: true,
  bottomTab: "tracks",
};

/** The trajectory editor: one cursor, and every pane follows it. */
export class TrajectoryView {
  private readonly status = new StatusLine();
  private readonly header: Header;
  private readonly steps: StepsPane;
  private readonly detail: StepDetail;
  private readonly episode: EpisodePane;
  private readonly tokens: TokensPane;
  private readonly tracks: Tracks;
  private readonly explain: ExplainPane;
  private readonly layout: Layout;
  private readonly help = new HelpOverlay("Keys of the trajectory editor", TRAJECTORY_KEYS);
  private readonly longTracks = new LongTracks();
  private head: TrajectoryHead | undefined;
  private trackData: readonly TrackData[] = [];
  private step = 0;
  private token: number | undefined;
  private readonly resting = new RestingCursor();
  /** A score has just been made whose tracks have not arrived yet. */
  private scored = false;

  constructor(
    root: HTMLElement,
    private readonly channel: Channel<FromTrajectoryView, TrajectoryViewState>,
  ) {
    const { post } = channel;
    const explainTrack = (key: string | undefined): void => {
      if (key !== undefined) this.selectTrack(key);
      this.layout.showExplain(true);
    };
    this.header = new Header({
      chooseModel: () => post({ type: "chooseModel" }),
      score: () => post({ type: "score" }),
      fork: () => this.fork(),
      value: () => post({ type: "value" }),
      cancelScore: () => post({ type: "cancelScore" }),
      openTree: () => post({ type: "openTree" }),
      openGroup: () => post({ type: "openGroup" }),
      openSource: () => post({ type: "openSource" }),
      help: () => this.help.toggle(),
      open: (trajectoryId) => post({ type: "open", trajectoryId }),
      explainHeadline: () => explainTrack(headlineAdvantage(this.trackData)?.key),
    });
    this.steps = new StepsPane(
      {
        request: (start, end) => post({ type: "steps", start, end }),
        onStep: (step) => this.moveTo(step, true),
        keepSeries: (listSeries) => channel.keep({ listSeries }),
        words: (step) => this.episode.words(step),
      },
      () => channel.state.listSeries,
    );
    this.detail = new StepDetail({
      requestText: (stepIndex, field, start) =>
        post({ type: "text", id: stepIndex, stepIndex, field, start }),
      copy: (text) => post({ type: "copy", text }),
    });
    this.episode = new EpisodePane(
      (name) => post({ type: "column", name }),
      (step) => this.moveTo(step, true),
    );
    this.tokens = new TokensPane(
      {
        request: (id, start, end) => post({ type: "tokens", id, start, end }),
        onToken: (token) => this.pointToken(token),
        keepSource: (tokenSource) => channel.keep({ tokenSource }),
        requestAlternatives: (id, key, start, end) => post({ type: "alternatives", id, key, start, end }),
        copy: (text) => post({ type: "copy", text }),
      },
      channel.state.tokenSource ?? "",
    );
    this.tracks = new Tracks({
      onStep: (step) => this.moveTo(step, true),
      onSelect: (key) => this.selectTrack(key),
      onPreset: (key, presetId) => post({ type: "preset", key, presetId }),
      onRemove: (key) => post({ type: "removeTrack", key }),
      onAdd: () => post({ type: "addTrack" }),
      copy: (text) => post({ type: "copy", text }),
      onMissing: (action) => post({ type: action }),
      onExplain: explainTrack,
      credited: (step) => {
        const role = this.steps.item(step)?.step.role;
        return role === undefined || role === "assistant";
      },
    });
    this.explain = new ExplainPane({
      request: (id, key, index) => post({ type: "explain", id, key, index }),
      close: () => this.layout.showExplain(false),
      onMissing: (action) => post({ type: action }),
      openCode: (path, line) => post({ type: "openCode", path, line }),
      open: (trajectoryId) => post({ type: "open", trajectoryId }),
      copy: (text) => post({ type: "copy", text }),
    });
    const detail = el(
      "section",
      { class: "pane detail-pane" },
      this.detail.element,
      this.episode.plots.element,
      this.tokens.strip.element,
    );
    this.layout = new Layout(
      {
        list: this.steps.element,
        detail,
        explain: this.explain.element,
        tracks: this.tracks.element,
      },
      { ...DEFAULT_LAYOUT, ...channel.state.layout },
      (layout) => channel.keep({ layout }),
      () => this.askExplanation(),
    );
    root.replaceChildren(
      this.status.element,
      this.header.element,
      this.status.sentence,
      this.layout.element,
      this.help.element,
    );
    this.status.busy(undefined);
    this.detail.say("Reading the trajectory…");
  }

  receive(message: ToTrajectoryView): void {
    switch (message.type) {
      case "head":
        return this.setHead(message.head);
      case "steps":
        return this.receiveSteps(message.start, message.items);
      case "text":
        return this.detail.receive(message);
      case "tokens":
        return this.tokens.receive(message.id, message);
      case "alternatives":
        return this.tokens.receiveAlternatives(message);
      case "column":
        this.episode.receive(message.name, message.start, message.data);
        return this.steps.refresh();
      case "tracks":
        this.longTracks.clear();
        return this.setTracks(message.tracks);
      case "trackValues": {
        const whole = this.longTracks.add(message, this.trackData);
        if (whole) this.setTracks(this.trackData.map((each) => (each.key === whole.key ? whole : each)));
        return;
      }
      case "explanation":
        return this.explain.receive(message);
      case "scoring":
        return this.setScoring(message);
      case "cursor":
        if (this.head) this.moveTo(message.stepIndex, false);
        return;
      case "error":
        this.status.idle();
        this.status.error(message.message, message.hint);
        if (!this.head) this.detail.say("The trajectory could not be read.");
        return;
    }
  }

  private setHead(head: TrajectoryHead): void {
    const fresh = this.head?.row.id !== head.row.id;
    this.head = head;
    document.title = head.row.title;
    this.header.setHead(head);
    this.status.idle();
    if (fresh) {
      const { trajectoryId, step } = this.channel.state;
      this.step = trajectoryId === head.row.id ? Math.min(step ?? 0, Math.max(0, head.stepCount - 1)) : 0;
      this.token = undefined;
      this.detail.reset();
      this.trackData = [];
      this.header.setAdvantage(undefined);
      this.status.tell(this.notes());
      this.channel.keep({ trajectoryId: head.row.id, step: this.step });
    }
    this.steps.setHead(head, fresh);
    this.episode.setHead(head);
    this.detail.element.hidden = this.episode.numeric;
    this.tokens.setHead(head);
    if (head.stepCount === 0) this.detail.say("This trajectory has no steps.");
    this.placeCursor(false);
  }

  /** What the format remarks on this trajectory. */
  private notes(): string {
    return this.head?.notes.map((note) => note.message).join(" ") ?? "";
  }

  private receiveSteps(start: number, items: readonly StepWindowItem[]): void {
    this.steps.receive(start, items);
    this.tracks.stepsArrived();
    if (this.head && this.head.tokenCount > 0 && this.steps.complete)
      this.tracks.setTokens(this.tokenPositions());
    this.showStep();
  }

  private setTracks(tracks: readonly TrackData[]): void {
    const scored = this.scored ? newestScore(this.trackData, tracks, this.head?.modelPath) : undefined;
    this.scored = false;
    this.trackData = tracks;
    this.tracks.set(tracks, this.head?.stepCount ?? 1, this.tokenPositions());
    this.tokens.setTracks(tracks);
    this.header.setAdvantage(headlineAdvantage(tracks));
    this.steps.setTracks(tracks, scored?.key);
    if (scored) this.selectTrack(scored.key);
    else if (this.tracks.selected) this.askExplanation();
    else {
      const first =
        tracks.find((track) => track.key === this.channel.state.track) ??
        headlineAdvantage(tracks) ??
        stepTracks(tracks)[0] ??
        tracks.find((track) => track.explainable && track.values !== undefined) ??
        tracks.find((track) => track.values !== undefined);
      if (first) this.selectTrack(first.key, false);
      else this.askExplanation();
    }
    this.tracks.setCursor(this.step, this.token);
  }

  private selectTrack(key: string, keep = true): void {
    this.tracks.select(key);
    if (keep) this.channel.keep({ track: key });
    this.askExplanation();
  }

  /** @param own false when another view moved the cursor: it is not told back */
  private moveTo(step: number, own: boolean): void {
    const target = Math.max(0, Math.min((this.head?.stepCount ?? 0) - 1, step));
    if (target === this.step && own) return;
    this.step = target;
    this.token = undefined;
    this.placeCursor(own);
  }

  private placeCursor(tell: boolean): void {
    this.steps.setCursor(this.step);
    this.tracks.setCursor(this.step, this.token);
    this.episode.plots.setCursor(this.step);
    this.showStep();
    this.askExplanation();
    this.channel.keep({ step: this.step });
    if (tell) this.resting.moved(() => this.channel.post({ type: "cursor", stepIndex: this.step }));
  }

  private showStep(): void {
    const item = this.steps.item(this.step);
    if (!item) return;
    const { action, thought, observation } = item.step;
    this.detail.element.hidden = this.episode.numeric && (action ?? thought ?? observation) === undefined;
    this.detail.show(item);
    this.tokens.setStep(item);
  }

  private pointToken(token: number): void {
    this.token = token;
    this.tracks.setCursor(this.step, token);
    if (this.tracks.selected?.level === "token") this.askExplanation();
  }

  /** Positions of the file's tokens on the step axis, once every step is loaded and tells its tokens. */
  private tokenPositions(): Float64Array | undefined {
    const { head } = this;
    if (!head || head.tokenCount === 0 || !this.steps.complete) return undefined;
    return tokenPositions(head.tokenCount, this.steps.items());
  }

  private askExplanation(): void {
    if (!this.head || !this.layout.explainVisible) return;
    const token = this.token ?? this.steps.item(this.step)?.step.tokenStart ?? 0;
    this.explain.ask(this.tracks.selected, this.step, token);
  }

  private setScoring({
    state,
    message,
    done,
    total,
    provider,
  }: Extract<ToTrajectoryView, { type: "scoring" }>): void {
    this.header.setScoring(state === "running");
    if (state === "running") {
      this.status.busy(total > 0 ? done / total : undefined);
      this.status.tell(`${message}${provider ? ` On ${provider}.` : ""}`);
      return;
    }
    this.status.idle();
    // The reader asked for this score: it is what the list and the explanation show next.
    this.scored ||= state === "done";
    if (state === "failed") this.status.error(message, "");
    else this.status.tell(message === "" ? this.notes() : message);
  }

  /** Continues behind the token at the cursor where a policy's own tokens are shown, else behind the step. */
  private fork(): void {
    const token = this.tokens.ofPolicy ? this.token : undefined;
    this.channel.post({
      type: "fork",
      stepIndex: this.step,
      ...(token === undefined ? {} : { tokenIndex: token }),
    });
  }

  /** Acts on a key that no field wanted; true = handled. */
  key(key: string): boolean {
    const { post } = this.channel;
    const stepBy = (offset: number): void => {
      const step = this.steps.beside(offset);
      if (step !== undefined) this.moveTo(step, true);
    };
    const actions: KeyActions = {
      j: () => stepBy(1),
      k: () => stepBy(-1),
      J: () => post({ type: "next", offset: 1 }),
      K: () => post({ type: "next", offset: -1 }),
      "[": () => post({ type: "sibling", offset: -1 }),
      "]": () => post({ type: "sibling", offset: 1 }),
      t: () => post({ type: "openTree" }),
      g: () => post({ type: "openGroup" }),
      c: () => post({ type: "compare" }),
      e: () => this.layout.showExplain(!this.layout.explainVisible),
      s: () => post({ type: "score" }),
      f: () => this.fork(),
      v: () => post({ type: "value" }),
      "/": () => this.steps.focusFilter(),
      "?": () => this.help.toggle(),
    };
    return actOnKey(actions, key);
  }
}
