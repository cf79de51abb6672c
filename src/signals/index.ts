import { gae } from "./advantage/gae";
import { reinforcePlusPlus } from "./advantage/reinforcePlusPlus";
import { remax } from "./advantage/remax";
import { gigpo } from "./agentic/gigpo";
import { igpo, igpoGain } from "./agentic/igpoSignals";
import { istarTokenReward } from "./agentic/istar";
import { rlfrPenalty } from "./agentic/rlfr";
import { spaCredit } from "./agentic/spa";
import { taroReward } from "./agentic/taro";
import { spoChain } from "./agentic/spoChain";
import { uis1 } from "./agentic/uis1";
import { uis1Return } from "./agentic/uis1Return";
import { unirGuidance } from "./agentic/unir";
import { groupContrast } from "./group/contrastFilter";
import { gpg } from "./group/gpg";
import { grpo } from "./group/grpo";
import { opo } from "./group/opo";
import { optimalTokenBaseline } from "./group/optimalTokenBaseline";
import { passAtK } from "./group/passAtK";
import { rloo } from "./group/rloo";
import { klPenalty } from "./loss/klEstimators";
import { overlongPenalty } from "./loss/overlongPenalty";
import { clippedPolicyLoss } from "./loss/policyLoss";
import { vtraceAdvantage } from "./offpolicy/vtrace";
import { modelScore } from "./recorded/modelScore";
import { entropy, logprob } from "./recorded/policySeries";
import { recordedAdvantage, recordedReturn, recordedReward, recordedValue } from "./recorded/recordedSeries";
import { discountedReturn } from "./returns/discountedReturn";
import { nStep } from "./returns/nStep";
import { tdLambda } from "./returns/tdLambda";
import type { Signal } from "./signal";
import { ltlfTruth, rewardMachineSignal } from "./specification/specificationSignals";
import { stepColumn } from "./specification/stepColumn";
import { spoTree } from "./tree/spoTree";

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
  reinforcePlusPlus,
  remax,
  grpo,
  rloo,
  gpg,
  opo,
  passAtK,
  optimalTokenBaseline,
  groupContrast,
  spoTree,
  spoChain,
  gigpo,
  uis1Return,
  uis1,
  istarTokenReward,
  spaCredit,
  taroReward,
  igpoGain,
  igpo,
  unirGuidance,
  rlfrPenalty,
  vtraceAdvantage,
  klPenalty,
  clippedPolicyLoss,
  overlongPenalty,
  ltlfTruth,
  rewardMachineSignal,
  stepColumn,
];
