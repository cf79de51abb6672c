import { chooseModelCommand } from "./chooseModel";
import type { Command } from "./command";
import { compareWithSelectedCommand, selectForCompareCommand } from "./compare";
import { compareAdvantagesCommand } from "./compareAdvantages";
import { copyIdCommand } from "./copyId";
import { diagnoseRunCommand } from "./diagnoseRun";
import { explainHereCommand } from "./explainHere";
import { exportParquetCommand } from "./exportParquet";
import { clearFilterCommand, filterCommand, sortCommand } from "./filter";
import {
  addToIndexCommand,
  clearIndexCommand,
  openWalkthroughCommand,
  refreshCommand,
  showLogCommand,
  showMoreCommand,
  stopIndexingCommand,
} from "./indexing";
import { deleteBranchCommand, forkHereCommand } from "./forkHere";
import { installCudaCommand } from "./installCuda";
import {
  editJudgePromptCommand,
  judgeTrajectoryCommand,
  setServerKeyCommand,
  showJudgeRepliesCommand,
} from "./judgeTrajectory";
import { mapColumnsCommand } from "./mapColumns";
import { openAsTextCommand } from "./openAsText";
import { openDatasetCommand } from "./openDataset";
import { openGroupCommand } from "./openGroup";
import { openTrajectoryCommand } from "./openTrajectory";
import { openTreeCommand } from "./openTree";
import { recomputeRewardsCommand } from "./recomputeRewards";
import { runTrainingCommand } from "./runTraining";
import { scoreTrajectoryCommand } from "./scoreTrajectory";
import { scoreWithRayCommand } from "./scoreWithRay";
import { searchRunCommand } from "./searchRun";
import { showInFileCommand } from "./showInFile";
import { testModelCommand } from "./testModel";
import { valueOfStepsCommand } from "./valueOfSteps";

/** Every command of package.json, by its id without the `trajectoryLens.` in front. */
export const commandTable: Readonly<Record<string, Command>> = {
  openTrajectory: openTrajectoryCommand,
  openDataset: openDatasetCommand,
  openGroup: openGroupCommand,
  openTree: openTreeCommand,
  scoreTrajectory: scoreTrajectoryCommand,
  chooseModel: chooseModelCommand,
  testModel: testModelCommand,
  forkHere: forkHereCommand,
  deleteBranch: deleteBranchCommand,
  valueOfSteps: valueOfStepsCommand,
  judgeTrajectory: judgeTrajectoryCommand,
  editJudgePrompt: editJudgePromptCommand,
  showJudgeReplies: showJudgeRepliesCommand,
  setServerKey: setServerKeyCommand,
  installCuda: installCudaCommand,
  explainHere: explainHereCommand,
  selectForCompare: selectForCompareCommand,
  compareWithSelected: compareWithSelectedCommand,
  searchRun: searchRunCommand,
  showInFile: showInFileCommand,
  openAsText: openAsTextCommand,
  copyId: copyIdCommand,
  filter: filterCommand,
  clearFilter: clearFilterCommand,
  sort: sortCommand,
  refresh: refreshCommand,
  stopIndexing: stopIndexingCommand,
  addToIndex: addToIndexCommand,
  mapColumns: mapColumnsCommand,
  clearIndex: clearIndexCommand,
  exportParquet: exportParquetCommand,
  scoreWithRay: scoreWithRayCommand,
  recomputeRewards: recomputeRewardsCommand,
  diagnoseRun: diagnoseRunCommand,
  compareAdvantages: compareAdvantagesCommand,
  runTraining: runTrainingCommand,
  showMore: showMoreCommand,
  showLog: showLogCommand,
  openWalkthrough: openWalkthroughCommand,
};
