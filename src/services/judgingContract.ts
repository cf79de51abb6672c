import type { ScoreSeries } from "../model/score";
import type { Task } from "./services";

/** One reply of a judge, as it came. */
export interface JudgeReply {
  /** Absent: about the whole trajectory. */
  readonly step?: number;
  readonly text: string;
  readonly prompt: string;
  readonly templateId: string;
  readonly model: string;
  /** The language model that answered, where the editor chose it: vendor/family/id. */
  readonly answeredBy?: string;
  /** What the strict parser made of it; NaN when it did not fit. */
  readonly score: number;
  readonly problem?: string;
  readonly created: string;
}

/** A prompt for a judge: visible and editable in the settings. */
export interface JudgeTemplate {
  readonly id: string;
  readonly title: string;
  readonly system?: string;
  /** With {prompt}, {response}, {step}, {history}, {answer}. */
  readonly user: string;
  readonly level: "step" | "trajectory";
  /** How the reply is read. */
  readonly parser:
    | { readonly kind: "number"; readonly minimum: number; readonly maximum: number }
    | { readonly kind: "choice"; readonly choices: Readonly<Record<string, number>> }
    | { readonly kind: "json"; readonly field: string; readonly minimum: number; readonly maximum: number };
  readonly maxTokens?: number;
  readonly temperature?: number;
}

export interface JudgeEstimate {
  readonly requests: number;
  /** Estimated: characters / 4 where no tokenizer is declared. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In the user's own currency, where prices are declared. */
  readonly cost?: number;
  readonly cached: number;
}

/** Answers one chat; the host gives one for the editor's own language models. */
export interface ChatBackend {
  complete(
    request: {
      readonly system?: string;
      readonly user: string;
      readonly maxTokens: number;
      readonly temperature: number;
    },
    signal: AbortSignal,
  ): Promise<{
    readonly text: string;
    readonly inputTokens?: number;
    readonly outputTokens?: number;
    /** Which model answered, where the declaration leaves that open. */
    readonly answeredBy?: string;
  }>;
}

export interface JudgeReport {
  readonly model: string;
  readonly templateId: string;
  readonly requests: number;
  readonly cached: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly seconds: number;
  readonly series: readonly ScoreSeries[];
  readonly replies: Readonly<Record<string, readonly JudgeReply[]>>;
  readonly failures: readonly { readonly trajectoryId: string; readonly message: string }[];
}

/** Grading by language models: on servers, or the editor's own. */
export interface Judging {
  readonly templates: readonly JudgeTemplate[];
  /** What a run would ask for, without asking anything. */
  estimate(trajectoryIds: readonly string[], model: string, templateId: string): Promise<JudgeEstimate>;
  judge(
    trajectoryIds: readonly string[],
    model: string,
    templateId: string,
    task?: Task<{ done: number; total: number }>,
  ): Promise<JudgeReport>;
  replies(trajectoryId: string): Promise<readonly JudgeReply[]>;
}
