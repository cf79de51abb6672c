import { join } from "node:path";
import { Failure, failureData } from "../model/failure";
import type { ModelInfo, Provider } from "../model/score";
import type { InferenceCalls, ProviderStatus } from "../protocol/inferenceCalls";
import { Listeners } from "./listeners";
import { compiledCodeIn } from "./processes/childProgram";
import type { CallOptions } from "./processes/pendingCall";
import { Supervisor } from "./processes/supervisor";
import type { ScoringState, ServicesOptions, Unsubscribe } from "./services";

type ProgressOf<Call> = Call extends { readonly progress: infer Progress } ? Progress : never;

/** The inference process as the services see it: started at the first call, its providers probed once, its state told. */
export class InferenceProcess {
  private readonly supervisor: Supervisor<InferenceCalls>;
  private readonly states: Listeners<ScoringState>;
  private stateNow: ScoringState = { phase: "idle" };
  private probed: Promise<readonly ProviderStatus[]> | undefined;
  private readonly crashed = new Set<Provider>();

  constructor(options: ServicesOptions) {
    const log = options.log ?? (() => undefined);
    this.states = new Listeners(log);
    this.supervisor = new Supervisor<InferenceCalls>({
      name: "the inference process",
      entry: join(options.distFolder, "inference.js"),
      env: compiledCodeIn(options.storageFolder),
      ...(options.nodePath === undefined ? {} : { nodePath: options.nodePath }),
      ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      concurrency: 1,
      log,
      onPhase: (phase) => this.setState({ ...this.stateNow, phase: phase === "running" ? "idle" : phase }),
    });
  }

  get state(): ScoringState {
    return this.stateNow;
  }

  onStateChange(listener: (state: ScoringState) => void): Unsubscribe {
    return this.states.add(listener);
  }

  /** Process id of the inference process, while there is one. */
  get pid(): number | undefined {
    return this.supervisor.pid;
  }

  providers(): Promise<readonly ProviderStatus[]> {
    this.probed ??= this.probe().catch((error: unknown) => {
      this.probed = undefined;
      throw error;
    });
    return this.probed;
  }

  /** A provider whose probe takes the process down is left out and the others are probed again. */
  private async probe(): Promise<readonly ProviderStatus[]> {
    for (;;) {
      let probing: Provider | undefined;
      try {
        return await this.supervisor.call(
          "providers",
          { skip: [...this.crashed] },
          { timeoutMs: 60_000, onProgress: (progress) => void (probing = progress.probing) },
        );
      } catch (error) {
        const { code } = failureData(error);
        const ended = code === "process-ended" || code === "timed-out";
        if (!ended || probing === undefined || probing === "cpu" || this.crashed.has(probing)) throw error;
        this.crashed.add(probing);
      }
    }
  }

  /** Calls the inference process with a model; with "auto" the next provider takes over from one that falls over. */
  async onProvider<T>(
    model: ModelInfo,
    wanted: Provider | "auto",
    run: (provider: Provider) => Promise<T>,
  ): Promise<T> {
    const provider = wanted === "auto" ? (model.declaration?.provider ?? "auto") : wanted;
    for (;;) {
      const chosen = await this.chooseProvider(provider);
      this.setState({ ...this.stateNow, provider: chosen, modelPath: model.path });
      try {
        return await run(chosen);
      } catch (error) {
        // A provider that passed its probe can still fall over a real model; with "auto" the next one takes over.
        if (failureData(error).code !== "process-ended" || provider !== "auto" || chosen === "cpu")
          throw error;
        this.crashed.add(chosen);
        this.probed = undefined;
      }
    }
  }

  async chooseProvider(wanted: Provider | "auto"): Promise<Provider> {
    const statuses = await this.providers();
    const available = statuses.filter((status) => status.available);
    if (wanted === "auto") {
      const best = available[0];
      if (!best) {
        throw new Failure(
          "no-provider",
          "No execution provider of onnxruntime works on this machine.",
          statuses[0]?.detail ?? "Reinstall the extension.",
        );
      }
      return best.provider;
    }
    const status = statuses.find((candidate) => candidate.provider === wanted);
    if (status?.available) return wanted;
    const names = available.map((candidate) => candidate.provider).join(", ");
    throw new Failure(
      "provider-unavailable",
      `The provider ${wanted} is not available here${status ? `: ${status.detail.replace(/\.$/, "")}` : ""}.`,
      `Choose one of: auto${names ? `, ${names}` : ""}.`,
    );
  }

  /** A call of the inference process, for the services that generate. */
  call<M extends keyof InferenceCalls & string>(
    method: M,
    params: InferenceCalls[M]["params"],
    options: CallOptions<ProgressOf<InferenceCalls[M]>> = {},
  ): Promise<InferenceCalls[M]["result"]> {
    return this.supervisor.call(method, params, options);
  }

  private setState(state: ScoringState): void {
    const before = this.stateNow;
    if (
      before.phase === state.phase &&
      before.provider === state.provider &&
      before.modelPath === state.modelPath
    )
      return;
    this.stateNow = state;
    this.states.tell(state);
  }

  dispose(): Promise<void> {
    return this.supervisor.dispose();
  }
}
