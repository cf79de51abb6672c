import {
  WINDOW_LIMIT,
  type StepWindowItem,
  type TrackData,
  type TrajectoryHead,
} from "../../../src/protocol/webviewMessages";
import { NewestWins } from "../../components/messages";
import type { Alternatives } from "../../components/tokenHover";
import { TokenStrip, type TokenWindow } from "../../components/tokenStrip";

const RECORDED = "recorded:";
const MODEL = "model:";

/** The part of a loaded window that is wanted, or the window itself where it holds less. */
function part(window: TokenWindow, start: number, end: number): TokenWindow {
  const from = start - window.start;
  const to = end - window.start;
  if (from < 0 || from >= window.text.length || (from === 0 && to >= window.text.length)) return window;
  return {
    start,
    text: window.text.slice(from, to),
    ids: window.ids?.subarray(from, to),
    mask: window.mask?.subarray(from, to),
    series: Object.fromEntries(
      Object.entries(window.series).map(([name, values]) => [name, values.subarray(from, to)]),
    ),
  };
}

export interface TokensPaneActions {
  request(id: number, start: number, end: number): void;
  onToken(token: number): void;
  keepSource(source: string): void;
  /** Asks for the likeliest tokens beside those of a track. */
  requestAlternatives(id: number, key: string, start: number, end: number): void;
  copy(text: string): void;
}

/** Decides which tokens the strip shows: those of the step at the cursor, in the file's tokens or a model's. */
export class TokensPane {
  readonly strip: TokenStrip;
  private readonly newest = new NewestWins();
  private head: TrajectoryHead | undefined;
  private tracks: readonly TrackData[] = [];
  private item: StepWindowItem | undefined;
  private page: { start: number; end: number } | undefined;
  private window: TokenWindow | undefined;
  /** The range last asked for: an answer shorter than asked is shown as it is, never asked for again. */
  private asked = "";
  private readonly newestAlternatives = new NewestWins();
  private askedAlternatives = "";

  constructor(
    private readonly actions: TokensPaneActions,
    private source: string,
  ) {
    this.strip = new TokenStrip({
      onSource: (id) => {
        this.source = id;
        this.page = undefined;
        actions.keepSource(id);
        this.update();
      },
      onToken: (token) => actions.onToken(token),
      onPage: (offset) => this.turn(offset),
      copy: (text) => actions.copy(text),
    });
    this.strip.element.hidden = true;
  }

  setHead(head: TrajectoryHead): void {
    const same = this.head?.row.id === head.row.id;
    this.head = head;
    if (!same) {
      this.window = this.page = this.item = undefined;
      this.tracks = [];
      this.asked = "";
    }
    this.update();
  }

  setTracks(tracks: readonly TrackData[]): void {
    this.tracks = tracks;
    // A new score may have brought others.
    this.askedAlternatives = "";
    this.update();
  }

  setStep(item: StepWindowItem | undefined): void {
    if (item?.step.index === this.item?.step.index && item?.step.tokenStart === this.item?.step.tokenStart)
      return;
    this.item = item;
    this.page = undefined;
    this.update();
  }

  receive(
    id: number,
    window: {
      start: number;
      text: readonly string[] | undefined;
      ids: Int32Array | undefined;
      mask: Uint8Array | undefined;
      series: Readonly<Record<string, Float64Array>>;
    },
  ): void {
    if (!this.newest.accepts(id)) return;
    const length = window.text?.length ?? window.ids?.length ?? Object.values(window.series)[0]?.length ?? 0;
    const text =
      window.text ?? Array.from({ length }, (_, index) => (window.ids ? String(window.ids[index]) : "·"));
    this.window = { start: window.start, text, ids: window.ids, mask: window.mask, series: window.series };
    this.update();
  }

  receiveAlternatives({ id, ...alternatives }: Alternatives & { readonly id: number }): void {
    if (this.newestAlternatives.accepts(id)) this.strip.setAlternatives(alternatives);
  }

  /** Asks once for each window of a model's tokens. */
  private wantAlternatives(track: TrackData | undefined, start: number, end: number): void {
    const wanted = track?.alternatives === undefined ? "" : `${track.key} ${start} ${end}`;
    if (wanted === this.askedAlternatives) return;
    this.askedAlternatives = wanted;
    this.strip.setAlternatives(undefined);
    const id = this.newestAlternatives.next();
    if (wanted !== "") this.actions.requestAlternatives(id, track!.key, start, end);
  }

  private modelTracks(): readonly TrackData[] {
    return this.tracks.filter(
      (track) => track.level === "token" && track.tokenText !== undefined && track.values !== undefined,
    );
  }

  /** True when a policy's own tokens are shown: their numbers are places that the policy can go on from. */
  get ofPolicy(): boolean {
    return this.modelTrack()?.unit === "nats" || this.modelTrack()?.alternatives !== undefined;
  }

  private total(): number {
    const model = this.modelTrack();
    return model ? model.tokenText!.length : (this.head?.tokenCount ?? 0);
  }

  private modelTrack(): TrackData | undefined {
    return this.source.startsWith(MODEL)
      ? this.modelTracks().find((track) => MODEL + track.key === this.source)
      : undefined;
  }

  private turn(offset: 1 | -1): void {
    const from = this.page ?? this.wanted();
    const size = Math.max(50, from.end - from.start);
    const start = Math.max(0, offset > 0 ? from.end : from.start - size);
    this.page = { start, end: Math.min(this.total(), start + size) };
    this.update();
  }

  /** Tokens of the step at the cursor, or the page that was turned to, or the beginning. */
  private wanted(): { start: number; end: number } {
    if (this.page) return this.page;
    const total = this.total();
    const { tokenStart, tokenEnd } = this.item?.step ?? {};
    if (!this.modelTrack() && tokenStart !== undefined && tokenEnd !== undefined && tokenEnd > tokenStart) {
      return { start: tokenStart, end: Math.min(tokenEnd, tokenStart + WINDOW_LIMIT) };
    }
    return { start: 0, end: Math.min(total, WINDOW_LIMIT) };
  }

  private update(): void {
    const { head } = this;
    const models = this.modelTracks();
    if (!head || (head.tokenCount === 0 && models.length === 0)) {
      this.strip.element.hidden = true;
      return;
    }
    const recorded = head.tokenCount > 0 ? (head.tokenSeries.length > 0 ? head.tokenSeries : [""]) : [];
    const sources = [
      ...recorded.map((name) => ({
        id: RECORDED + name,
        title: name === "" ? "nothing recorded" : `${name} (recorded)`,
      })),
      ...models.map((track) => ({ id: MODEL + track.key, title: `${track.title} (${track.convention})` })),
    ];
    if (!sources.some((source) => source.id === this.source)) this.source = sources[0]!.id;
    this.strip.element.hidden = false;
    this.strip.setSources(sources, this.source);
    const model = this.modelTrack();
    const { start, end } = this.wanted();
    if (model) {
      const series: Record<string, Float64Array> = {};
      for (const track of models) {
        // Series of one model share their tokens; another model's tokens are cut elsewhere.
        if (track.tokenText!.length === model.tokenText!.length)
          series[track.title] = track.values!.subarray(start, end);
      }
      this.strip.show(
        { start, text: model.tokenText!.slice(start, end), ids: undefined, mask: undefined, series },
        model.title,
        this.total(),
        model.partial === undefined ? "the model's own tokens" : `the model's own tokens; ${model.partial}`,
      );
      this.wantAlternatives(model, start, end);
      return;
    }
    this.wantAlternatives(undefined, 0, 0);
    const window = this.window;
    const have = window && window.start <= start && window.start + window.text.length >= end && end > start;
    if (!have && this.asked !== `${start} ${end}`) {
      this.asked = `${start} ${end}`;
      this.actions.request(this.newest.next(), start, end);
    }
    if (!window) return;
    const ofStep =
      this.item?.step.tokenStart === start && this.page === undefined
        ? `step ${this.item.step.index + 1}`
        : "";
    this.strip.show(part(window, start, end), this.source.slice(RECORDED.length), this.total(), ofStep);
  }
}
