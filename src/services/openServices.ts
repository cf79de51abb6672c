import { IndexAnnotations } from "./annotations";
import { DatasetComparisons } from "./comparisons";
import { ProcessDatasets } from "./datasets";
import { DatasetDiagnoses } from "./diagnoses";
import { FolderRayJobs } from "./rayJobs";
import { ProcessGeneration } from "./generation";
import { ChatJudging } from "./judging";
import { ModelRegistry } from "./modelRegistry";
import { RunnerRecompute } from "./recompute";
import { RemoteScoring } from "./remote/remoteScoring";
import { ScoreArrays } from "./scoreArrays";
import { ProcessScoring } from "./scoring";
import type { Services, ServicesOptions } from "./services";
import { CatalogueSignals } from "./signals";
import { DatasetSpecifications } from "./specifications";
import { UserSignals } from "./userSignals/userSignals";

/**
 * Builds the services. Cheap: no process is started and no file is touched before the first call.
 * Every service must be ended with `dispose`, which also ends the child processes.
 */
export function createServices(options: ServicesOptions): Services {
  const datasets = new ProcessDatasets(options);
  const registry = new ModelRegistry(options.models ?? (() => []));
  const tables = new ScoreArrays(options.storageFolder);
  const remote = new RemoteScoring(options, datasets, tables, (params) =>
    scoring.process.call("prepare", params),
  );
  const scoring: ProcessScoring = new ProcessScoring(options, datasets, registry, tables, remote);
  const userSignals = new UserSignals(options);
  const signals = new CatalogueSignals(datasets, tables, userSignals);
  return {
    datasets,
    signals,
    scoring,
    annotations: new IndexAnnotations(datasets, signals),
    recompute: new RunnerRecompute(options, datasets),
    generation: new ProcessGeneration(options, datasets, scoring, registry),
    judging: new ChatJudging(options, datasets, registry, tables),
    rayJobs: new FolderRayJobs(options, datasets, scoring),
    specifications: new DatasetSpecifications(datasets),
    diagnoses: new DatasetDiagnoses(datasets),
    comparisons: new DatasetComparisons(datasets),
    async dispose() {
      signals.dispose();
      await Promise.all([userSignals.dispose(), scoring.dispose(), datasets.dispose()]);
    },
  };
}
