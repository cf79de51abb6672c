import { Failure } from "../../model/failure";
import type { ContextPolicy } from "../../model/modelDeclaration";
import type { Provider } from "../../model/score";
import type { ScoreExtras } from "../../protocol/inferenceCalls";

const PROVIDERS: readonly (Provider | "auto")[] = ["auto", "cuda", "webgpu", "dml", "coreml", "cpu"];
const POLICIES: readonly ContextPolicy[] = ["refuse", "truncate-head", "slide"];

/** @throws Failure `bad-arguments` */
export function providerOption(text: string): Provider | "auto" {
  const provider = PROVIDERS.find((name) => name === text);
  if (provider) return provider;
  throw new Failure(
    "bad-arguments",
    `There is no provider "${text}".`,
    `Choose one of: ${PROVIDERS.join(", ")}.`,
  );
}

/** @throws Failure `bad-arguments` */
export function longTextOption(text: string | undefined): ContextPolicy | undefined {
  if (text === undefined) return undefined;
  const policy = POLICIES.find((name) => name === text);
  if (policy) return policy;
  throw new Failure(
    "bad-arguments",
    `There is no way "${text}" to deal with long texts.`,
    `Choose one of: ${POLICIES.join(", ")}.`,
  );
}

/** Options of `score` that ask for more than the usual numbers. */
export interface ExtraOptions {
  readonly topK?: number;
  readonly hiddenLayers?: string;
  readonly reference?: string;
  readonly backbone?: string;
  readonly flow?: string;
  readonly flowDraws?: number;
  readonly prefixes?: boolean;
  readonly perToken?: boolean;
}

/** @throws Failure `bad-arguments` */
export function extrasOf(options: ExtraOptions): ScoreExtras {
  const { topK, hiddenLayers, reference, backbone, flow, flowDraws, prefixes, perToken } = options;
  const layers = hiddenLayers?.split(",").map(Number);
  if (layers?.some((layer) => !Number.isInteger(layer) || layer < -1))
    throw new Failure(
      "bad-arguments",
      `The option --hidden-layers takes numbers such as 0,6,-1, not "${hiddenLayers ?? ""}".`,
      "0 is the embedding layer, -1 the last one.",
    );
  return {
    ...(topK === undefined ? {} : { topK }),
    ...(layers === undefined ? {} : { hiddenLayers: layers }),
    ...(reference === undefined ? {} : { reference }),
    ...(backbone === undefined ? {} : { backbone }),
    ...(flow === undefined ? {} : { flow }),
    ...(flowDraws === undefined ? {} : { flowDraws }),
    ...(prefixes ? { prefixes } : {}),
    ...(perToken ? { perToken } : {}),
  };
}
