import { Failure, failureData } from "../model/failure";
import type { ModelDeclaration } from "../model/modelDeclaration";
import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { ScoreStore } from "./datasets";
import { questionsOf, type Question } from "./judgeQuestions";
import { parseReply } from "./judgeReplies";
import { allTemplates } from "./judgeTemplates";
import type {
  ChatBackend,
  JudgeEstimate,
  JudgeReply,
  JudgeReport,
  JudgeTemplate,
  Judging,
} from "./judgingContract";
import { modelKey, type ModelRegistry } from "./modelRegistry";
import { serverBackend } from "./remote/chat";
import { inParallel } from "./remote/inParallel";
import type { ScoreArrays } from "./scoreArrays";
import type { Datasets, ServicesOptions, Task } from "./services";

/** Requests to a judge under way at once. */
const AT_ONCE = 4;
const DEFAULT_TOKENS = 64;
/** Characters of one token of ordinary text, where no tokenizer tells. */
const CHARACTERS_A_TOKEN = 4;

/** Grading by language models on servers or of the editor; replies are kept as they came. */
export class ChatJudging implements Judging {
  constructor(
    private readonly options: ServicesOptions,
    private readonly datasets: Datasets & ScoreStore,
    private readonly registry: ModelRegistry,
    private readonly tables: ScoreArrays,
  ) {}

  get templates(): readonly JudgeTemplate[] {
    return allTemplates(this.options.judgeTemplates?.() ?? []);
  }

  private template(id: string): JudgeTemplate {
    const found = this.templates.find((template) => template.id === id);
    if (found) return found;
    throw new Failure(
      "unknown-template",
      `There is no judge's prompt “${id}”.`,
      `Choose one of ${this.templates.map((template) => template.id).join(", ")}.`,
    );
  }

  async estimate(
    trajectoryIds: readonly string[],
    model: string,
    templateId: string,
  ): Promise<JudgeEstimate> {
    const declaration = this.registry.server(model);
    const template = this.template(templateId);
    let [requests, inputTokens, cached] = [0, 0, 0];
    for (const id of trajectoryIds) {
      const questions = questionsOf(await this.datasets.trajectory(id), template);
      const known = await this.known(id, declaration, template);
      for (const question of questions) {
        if (known(question)) cached++;
        else {
          requests++;
          const characters = question.prompt.length + (template.system?.length ?? 0);
          inputTokens += Math.ceil(characters / CHARACTERS_A_TOKEN);
        }
      }
    }
    const outputTokens = requests * (template.maxTokens ?? DEFAULT_TOKENS);
    const price = declaration.pricePerMillion;
    return {
      requests,
      inputTokens,
      outputTokens,
      cached,
      ...(price === undefined
        ? {}
        : { cost: (inputTokens * price.input + outputTokens * price.output) / 1e6 }),
    };
  }

  async judge(
    trajectoryIds: readonly string[],
    model: string,
    templateId: string,
    task?: Task<{ done: number; total: number }>,
  ): Promise<JudgeReport> {
    const declaration = this.registry.server(model);
    const template = this.template(templateId);
    const backend = await this.backend(declaration);
    const started = performance.now();
    const signal = task?.signal ?? new AbortController().signal;
    const series: ScoreSeries[] = [];
    const replies: Record<string, readonly JudgeReply[]> = {};
    const failures: { trajectoryId: string; message: string }[] = [];
    const sums = { requests: 0, cached: 0, inputTokens: 0, outputTokens: 0 };
    let done = 0;
    for (const id of trajectoryIds) {
      const trajectory = await this.datasets.trajectory(id);
      const questions = questionsOf(trajectory, template);
      const known = await this.known(id, declaration, template);
      const own = new Map<Question, JudgeReply>();
      let stopped: unknown;
      try {
        await inParallel(questions, AT_ONCE, signal, async (question) => {
          const before = known(question);
          if (before) {
            sums.cached++;
            own.set(question, before);
            return;
          }
          const answer = await backend.complete(
            {
              ...(template.system === undefined ? {} : { system: template.system }),
              user: question.prompt,
              maxTokens: template.maxTokens ?? DEFAULT_TOKENS,
              temperature: template.temperature ?? 0,
            },
            signal,
          );
          sums.requests++;
          sums.inputTokens += answer.inputTokens ?? Math.ceil(question.prompt.length / CHARACTERS_A_TOKEN);
          sums.outputTokens += answer.outputTokens ?? Math.ceil(answer.text.length / CHARACTERS_A_TOKEN);
          const parsed = parseReply(answer.text, template.parser);
          own.set(question, {
            ...(question.step === undefined ? {} : { step: question.step }),
            text: answer.text,
            prompt: question.prompt,
            templateId,
            model: modelKey(declaration),
            ...(answer.answeredBy === undefined ? {} : { answeredBy: answer.answeredBy }),
            created: new Date().toISOString(),
            ...("score" in parsed ? { score: parsed.score } : { score: NaN, problem: parsed.problem }),
          });
        });
      } catch (error) {
        stopped = error;
      }
      const list = questions.flatMap((question) => own.get(question) ?? []);
      // What was paid for is kept, also when the run was cancelled in the middle.
      if (list.length > 0) {
        // Those of steps that a stopped run did not come to stay too.
        const steps = new Set(list.map((reply) => reply.step));
        const others = (await this.tables.replies(id)).filter(
          (reply) =>
            reply.templateId !== templateId ||
            reply.model !== modelKey(declaration) ||
            !steps.has(reply.step),
        );
        await this.tables.putReplies(id, [...list, ...others]);
        replies[id] = list;
      }
      if (stopped !== undefined) {
        const failure = failureData(stopped);
        if (failure.code !== "server-refused" && failure.code !== "server-reply") throw stopped;
        failures.push({ trajectoryId: id, message: failure.message });
      } else if (questions.length === 0) {
        failures.push({ trajectoryId: id, message: "It has no step of the policy to judge." });
      } else {
        const one = seriesOf(trajectory, declaration, template, list);
        await this.datasets.putScores([one], [`judge ${id} ${modelKey(declaration)} ${templateId}`]);
        series.push(one);
        const unread = list.filter((reply) => reply.problem !== undefined);
        if (unread.length > 0)
          failures.push({
            trajectoryId: id,
            message: `${unread.length} of ${list.length} replies could not be read: ${unread[0]!.problem!}`,
          });
      }
      done++;
      task?.report?.({ done, total: trajectoryIds.length });
    }
    return {
      model: modelKey(declaration),
      templateId,
      ...sums,
      seconds: (performance.now() - started) / 1000,
      series,
      replies,
      failures,
    };
  }

  replies(trajectoryId: string): Promise<readonly JudgeReply[]> {
    return this.tables.replies(trajectoryId);
  }

  /** Replies given before to the very same prompt. */
  private async known(
    trajectoryId: string,
    declaration: ModelDeclaration,
    template: JudgeTemplate,
  ): Promise<(question: Question) => JudgeReply | undefined> {
    const kept = (await this.tables.replies(trajectoryId)).filter(
      (reply) => reply.templateId === template.id && reply.model === modelKey(declaration),
    );
    return (question) => {
      const found = kept.find((reply) => reply.step === question.step && reply.prompt === question.prompt);
      if (!found) return undefined;
      // The parser may have been edited since; JSON has no NaN either.
      const { problem: _problem, ...reply } = found;
      const parsed = parseReply(reply.text, template.parser);
      return "score" in parsed
        ? { ...reply, score: parsed.score }
        : { ...reply, score: NaN, problem: parsed.problem };
    };
  }

  private async backend(declaration: ModelDeclaration): Promise<ChatBackend> {
    if (declaration.api === "vscode") {
      const backend = this.options.editorModel?.(declaration);
      if (backend) return backend;
      throw new Failure(
        "no-editor-model",
        "The editor's language models are there only inside the editor.",
        "Declare a server with a url, or judge from the editor.",
      );
    }
    return serverBackend(declaration, await this.options.serverKey?.(declaration));
  }
}

function seriesOf(
  trajectory: Trajectory,
  declaration: ModelDeclaration,
  template: JudgeTemplate,
  replies: readonly JudgeReply[],
): ScoreSeries {
  const values = new Float64Array(template.level === "step" ? trajectory.steps.length : 1).fill(NaN);
  for (const reply of replies) values[reply.step ?? 0] = reply.score;
  const by = [...new Set(replies.flatMap((reply) => reply.answeredBy ?? []))];
  return {
    trajectoryId: trajectory.id,
    name: `judge_${template.id}`,
    level: template.level,
    unit: "score",
    values,
    modelPath: modelKey(declaration),
    modelKind: "judge",
    provider: "remote",
    method: `prompt “${template.id}”, read as ${template.parser.kind}, temperature ${template.temperature ?? 0}${by.length === 0 ? "" : ` as ${by.join(" and ")} takes it`}`,
  };
}
