import { resolve } from "node:path";
import { Failure } from "../../model/failure";
import type { ForkPoint, GenerationOptions } from "../../protocol/inferenceCalls";
import type { ForkReport } from "../../services/generationContract";
import { lookAheadPresets, type LookAheadPreset } from "../../services/lookAheadPresets";
import { counted, shownTask } from "../progress";
import { rowOf, withIndex, type CommonOptions, type Output } from "../session";
import { table } from "../table";
import { providerOption } from "./modelOptions";

/** Options of drawing tokens, as the command line gives them. */
export interface SamplingOptions {
  readonly count: number;
  readonly temperature: number;
  readonly topP: number;
  readonly maxNewTokens: number;
  readonly stop: readonly string[];
  readonly seed: number;
}

export interface ForkOptions extends CommonOptions, SamplingOptions {
  readonly id: string;
  readonly model: string;
  readonly provider: string;
  readonly afterStep?: number;
  readonly afterToken?: number;
  readonly to?: string;
  readonly lookAhead?: boolean;
  /** Released set of bounds, by id. */
  readonly bounds: string;
  readonly branchAbove?: number;
  readonly branchGap?: number;
}

/** How tokens are drawn, from the options of a command; `\n` in a stop text is a line feed. */
export const samplingOf = (options: SamplingOptions): GenerationOptions => {
  const { count, temperature, topP, maxNewTokens, seed, stop } = options;
  // A shell cannot easily write a line feed.
  return {
    count,
    temperature,
    topP,
    maxNewTokens,
    seed,
    stop: stop.map((text) => text.replaceAll("\\n", "\n")),
  };
};

function pointOf({ afterStep, afterToken }: ForkOptions): ForkPoint {
  if ((afterStep === undefined) === (afterToken === undefined))
    throw new Failure(
      "bad-arguments",
      "A fork needs either --after-step or --after-token.",
      "Look at the steps with `trajectory-lens show`.",
    );
  return afterStep === undefined ? { afterToken: afterToken! } : { afterStep };
}

function boundsOf({ bounds, branchAbove, branchGap }: ForkOptions): LookAheadPreset["rule"] {
  const preset = lookAheadPresets.find(({ id }) => id === bounds);
  if (!preset)
    throw new Failure(
      "bad-arguments",
      `There are no bounds “${bounds}”.`,
      `Choose one of ${lookAheadPresets.map(({ id }) => id).join(", ")}.`,
    );
  return {
    ...preset.rule,
    ...(branchAbove === undefined ? {} : { absolute: branchAbove }),
    ...(branchGap === undefined ? {} : { relative: branchGap }),
  };
}

/** Continues one trajectory from a step or token; the branches are kept in a file of their own. */
export function forkCommand(path: string, options: ForkOptions): Promise<Output> {
  const provider = providerOption(options.provider);
  const point = pointOf(options);
  return withIndex([path], options, async (opened) => {
    const row = await rowOf(opened, options.id);
    const request = {
      trajectoryId: row.id,
      model: options.model,
      provider,
      point,
      ...(options.to === undefined ? {} : { folder: resolve(options.to) }),
    };
    const task = shownTask(counted("continuations finished:"));
    const sampling = samplingOf(options);
    const report = options.lookAhead
      ? await opened.services.generation.lookAhead(
          {
            ...request,
            maxNewTokens: sampling.maxNewTokens,
            stop: sampling.stop,
            rule: { ...boundsOf(options), capacity: sampling.count },
          },
          task,
        )
      : await opened.services.generation.fork({ ...request, options: sampling }, task);
    return { document: report, text: (width) => forkText(report, width) };
  });
}

const forkText = (report: ForkReport, width: number | undefined): string =>
  [
    `${report.branches.length} branches with ${report.model} on ${report.provider}: ${report.tokens} tokens in ${report.seconds.toFixed(3)} s, behind ${report.prefixTokens} tokens`,
    `kept in ${report.file}`,
    "",
    table(
      ["branch", "tokens", "log p", "ended by", "text"],
      report.branches.map((branch) => [
        branch.id,
        branch.tokens,
        branch.logprob,
        branch.stopReason,
        branch.text,
      ]),
      width,
    ),
  ].join("\n");
