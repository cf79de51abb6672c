import {
  WINDOW_LIMIT,
  type FromTrajectoryView,
  type StepWindowItem,
  type ToTrajectoryView,
  type TrackData,
  type TrajectoryHead,
} from "../../../src/protocol/webviewMessages";
import { ColumnPlots } from "../../components/columnPlots";
import { button, select, textField } from "../../components/controls";
import { el } from "../../components/element";
import { ExplainPanel } from "../../components/explainPanel";
import { count, plural, significant } from "../../components/format";
import { HelpOverlay } from "../../components/helpOverlay";
import { NewestWins, type Channel } from "../../components/messages";
import { StatusLine } from "../../components/statusLine";
import { StepDetail } from "../../components/stepDetail";
import { stepList } from "../../components/stepList";
import { headlineAdvantage, stepSeries, stepTracks, type StepSeries } from "../../components/stepSeries";
import { Tracks } from "../../components/tracks";
import { KEPT, WindowCache } from "../../components/windowCache";
import { Header } from "./header";
import { TRAJECTORY_KEYS } from "./keys";
import { Layout, type LayoutState } from "./layout";
import { StepFilter } from "./stepFilter";
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
  private readonly list;
  private readonly detail: StepDetail;
  private readonly columns: ColumnPlots;
  private readonly tokens: TokensPane;
  private readonly tracks: Tracks;
  private readonly explain: ExplainPanel;
  private readonly layout: Layout;
  private readonly help = new HelpOverlay("Keys of the trajectory editor", TRAJECTORY_KEYS);
  private readonly steps: WindowCache<StepWindowItem>;
  private readonly filter = new StepFilter();
  private readonly filterField;
  private readonly filterCount = el("span", { class: "quiet number" });
  private readonly listBy = select({
    label: "Number shown beside each step",
    onChange: (key) => this.chooseListSeries(key),
  });
  private readonly newestExplain = new NewestWins();
  private head: TrajectoryHead | undefined;
  private trackData: readonly TrackData[] = [];
  private series: StepSeries | undefined;
  private step = 0;
  private token: number | undefined;
  private pendingColumns: string[] = [];
  /** Long tracks whose windows are still arriving. */
  private readonly longTracks = new Map<string, { values: Float64Array; text: string[]; filled: number }>();
  private explainTimer = 0;
  private cursorTimer = 0;
  private scoringNotice = false;

  constructor(
    root: HTMLElement,
    private readonly channel: Channel<FromTrajectoryView, TrajectoryViewState>,
  ) {
    const post = channel.post;
    this.header = new Header({
      chooseModel: () => post({ type: "chooseModel" }),
      score: () => post({ type: "score" }),
      cancelScore: () => post({ type: "cancelScore" }),
      openTree: () => post({ type: "openTree" }),
      openGroup: () => post({ type: "openGroup" }),
      openSource: () => post({ type: "openSource" }),
      help: () => this.help.toggle(),
      open: (trajectoryId) => post({ type: "open", trajectoryId }),
      explainHeadline: () => {
        const track = headlineAdvantage(this.trackData);
        if (track) this.selectTrack(track.key);
        this.layout.showExplain(true);
      },
    });
    this.steps = new WindowCache((start, end) => post({ type: "steps", start, end }), WINDOW_LIMIT);
    this.list = stepList({
      stepAt: (row) => this.filter.stepAt(row),
      item: (step) => this.steps.get(step),
      words: (step) => this.numericWords(step),
      series: () => this.series,
      onStep: (step) => this.moveTo(step, true),
      onRange: (start, end) => {
        if (!this.filter.active) this.steps.want(start, end);
      },
    });
    this.detail = new StepDetail({
      requestText: (stepIndex, field, start) =>
        post({ type: "text", id: stepIndex, stepIndex, field, start }),
      copy: (text) => post({ type: "copy", text }),
    });
    this.columns = new ColumnPlots((step) => this.moveTo(step, true));
    this.columns.element.hidden = true;
    this.tokens = new TokensPane(
      {
        request: (id, start, end) => post({ type: "tokens", id, start, end }),
        onToken: (token) => this.pointToken(token),
        keepSource: (tokenSource) => channel.keep({ tokenSource }),
      },
      channel.state.tokenSource ?? "",
    );
    this.tracks = new Tracks({
      onStep: (step) => this.moveTo(step, true),
      onSelect: (key) => this.selectTrack(key),
      onPreset: (key, presetId) => post({ type: "preset", key, presetId }),
      onRemove: (key) => post({ type: "removeTrack", key }),
      onAdd: () => post({ type: "addTrack" }),
      onMissing: (action) => post({ type: action }),
      onExplain: (key) => {
        this.selectTrack(key);
        this.layout.showExplain(true);
      },
    });
    this.explain = new ExplainPanel({
      openCode: (path, line) => post({ type: "openCode", path, line }),
      open: (trajectoryId) => post({ type: "open", trajectoryId }),
      copy: (text) => post({ type: "copy", text }),
    });
    this.filterField = textField({
      label: "Filter the steps",
      placeholder: "filter (/)",
      onInput: (text) => this.applyFilter(text),
      onEnter: () => this.list.focus(),
      onEscape: () => this.list.focus(),
    });
    const listPane = el(
      "section",
      { class: "pane list-pane", aria: { label: "Steps" } },
      el("div", { class: "pane-head" }, this.filterField.element, this.filterCount, this.listBy.element),
      this.list.element,
    );
    const detailPane = el(
      "section",
      { class: "pane detail-pane" },
      this.detail.element,
      this.columns.element,
      this.tokens.strip.element,
    );
    const explainPane = el(
      "section",
      { class: "pane explain-pane" },
      el(
        "div",
        { class: "pane-head" },
        el("span", { class: "pane-title", text: "explain" }),
        button({
          label: "Close",
          icon: "close",
          appearance: "icon",
          title: "Close the explanation (e)",
          onClick: () => this.layout.showExplain(false),
        }).element,
      ),
      this.explain.element,
    );
    this.layout = new Layout(
      { list: listPane, detail: detailPane, explain: explainPane, tracks: this.tracks.element },
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
    this.explain.say("The explanation follows the cursor.");
  }

  receive(message: ToTrajectoryView): void {
    switch (message.type) {
      case "head":
        return this.setHead(message.head);
      case "steps":
        return this.receiveSteps(message.start, message.items);
      case "text":
        return this.detail.receive(
          message.stepIndex,
          message.field,
          message.start,
          message.text,
          message.total,
        );
      case "tokens":
        return this.tokens.receive(message.id, message);
      case "column":
        return this.receiveColumn(message.name, message.start, message.data);
      case "tracks":
        this.longTracks.clear();
        return this.setTracks(message.tracks);
      case "trackValues":
        return this.addTrackValues(message);
      case "explanation":
        if (!this.newestExplain.accepts(message.id)) return;
        if (message.explanation) this.explain.show(message.explanation, this.tracks.selected, this.where());
        else this.explain.say(message.why ?? "There is no explanation for this number.");
        return;
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
    const same = this.head?.row.id === head.row.id;
    this.head = head;
    document.title = head.row.title;
    this.header.setHead(head);
    this.status.idle();
    const notes = head.notes.map((note) => note.message).join(" ");
    this.status.tell(notes);
    if (!same) {
      const { trajectoryId, step } = this.channel.state;
      this.step = trajectoryId === head.row.id ? Math.min(step ?? 0, Math.max(0, head.stepCount - 1)) : 0;
      this.token = undefined;
      this.steps.clear();
      this.filter.apply("", []);
      this.filterField.setValue("");
      this.filterCount.textContent = "";
      this.detail.reset();
      this.trackData = [];
      this.series = undefined;
      this.header.setAdvantage(undefined);
      this.channel.keep({ trajectoryId: head.row.id, step: this.step });
    }
    this.steps.setTotal(head.stepCount);
    this.list.setCount(this.filter.count(head.stepCount));
    const numeric = head.columns.length > 0;
    this.columns.element.hidden = !numeric;
    if (numeric && !same) {
      this.columns.set(head.columns, head.stepCount);
      this.pendingColumns = head.columns.map((column) => column.name);
      this.nextColumn();
    }
    this.detail.element.hidden = numeric;
    this.tokens.setHead(head);
    if (head.stepCount === 0) this.detail.say("This trajectory has no steps.");
    this.steps.want(Math.max(0, this.step - 40), Math.min(head.stepCount, this.step + 40));
    this.placeCursor(false);
  }

  private receiveSteps(start: number, items: readonly StepWindowItem[]): void {
    this.steps.receive(start, items);
    if (this.filter.active) {
      this.applyFilter(this.filter.wanted);
      this.loadForFilter();
    }
    this.list.refresh();
    this.placeTokens();
    this.showStep();
  }

  private receiveColumn(name: string, start: number, data: Float32Array | Float64Array): void {
    if (this.columns.receive(name, start, data) && this.pendingColumns[0] === name) {
      this.pendingColumns.shift();
      this.nextColumn();
    }
    this.list.refresh();
  }

  /** Columns are asked for one at a time, so that a newer request never cancels an older one. */
  private nextColumn(): void {
    const name = this.pendingColumns[0];
    if (name !== undefined) this.channel.post({ type: "column", name });
  }

  private numericWords(step: number): string | undefined {
    const columns = this.head?.columns ?? [];
    if (columns.length === 0) return undefined;
    const action = columns.find((column) => column.role === "action") ?? columns[0]!;
    const values = this.columns.at(action.name, step);
    return values.length === 0
      ? ""
      : `${action.name} ${values.slice(0, 4).map(significant).join(", ")}${values.length > 4 ? ", …" : ""}`;
  }

  private setTracks(tracks: readonly TrackData[]): void {
    this.trackData = tracks;
    this.tracks.set(tracks, this.head?.stepCount ?? 1, this.tokenPositions());
    this.tokens.setTracks(tracks);
    this.header.setAdvantage(headlineAdvantage(tracks));
    const choices = stepTracks(tracks);
    this.listBy.setChoices(
      choices.map((track) => ({ id: track.key, title: track.title })),
      undefined,
    );
    this.listBy.element.hidden = choices.length === 0;
    this.chooseListSeries(
      choices.find((track) => track.key === this.channel.state.listSeries)?.key ?? choices[0]?.key,
      false,
    );
    if (!this.tracks.selected) {
      const kept = tracks.find((track) => track.key === this.channel.state.track);
      const first =
        kept ??
        headlineAdvantage(tracks) ??
        tracks.find((track) => track.explainable && track.values !== undefined) ??
        tracks.find((track) => track.values !== undefined);
      if (first) this.selectTrack(first.key, false);
    } else this.askExplanation();
    this.tracks.setCursor(this.step, this.token);
  }

  /** Adds a window of a long track; it is drawn when the last one is there. */
  private addTrackValues({
    key,
    start,
    values,
    tokenText,
  }: Extract<ToTrajectoryView, { type: "trackValues" }>): void {
    const track = this.trackData.find((each) => each.key === key);
    if (!track || track.valueCount === undefined) return;
    const long = this.longTracks.get(key) ?? {
      values: new Float64Array(track.valueCount).fill(NaN),
      text: [],
      filled: 0,
    };
    this.longTracks.set(key, long);
    long.values.set(values.subarray(0, Math.max(0, track.valueCount - start)), start);
    for (const [offset, text] of (tokenText ?? []).entries()) long.text[start + offset] = text;
    long.filled = start + values.length;
    if (long.filled < track.valueCount) return;
    this.longTracks.delete(key);
    const { valueCount: _count, ...rest } = track;
    const whole: TrackData = {
      ...rest,
      values: long.values,
      ...(long.text.length > 0 ? { tokenText: long.text } : {}),
    };
    this.setTracks(this.trackData.map((each) => (each.key === key ? whole : each)));
  }

  private chooseListSeries(key: string | undefined, keep = true): void {
    const track = this.trackData.find((each) => each.key === key);
    this.series = track ? stepSeries(track) : undefined;
    if (track) this.listBy.element.value = track.key;
    if (keep && key !== undefined) this.channel.keep({ listSeries: key });
    this.list.refresh();
  }

  private selectTrack(key: string, keep = true): void {
    this.tracks.select(key);
    if (keep) this.channel.keep({ track: key });
    this.askExplanation();
  }

  private moveTo(step: number, own: boolean): void {
    const last = (this.head?.stepCount ?? 0) - 1;
    const target = Math.max(0, Math.min(last, step));
    if (target === this.step && own) return;
    this.step = target;
    this.token = undefined;
    this.placeCursor(own);
  }

  private placeCursor(tell: boolean): void {
    if (!this.head) return;
    this.list.setCursor(this.filter.rowOf(this.step));
    this.tracks.setCursor(this.step, this.token);
    this.columns.setCursor(this.step);
    this.steps.want(Math.max(0, this.step - 40), Math.min(this.head.stepCount, this.step + 40));
    this.showStep();
    this.askExplanation();
    this.channel.keep({ step: this.step });
    if (!tell) return;
    clearTimeout(this.cursorTimer);
    this.cursorTimer = window.setTimeout(
      () => this.channel.post({ type: "cursor", stepIndex: this.step }),
      60,
    );
  }

  private showStep(): void {
    const item = this.steps.get(this.step);
    if (!item) return;
    const textless =
      item.step.action === undefined &&
      item.step.thought === undefined &&
      item.step.observation === undefined;
    const numeric = (this.head?.columns.length ?? 0) > 0;
    this.detail.element.hidden = numeric && textless;
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
    if (!head || head.tokenCount === 0 || this.steps.loaded < head.stepCount) return undefined;
    const positions = new Float64Array(head.tokenCount).fill(NaN);
    let told = false;
    for (const [index, item] of this.steps.entries()) {
      const { tokenStart, tokenEnd } = item.step;
      if (tokenStart === undefined || tokenEnd === undefined) continue;
      told = true;
      for (let token = tokenStart; token < tokenEnd; token++)
        positions[token] = index + (token + 0.5 - tokenStart) / (tokenEnd - tokenStart);
    }
    return told ? positions : undefined;
  }

  private placeTokens(): void {
    if ((this.head?.tokenCount ?? 0) > 0 && this.steps.loaded === this.head?.stepCount)
      this.tracks.setTokens(this.tokenPositions());
  }

  private where(): string {
    const level = this.tracks.selected?.level;
    return level === "trajectory"
      ? "the trajectory"
      : level === "token"
        ? `token ${count(this.explainIndex() + 1)} (index ${this.explainIndex()})`
        : `step ${count(this.step + 1)} (t = ${this.step})`;
  }

  private explainIndex(): number {
    const level = this.tracks.selected?.level;
    if (level === "trajectory") return 0;
    return level === "token" ? (this.token ?? this.steps.get(this.step)?.step.tokenStart ?? 0) : this.step;
  }

  private askExplanation(): void {
    clearTimeout(this.explainTimer);
    if (!this.layout?.explainVisible || !this.head) return;
    const track = this.tracks.selected;
    if (!track) return this.explain.say("Choose a track to see how its number came about.");
    if (track.missing) return this.explain.say(track.missing.how);
    if (!track.explainable)
      return this.explain.say(
        `${track.title} is ${track.source === "recorded" ? "recorded by the file" : `given by ${track.convention}`}: there is no formula behind it.`,
      );
    this.explainTimer = window.setTimeout(
      () =>
        this.channel.post({
          type: "explain",
          id: this.newestExplain.next(),
          key: track.key,
          index: this.explainIndex(),
        }),
      50,
    );
  }

  private setScoring(message: Extract<ToTrajectoryView, { type: "scoring" }>): void {
    const running = message.state === "running";
    this.header.setScoring(running);
    if (running) {
      this.status.busy(message.total > 0 ? message.done / message.total : undefined);
      this.status.tell(`${message.message}${message.provider ? ` On ${message.provider}.` : ""}`);
      this.scoringNotice = true;
      return;
    }
    this.status.idle();
    if (message.state === "failed") this.status.error(message.message, "");
    else if (message.state === "done" && message.message !== "") this.status.tell(message.message);
    else if (this.scoringNotice)
      this.status.tell(this.head?.notes.map((note) => note.message).join(" ") ?? "");
    this.scoringNotice = false;
  }

  private applyFilter(text: string): void {
    this.filter.apply(text, this.steps.entries());
    const shown = this.filter.count(this.head?.stepCount ?? 0);
    this.list.setCount(shown);
    this.filterCount.textContent = this.filter.active
      ? `${count(shown)} of ${plural(this.head?.stepCount ?? 0, "step")}`
      : "";
    this.list.setCursor(this.filter.rowOf(this.step), this.filter.active);
    if (this.filter.active) this.loadForFilter();
    this.list.refresh();
  }

  /** Fetches the first steps that the filter has not seen. */
  private loadForFilter(): void {
    const total = Math.min(this.head?.stepCount ?? 0, KEPT);
    for (let index = 0; index < total; index++) {
      if (this.steps.get(index)) continue;
      this.steps.want(index, Math.min(total, index + WINDOW_LIMIT));
      return;
    }
  }

  /** Acts on a key that no field wanted; true = handled. */
  key(key: string): boolean {
    const post = this.channel.post;
    const rows = this.filter.count(this.head?.stepCount ?? 0);
    const stepBy = (offset: number): void => {
      const row = this.filter.rowOf(this.step) + offset;
      if (row >= 0 && row < rows) this.moveTo(this.filter.stepAt(row), true);
    };
    const actions: Readonly<Record<string, () => void>> = {
      j: () => stepBy(1),
      k: () => stepBy(-1),
      J: () => post({ type: "next", offset: 1 }),
      K: () => post({ type: "next", offset: -1 }),
      "[": () => post({ type: "sibling", offset: -1 }),
      "]": () => post({ type: "sibling", offset: 1 }),
      t: () => post({ type: "openTree" }),
      g: () => post({ type: "openGroup" }),
      c: () => post({ type: "openGroup" }),
      e: () => this.layout.showExplain(!this.layout.explainVisible),
      s: () => post({ type: "score" }),
      "/": () => this.filterField.focus(),
      "?": () => this.help.toggle(),
    };
    const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
    action?.();
    return action !== undefined;
  }
}
