import { gae } from "./advantage/gae";
import { grpo } from "./group/grpo";
import { rloo } from "./group/rloo";
import { modelScore } from "./recorded/modelScore";
import { entropy, logprob } from "./recorded/policySeries";
import { recordedAdvantage, recordedReturn, recordedReward, recordedValue } from "./recorded/recordedSeries";
import { discountedReturn } from "./returns/discountedReturn";
import { nStep } from "./returns/nStep";
import { tdLambda } from "./returns/tdLambda";
import { spoTree } from "./tree/spoTree";
import type { Signal } from "./signal";

/** The catalogue: every signal, by family. */
export const signals: readonly Signal[] = [
  recordedReward,
  recordedValue,
  recordedAdvantage,
  recordedReturn,
  logprob,
  entropy,
  modelScore,
  discountedReturn,
  nStep,
  tdLambda,
  gae,
  grpo,
  rloo,
  spoTree,
];
