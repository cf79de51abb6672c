import { androidWorld } from "./androidWorld";
import { areal } from "./areal";
import { arealText } from "./arealText";
import { agentLightning, agentLightningRows } from "./agentLightning";
import { virtualHome } from "./actionPrograms";
import { art } from "./art";
import { msSwift, roll } from "./columnarRollouts";
import { completionLog } from "./completionLog";
import { easyR1Log } from "./easyR1Log";
import { markdownRollouts } from "./markdownRollouts";
import { mathEval } from "./mathEval";
import { ragen } from "./ragen";
import { rollAgentic } from "./rollAgentic";
import { agentBench, searchResults } from "./searchResults";
import { spaRlTurns } from "./spaRl";
import { textTimesteps } from "./textTimesteps";
import { tinkerCapture } from "./tinkerCapture";
import { tinkerCookbook } from "./tinkerCookbook";
import { tokenRows } from "./tokenRows";
import { openInstruct, tokenSamples } from "./tokenRollouts";
import { agentSteps, searchAgentTurns } from "./toolSteps";
import { atif, atifStream } from "./atif";
import { atropos } from "./atropos";
import { barfiBuffer, barfiResults } from "./barfi";
import { carlaResults } from "./carlaResults";
import { chatList, chatMessages } from "./chatMessages";
import { d3rlpy } from "./d3rlpy";
import { d3rlpyFlat, d4rl } from "./d4rl";
import { evaluations } from "./evaluations";
import { claudeCode } from "./claudeCode";
import { codex } from "./codex";
import { geminiCli } from "./geminiCli";
import { openCode } from "./openCode";
import { goose } from "./goose";
import { lmEvalHarness } from "./lmEvalHarness";
import { evalScope } from "./evalScope";
import { helm } from "./helm";
import { terminalBench, asciicast } from "./terminalBench";
import { apiCalls } from "./apiCalls";
import { browserUse } from "./browserUse";
import { smolagents, smolagentsSteps } from "./smolagents";
import { toolBench } from "./toolBench";
import { interCode } from "./interCode";
import { bfcl } from "./bfcl";
import { piAgent } from "./piAgent";
import { aideJournal } from "./aideJournal";
import { openAiEvals } from "./openAiEvals";
import { agentsSdkTraces } from "./agentsSdkTraces";
import type { Format } from "./format";
import { imitationDataset } from "./imitationDataset";
import { leRobot } from "./leRobot";
import { dopamineReplay } from "./dopamineReplay";
import { maniSkill } from "./maniSkill";
import { trainingLog } from "./trainingLog";
import { mappedFormatById } from "./mapped";
import { milesColumns, milesTrajectory } from "./miles";
import { minari } from "./minari";
import { minariTables } from "./minariTables";
import { miniSweAgent } from "./miniSweAgent";
import { gymMonitor } from "./gymMonitor";
import { monitorLog } from "./monitorLog";
import { napResults } from "./napResults";
import { nemoGym } from "./nemoGym";
import { nemoRl } from "./nemoRl";
import { langfuse } from "./langfuse";
import { langSmith } from "./langSmith";
import { openInference } from "./openInference";
import { mlflowTraces } from "./mlflowTraces";
import { phoenixDatabase } from "./phoenixDatabase";
import { openAiItems, openAiResponses } from "./openAiResponses";
import { otlp } from "./otlp";
import { inspectEval, inspectJson } from "./inspect";
import { openHandsEvents, openHandsOutput } from "./openHands";
import { openHandsConversation } from "./openHandsConversation";
import { npyPairs } from "./npyPairs";
import { episodeSteps } from "./episodeSteps";
import { episodeTables } from "./episodeTables";
import { hdf5Episodes } from "./hdf5Episodes";
import { episodeArrays, episodePickles, imitationRollouts, stableBaselines2 } from "./plainEpisodes";
import { preferencePairs } from "./preferencePairs";
import { generatedBranches } from "./generatedBranches";
import { pipelineRl } from "./pipelineRl";
import { rl2 } from "./rl2";
import { experienceRecords, trlxHistory } from "./experienceRecords";
import { unstableBaselines } from "./unstableBaselines";
import { primeRlBatches } from "./primeRlBatches";
import { primeRlSamples } from "./primeRlSamples";
import { primeRlTokens } from "./primeRlTokens";
import { qualityDiversity } from "./qualityDiversity";
import { rllm } from "./rllm";
import { rlLoggingBoard } from "./rlLoggingBoard";
import { rlds } from "./rlds";
import { rllibBatches, rllibSteps } from "./rllib";
import { rllibEpisodes } from "./rllibEpisodes";
import { robomimic } from "./robomimic";
import { rocketStates } from "./rocketStates";
import { shareGpt } from "./shareGpt";
import { skyRlEval } from "./skyRlEval";
import { slimeRollout } from "./slime";
import { slimeTrain } from "./slimeTrain";
import { spoTree } from "./spoTree";
import { prm800k, processBench } from "./stepLabels";
import { sweAgent } from "./sweAgent";
import { tau2Bench, tauBench } from "./tauBench";
import { tianshouHdf5 } from "./tianshouBuffer";
import { tfAgents } from "./tfAgents";
import { experienceBatch, skyRlBatch, verlDataProto } from "./trainingBatches";
import { trlCompletions } from "./trlCompletions";
import { vehicleMatrix, vehicleTracks } from "./vehicleTracks";
import { verifiersResults } from "./verifiersResults";
import { verifiersTraces } from "./verifiersTraces";
import { verl } from "./verl";
import { kto } from "./kto";
import { landscapeOfThoughts } from "./landscapeOfThoughts";
import { lats } from "./lats";
import { mathShepherd } from "./mathShepherd";
import { moatless } from "./moatless";
import { reasonEvalData, reasonEvalScores } from "./reasonEval";
import { rStar } from "./rStar";
import { stepCandidates } from "./stepCandidates";
import { crosswordsSearch } from "./crosswordsSearch";
import { monteCarloTree } from "./monteCarloTree";
import { ratedResponses } from "./ratedResponses";
import { responsePairs } from "./responsePairs";
import { stepRecords } from "./stepRecords";
import { stepwiseLabels } from "./stepwiseLabels";
import { taggedTree } from "./taggedTree";
import { treeOfThoughts } from "./treeOfThoughts";
import { treeRl } from "./treeRl";
import { browserGym } from "./browserGym";
import { btlUi } from "./btlUi";
import {
  contrastInstructions,
  conversationPairs,
  letteredPairs,
  videoVotes,
  vlRewardBench,
} from "./comparisons";
import { guiCritic, mobileAgent } from "./mobileAgent";
import { openCua } from "./openCua";
import { osGenesis, osGenesisInstructions } from "./osGenesis";
import { osWorld } from "./osWorld";
import { plannerRun } from "./plannerRun";
import { replayBuffers } from "./replayBuffers";
import { rewardBenchScores } from "./rewardBenchScores";
import { rewardMath } from "./rewardMath";
import { modelOutputs, pairScores, rewardBench2 } from "./rewardModelBenches";
import { uiGenie } from "./uiGenie";
import { uiS1, uiS1Results } from "./uiS1";
import { verlAgent, verlAgentSteps } from "./verlAgent";
import { trackioDatabase } from "./trackio";
import { wandbTable } from "./wandbTable";

/** The catalogue of formats. A new one is one file here and one line below; the store takes the highest confidence. */
export const formats: readonly Format[] = [
  verl,
  verlAgent,
  verlAgentSteps,
  primeRlTokens,
  primeRlBatches,
  primeRlSamples,
  verifiersTraces,
  verifiersResults,
  trlCompletions,
  wandbTable,
  trackioDatabase,
  nemoRl,
  nemoGym,
  areal,
  arealText,
  rllm,
  skyRlEval,
  slimeRollout,
  slimeTrain,
  milesTrajectory,
  milesColumns,
  pipelineRl,
  rl2,
  experienceRecords,
  trlxHistory,
  unstableBaselines,
  verlDataProto,
  skyRlBatch,
  experienceBatch,
  androidWorld,
  atropos,
  agentLightning,
  agentLightningRows,
  virtualHome,
  art,
  msSwift,
  roll,
  rollAgentic,
  completionLog,
  easyR1Log,
  markdownRollouts,
  mathEval,
  ragen,
  agentBench,
  searchResults,
  spaRlTurns,
  textTimesteps,
  tinkerCookbook,
  tinkerCapture,
  openInstruct,
  tokenSamples,
  tokenRows,
  agentSteps,
  searchAgentTurns,
  rlLoggingBoard,
  spoTree,
  minari,
  minariTables,
  leRobot,
  d4rl,
  d3rlpyFlat,
  d3rlpy,
  robomimic,
  rlds,
  tfAgents,
  imitationDataset,
  imitationRollouts,
  stableBaselines2,
  rllibBatches,
  rllibSteps,
  rllibEpisodes,
  replayBuffers,
  tianshouHdf5,
  episodePickles,
  episodeArrays,
  episodeTables,
  episodeSteps,
  hdf5Episodes,
  maniSkill,
  dopamineReplay,
  npyPairs,
  rocketStates,
  evaluations,
  monitorLog,
  gymMonitor,
  trainingLog,
  qualityDiversity,
  barfiBuffer,
  barfiResults,
  vehicleTracks,
  vehicleMatrix,
  napResults,
  carlaResults,
  sweAgent,
  miniSweAgent,
  openHandsOutput,
  openHandsEvents,
  openHandsConversation,
  inspectEval,
  inspectJson,
  lmEvalHarness,
  evalScope,
  helm,
  openAiEvals,
  otlp,
  langSmith,
  langfuse,
  openInference,
  phoenixDatabase,
  mlflowTraces,
  openAiResponses,
  openAiItems,
  apiCalls,
  agentsSdkTraces,
  atif,
  atifStream,
  terminalBench,
  asciicast,
  smolagents,
  smolagentsSteps,
  tauBench,
  tau2Bench,
  toolBench,
  interCode,
  bfcl,
  prm800k,
  processBench,
  uiS1,
  uiS1Results,
  plannerRun,
  osWorld,
  browserGym,
  browserUse,
  mobileAgent,
  guiCritic,
  openCua,
  osGenesis,
  osGenesisInstructions,
  uiGenie,
  btlUi,
  contrastInstructions,
  letteredPairs,
  vlRewardBench,
  videoVotes,
  conversationPairs,
  rewardBench2,
  rewardBenchScores,
  rewardMath,
  pairScores,
  modelOutputs,
  mathShepherd,
  reasonEvalScores,
  reasonEvalData,
  treeOfThoughts,
  crosswordsSearch,
  monteCarloTree,
  taggedTree,
  treeRl,
  moatless,
  aideJournal,
  stepCandidates,
  rStar,
  lats,
  landscapeOfThoughts,
  stepwiseLabels,
  responsePairs,
  ratedResponses,
  kto,
  preferencePairs,
  stepRecords,
  shareGpt,
  chatMessages,
  chatList,
  claudeCode,
  codex,
  geminiCli,
  openCode,
  goose,
  piAgent,
  generatedBranches,
];

/** The format with this id; the id of a mapping of columns gives the format that it makes. */
export function formatById(id: string): Format | undefined {
  return formats.find((format) => format.id === id) ?? mappedFormatById(id);
}
