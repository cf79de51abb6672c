import type { ExplanationView, FromTrajectoryView, ToTrajectoryView } from "../../protocol/webviewMessages";
import type { SignalTrack } from "../../services/services";
import type { Host } from "../host";
import { explanationView } from "./explanationView";
import { pickSignal } from "./signalPick";
import { trackMessages } from "./trackMessages";
import { computeTrack, defaultTracks, withPreset, type TrackRequest } from "./tracks";
import type { ViewChannel } from "./viewChannel";

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
    for (const message of trackMessages(results.map(({ data }) => data))) this.channel.post(message);
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
