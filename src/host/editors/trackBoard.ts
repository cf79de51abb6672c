import type { ExplanationView, FromTrajectoryView, ToTrajectoryView } from "../../protocol/webviewMessages";
import type { SignalTrack } from "../../services/services";
import type { Host } from "../host";
import type { ScoreArray } from "../../model/score";
import { explanationView } from "./explanationView";
import { shownTokens } from "../ui/credentialMask";
import { clampWindow } from "./incoming";
import { pickSignal } from "./signalPick";
import { trackMessages } from "./trackMessages";
import { computeTrack, defaultTracks, withPreset, type TrackRequest } from "./tracks";
import type { ViewChannel } from "./viewChannel";

/** No token of a vocabulary that a reader could tell apart is longer. */
const TOKEN_CHARACTERS = 64;

type DataFile = { readonly path: string; readonly format: string };

/** The tracks of one open trajectory: which are shown, under which convention, and why a number is what it is. */
export class TrackBoard {
  private tracks: TrackRequest[] = [];
  /** Keys that were shown once: a track that the reader removed does not come back by itself. */
  private readonly offered = new Set<string>();
  private readonly computed = new Map<string, SignalTrack>();
  private turn = 0;

  constructor(
    private readonly host: Host,
    private readonly trajectoryId: string,
    private readonly channel: ViewChannel<ToTrajectoryView, FromTrajectoryView>,
  ) {}

  /** Shows the default tracks. */
  async start(): Promise<void> {
    this.show(await defaultTracks(this.host.library.services, this.trajectoryId));
    await this.send();
  }

  /**
   * After scoring: models' series are replaced by the new ones, tracks that the scores make possible are added, what
   * the reader arranged stays.
   */
  async refresh(): Promise<void> {
    const fresh = await defaultTracks(this.host.library.services, this.trajectoryId);
    this.show([
      ...this.tracks.map(
        (track) =>
          fresh.find((candidate) => candidate.kind === "model" && candidate.key === track.key) ?? track,
      ),
      ...fresh.filter((track) => !this.offered.has(track.key)),
    ]);
    await this.send();
  }

  async choosePreset(key: string, presetId: string): Promise<void> {
    this.show(this.tracks.map((track) => (track.key === key ? withPreset(track, presetId) : track)));
    await this.send();
  }

  async add(): Promise<void> {
    const request = await pickSignal(this.host.library.services);
    if (!request) return;
    const told = request.parameters === undefined ? "" : `?${JSON.stringify(request.parameters)}`;
    const preset = request.presetId === undefined ? "" : `:${request.presetId}`;
    const key = `${request.signalId}${preset}${told}`;
    this.show([...this.tracks.filter((track) => track.key !== key), { kind: "signal", key, request }]);
    await this.send();
  }

  async remove(key: string): Promise<void> {
    this.show(this.tracks.filter((track) => track.key !== key));
    await this.send();
  }

  private show(tracks: TrackRequest[]): void {
    this.tracks = tracks;
    for (const { key } of tracks) this.offered.add(key);
  }

  /** Computes every track and sends them together; long series follow in windows. */
  private async send(): Promise<void> {
    const turn = ++this.turn;
    const { services } = this.host.library;
    const results = await Promise.all(
      this.tracks.map((track) => computeTrack(services, this.trajectoryId, track)),
    );
    // A newer set of tracks is on its way.
    if (turn !== this.turn) return;
    this.computed.clear();
    for (const { data, computed } of results) if (computed) this.computed.set(data.key, computed);
    const tables = await this.likeliest();
    if (turn !== this.turn) return;
    const tracks = results.map(({ data }) => {
      const width = tables.get(this.modelOf(data.key) ?? "")?.logprobs.width;
      return width === undefined || data.tokenText === undefined ? data : { ...data, alternatives: width };
    });
    for (const message of trackMessages(tracks)) this.channel.post(message);
  }

  private modelOf(key: string): string | undefined {
    const track = this.tracks.find((candidate) => candidate.key === key);
    return track?.kind === "model" ? track.series.modelPath : undefined;
  }

  /** Tables of likeliest tokens, by path of the policy that gave them. */
  private async likeliest(): Promise<
    ReadonlyMap<string, { readonly texts: readonly string[]; readonly logprobs: ScoreArray }>
  > {
    const found = new Map<string, { texts: readonly string[]; logprobs: ScoreArray }>();
    if (!this.tracks.some((track) => track.kind === "model" && track.series.modelKind === "policy-lm"))
      return found;
    const arrays = await this.host.library.services.scoring.arrays(this.trajectoryId);
    for (const ids of arrays) {
      const logprobs = arrays.find(
        (other) => other.name === "topk_logprob" && other.modelPath === ids.modelPath,
      );
      if (ids.name === "topk_id" && ids.labels && logprobs?.width === ids.width)
        found.set(ids.modelPath, { texts: ids.labels, logprobs });
    }
    return found;
  }

  /** Sends the likeliest tokens of a window. */
  async alternatives({
    id,
    key,
    start,
    end,
  }: Extract<FromTrajectoryView, { type: "alternatives" }>): Promise<void> {
    const table = (await this.likeliest()).get(this.modelOf(key) ?? "");
    if (!table || !this.channel.isNewest("alternatives", id)) return;
    const track = this.tracks.find((candidate) => candidate.key === key);
    const own = (track?.kind === "model" ? track.series.tokenText : undefined) ?? [];
    const shown = shownTokens(own);
    const hidden = (row: number): boolean => own[row] !== shown[row];
    const { width, rows, data } = table.logprobs;
    const window = clampWindow(start, end, rows);
    const [from, to] = [window.start * width, window.end * width];
    this.channel.post({
      type: "alternatives",
      id,
      key,
      start: window.start,
      width,
      text: table.texts
        .slice(from, to)
        // What stands beside a hidden token may be that very token.
        .map((text, at) =>
          hidden(window.start + Math.floor(at / width)) ? "•" : text.slice(0, TOKEN_CHARACTERS),
        ),
      logprob: Float64Array.from(data.subarray(from, to)),
    });
  }

  /** @param data the trajectory's file and format, to find the code that made it */
  async explain(
    { id, key, index }: Extract<FromTrajectoryView, { type: "explain" }>,
    data: DataFile,
  ): Promise<void> {
    const { explanation, why } = await this.explanation(key, index, data);
    if (this.channel.isNewest("explain", id))
      this.channel.post({ type: "explanation", id, key, index, explanation, why });
  }

  private async explanation(
    key: string,
    index: number,
    data: DataFile,
  ): Promise<{ explanation: ExplanationView | undefined; why: string | undefined }> {
    const none = (why: string) => ({ explanation: undefined, why });
    const track = this.tracks.find((candidate) => candidate.key === key);
    if (!track) return none("This track is no longer shown.");
    if (track.kind === "model") return none(track.series.method);
    try {
      const found = await this.host.library.services.signals.explain(this.trajectoryId, track.request, index);
      if (!found) return none("There is no number here to explain.");
      const computed = this.computed.get(key);
      const code = await this.host.credit.codeFor(track.request.signalId, data);
      return {
        explanation: explanationView(found, computed?.convention ?? "", computed, this.trajectoryId, code),
        why: undefined,
      };
    } catch (error) {
      const { message, hint } = this.host.failures.note(error, `explain ${key}`);
      return none(`${message} ${hint}`);
    }
  }
}
