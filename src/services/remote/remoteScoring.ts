import { existsSync } from "node:fs";
import { Failure, failureData } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { Provider, ScoreArray, ScoreReport, ScoreSeries } from "../../model/score";
import type { Trajectory } from "../../model/trajectory";
import type { ScoreStore } from "../datasets";
import { ModelHashes } from "../modelHashes";
import { modelKey, ModelRegistry } from "../modelRegistry";
import { bareText, sampleTrajectories } from "../sampleTrajectories";
import type { ScoreArrays } from "../scoreArrays";
import type { Datasets, ModelTest, ServicesOptions, Task } from "../services";
import { EchoProbe, type TokenIds } from "./echoProbe";
import type { HttpOptions } from "./http";
import { inParallel } from "./inParallel";
import { kserveSeries } from "./kserve";
import { remoteEmbeddings } from "./remoteEmbeddings";
import { policySeries, remoteLogprobs } from "./remotePolicy";
import { rewardSeries } from "./remoteRewards";
import { remoteText, type PrepareText, type RemoteText } from "./remoteText";
import { remoteKey, serverReading } from "./serverReading";

/** Failures that the next trajectory would meet too. */
const FOR_ALL: ReadonlySet<string> = new Set([
  "cancelled",
  "server-unreachable",
  "server-busy",
  "server-logprobs",
  "missing-tokenizer",
]);

/** Requests under way at once; a server batches them itself. */
const AT_ONCE = 4;

type ScoreProgress = { done: number; total: number; provider: Provider; message: string };

interface Numbers {
  readonly series: readonly ScoreSeries[];
  readonly arrays: readonly ScoreArray[];
  readonly tokens: number;
}

/** Scores through servers that the user's settings declare. Results are kept in the index like local ones. */
export class RemoteScoring {
  private readonly echo = new EchoProbe();
  private readonly hashes = new ModelHashes();

  constructor(
    private readonly options: ServicesOptions,
    private readonly datasets: Datasets & ScoreStore,
    private readonly tables: ScoreArrays,
    private readonly prepare: PrepareText,
  ) {}

  async score(
    trajectoryIds: readonly string[],
    declaration: ModelDeclaration,
    task?: Task<ScoreProgress>,
  ): Promise<ScoreReport> {
    if (declaration.kind === "judge" || declaration.url === undefined)
      throw new Failure(
        "model-does-not-fit",
        `${declaration.name ?? modelKey(declaration)} is a judge; it answers in words.`,
        "Use Judge Trajectory instead.",
      );
    const started = performance.now();
    const http: HttpOptions = {
      key: await this.options.serverKey?.(declaration),
      ...(task?.signal === undefined ? {} : { signal: task.signal }),
    };
    const total = trajectoryIds.length;
    const series: ScoreSeries[] = [];
    const arrays: ScoreArray[] = [];
    const failures: { trajectoryId: string; message: string }[] = [];
    let [done, cached, tokens] = [0, 0, 0];
    const keyed = await this.byContent(declaration);
    await inParallel(trajectoryIds, AT_ONCE, task?.signal, async (id) => {
      const trajectory = await this.datasets.trajectory(id);
      const key = remoteKey(trajectory, keyed);
      const known = (await this.datasets.cachedScores([key]))[0] ?? [];
      const own = known.filter((one) => one.trajectoryId === id);
      const tables = declaration.kind === "embedding" ? await this.tables.of(id, key) : [];
      if (own.length > 0 || tables.length > 0) {
        cached++;
        series.push(...own);
        arrays.push(...tables);
      } else {
        try {
          const numbers = await this.ask(declaration, trajectory, http);
          if (numbers.series.length > 0)
            await this.datasets.putScores(
              numbers.series,
              numbers.series.map(() => key),
            );
          if (numbers.arrays.length > 0) await this.tables.put(numbers.arrays, key);
          series.push(...numbers.series);
          arrays.push(...numbers.arrays);
          tokens += numbers.tokens;
        } catch (error) {
          const failure = failureData(error);
          // What fails for one text goes on with the next; a server that is not there or takes no more fails for all.
          if (FOR_ALL.has(failure.code)) throw error;
          failures.push({ trajectoryId: id, message: failure.message });
        }
      }
      done++;
      task?.report?.({ done, total, provider: "remote", message: `${done} of ${total}` });
    });
    return {
      provider: "remote",
      modelPath: modelKey(declaration),
      modelKind: declaration.kind ?? "unknown",
      trajectories: total,
      tokens,
      seconds: (performance.now() - started) / 1000,
      loadSeconds: 0,
      cached,
      series,
      failures,
      ...(arrays.length > 0 ? { arrays } : {}),
    };
  }

  /** The declaration with its tokenizer's content in place of its path. One that is not there is told when it is needed. */
  private async byContent(declaration: ModelDeclaration): Promise<ModelDeclaration> {
    const { tokenizer } = declaration;
    if (tokenizer === undefined || !existsSync(tokenizer)) return declaration;
    return { ...declaration, tokenizer: await this.hashes.of({ path: tokenizer }) };
  }

  private async ask(
    declaration: ModelDeclaration,
    trajectory: Trajectory,
    http: HttpOptions,
  ): Promise<Numbers> {
    const path = modelKey(declaration);
    const reading = serverReading(declaration);
    if (reading === "kserve") {
      const series = await kserveSeries(
        declaration,
        path,
        trajectory,
        () => remoteText(declaration, trajectory, this.prepare),
        http,
      );
      return { series, arrays: [], tokens: series[0]?.values.length ?? 0 };
    }
    if (reading === "embeddings") {
      const table = await remoteEmbeddings(declaration, path, trajectory, http);
      return { series: [], arrays: [table], tokens: 0 };
    }
    const prepared = await remoteText(declaration, trajectory, this.prepare);
    if (reading === "completions") {
      await this.echo.check(declaration, http, this.tokenIds(declaration, prepared));
      const found = await remoteLogprobs(declaration, prepared, http);
      const series = policySeries(declaration, path, trajectory, prepared, found);
      return { series, arrays: [], tokens: found.tokens.length };
    }
    const series = await rewardSeries(reading, declaration, path, trajectory, prepared, http);
    return { series: [series], arrays: [], tokens: prepared.tokens?.ids.length ?? 0 };
  }

  /** What is going to be sent, for the probe; undefined where it is text. */
  private tokenIds({ tokenizer }: ModelDeclaration, prepared: RemoteText): TokenIds | undefined {
    const { text, tokens } = prepared;
    if (!tokens || tokenizer === undefined) return undefined;
    return {
      ids: tokens.ids,
      textOf: (count) => text.slice(0, tokens.spans[count - 1]?.end ?? 0),
      encode: async (part) => [...(await this.prepare({ tokenizer, trajectory: bareText(part) })).ids],
    };
  }

  /** Asks the server about a made-up trajectory. Never throws. */
  async test(declaration: ModelDeclaration): Promise<ModelTest> {
    const model = ModelRegistry.serverInfo(declaration);
    const started = performance.now();
    try {
      const http: HttpOptions = { key: await this.options.serverKey?.(declaration), timeoutMs: 30_000 };
      const [sample] = sampleTrajectories(model);
      if (declaration.kind === "judge" || !sample)
        return { model, provider: "remote", results: [], problem: "Judges are tried with Judge Trajectory." };
      const numbers = await this.ask(declaration, sample, http);
      return {
        model,
        provider: "remote",
        seconds: (performance.now() - started) / 1000,
        tokens: numbers.tokens,
        results: [
          ...numbers.series.map((one) => `${one.name} per ${one.level}`),
          ...numbers.arrays.map((one) => `${one.name} [${one.rows}, ${one.width}]`),
        ],
      };
    } catch (error) {
      return { model, results: [], problem: failureData(error).message };
    }
  }
}
