import { biLevelGae } from "./advantage/biLevelGae";
import { gae } from "./advantage/gae";
import { reinforcePlusPlus } from "./advantage/reinforcePlusPlus";
import { remax } from "./advantage/remax";
import { gigpo } from "./agentic/gigpo";
import { igpoGain } from "./agentic/igpoGain";
import { igpo } from "./agentic/igpoSignals";
import { istarTokenReward } from "./agentic/istar";
import { rlfrPenalty } from "./agentic/rlfr";
import { spaCredit } from "./agentic/spa";
import { taroReward, taroTokenReward } from "./agentic/taro";
import { spoChain } from "./agentic/spoChain";
import { uis1 } from "./agentic/uis1";
import { uis1Return } from "./agentic/uis1Return";
import { unirGuidance } from "./agentic/unir";
import { calmReward, calmSubgoals } from "./agentic/calmSignals";
import { designedReward } from "./agentic/designedReward";
import { gatedReward } from "./agentic/gatedReward";
import { istarPreference } from "./agentic/istarPreference";
import { istar } from "./agentic/istarSignals";
import { latentChangeSignal, latentPath } from "./agentic/latentSignals";
import { latrFork, latrPrune } from "./agentic/latrSignals";
import { oniReward } from "./agentic/oniSignal";
import { rankShaping } from "./agentic/rankShaping";
import { effectiveRankSignal, rankWindows } from "./agentic/rankSignals";
import { rlfrAdvantage } from "./agentic/rlfrAdvantage";
import { spaProgress, spaTokenReward } from "./agentic/spaProgress";
import { uis1Patch, uis1Sop } from "./agentic/uis1Rollout";
import { uis1Score } from "./agentic/uis1Score";
import { controlSignals } from "./control/controlSignals";
import { groupContrast } from "./group/contrastFilter";
import { gpg } from "./group/gpg";
import { grpo } from "./group/grpo";
import { dapo, drGrpo } from "./group/grpoVariants";
import { opo } from "./group/opo";
import { optimalTokenBaseline } from "./group/optimalTokenBaseline";
import { passAtK } from "./group/passAtK";
import { reinforcePlusPlusBaseline } from "./group/reinforcePlusPlusBaseline";
import { rloo } from "./group/rloo";
import { klPenalty } from "./loss/klEstimators";
import { overlongPenalty } from "./loss/overlongPenalty";
import { clippedPolicyLoss } from "./loss/policyLoss";
import { vtraceAdvantage } from "./offpolicy/vtrace";
import { retrace } from "./offpolicy/retraceSignal";
import { modelScore } from "./recorded/modelScore";
import { entropy, logprob } from "./recorded/policySeries";
import { recordedAdvantage, recordedReturn, recordedReward, recordedValue } from "./recorded/recordedSeries";
import { diagnostics } from "./diagnostics/diagnostics";
import { blinkLinkSignal } from "./reward/blinkLinkSignal";
import { contrastConsistency } from "./reward/contrastConsistency";
import { fusedRewardSignal, hullCorner } from "./reward/contrastSignals";
import { deviceSuccess } from "./reward/deviceEpisodeSignal";
import { dimensionDistance, dimensionProbeSignal } from "./reward/dimensionSignals";
import { dangerSignal, drivingRewardSignal } from "./reward/drivingSignals";
import { followUpSignal } from "./reward/followUpSignal";
import { goalBaseline } from "./reward/goalBaselineSignal";
import { goalFilter, goalValue } from "./reward/goalStateSignals";
import { uiGenieMatch, uiGenieScore } from "./reward/guiRewardSignals";
import { judgeReward, judgeTableSignal } from "./reward/judgeSignals";
import { pairUncertainty } from "./reward/pairUncertaintySignal";
import { perceptualReward, perceptualSteps } from "./reward/perceptualSignals";
import { implicitReward, prefixGain } from "./reward/prefixSignals";
import { criticQuality, criticValue } from "./reward/progressSignals";
import { bestOfNSignal, judgeRatingSignal, tiesSignal } from "./reward/rewardBenchSignals";
import { attentionCreditSignal } from "./reward/attentionCreditSignal";
import { embeddingReward, preferenceInformation } from "./reward/embeddingRewardSignals";
import { bestOfNCurveSignal, proxyGap } from "./reward/sampleSelectionSignals";
import { videoContribution, videoScore } from "./reward/segmentalVideoSignal";
import { selfReferentialReward } from "./reward/selfReferentialSignal";
import { styleMatrix } from "./reward/styleSignal";
import { trajectoryGradeSignal } from "./reward/trajectoryGradeSignal";
import { discountedReturn } from "./returns/discountedReturn";
import { nStep } from "./returns/nStep";
import { monteCarloAdvantage, temporalDifference } from "./returns/temporalDifference";
import { tdLambda } from "./returns/tdLambda";
import type { Signal } from "./signal";
import { ltlfTruth, rewardMachineSignal } from "./specification/specificationSignals";
import { returnExpression, stepColumn } from "./specification/stepColumn";
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
  temporalDifference,
  monteCarloAdvantage,
  gae,
  biLevelGae,
  reinforcePlusPlus,
  reinforcePlusPlusBaseline,
  remax,
  grpo,
  drGrpo,
  dapo,
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
  rlfrAdvantage,
  uis1Score,
  uis1Patch,
  uis1Sop,
  latrFork,
  latrPrune,
  istar,
  istarPreference,
  spaProgress,
  spaTokenReward,
  taroTokenReward,
  gatedReward,
  designedReward,
  oniReward,
  calmSubgoals,
  calmReward,
  effectiveRankSignal,
  rankWindows,
  rankShaping,
  latentChangeSignal,
  latentPath,
  blinkLinkSignal,
  contrastConsistency,
  fusedRewardSignal,
  hullCorner,
  deviceSuccess,
  dimensionDistance,
  dimensionProbeSignal,
  dangerSignal,
  drivingRewardSignal,
  followUpSignal,
  goalBaseline,
  goalFilter,
  goalValue,
  uiGenieMatch,
  uiGenieScore,
  judgeReward,
  judgeTableSignal,
  pairUncertainty,
  perceptualReward,
  perceptualSteps,
  implicitReward,
  prefixGain,
  criticQuality,
  criticValue,
  bestOfNSignal,
  judgeRatingSignal,
  tiesSignal,
  attentionCreditSignal,
  bestOfNCurveSignal,
  embeddingReward,
  preferenceInformation,
  proxyGap,
  videoContribution,
  videoScore,
  selfReferentialReward,
  styleMatrix,
  trajectoryGradeSignal,
  vtraceAdvantage,
  retrace,
  klPenalty,
  clippedPolicyLoss,
  overlongPenalty,
  ...controlSignals,
  ltlfTruth,
  rewardMachineSignal,
  stepColumn,
  returnExpression,
  ...diagnostics,
];
