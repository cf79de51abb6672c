import { IndexAnnotations } from "./annotations";
import { ProcessDatasets } from "./datasets";
import { DatasetDiagnoses } from "./diagnoses";
import { FolderRayJobs } from "./rayJobs";
import { RunnerRecompute } from "./recompute";
import { ProcessScoring } from "./scoring";
import type { Services, ServicesOptions } from "./services";
import { CatalogueSignals } from "./signals";
import { DatasetSpecifications } from "./specifications";

/**
 * Builds the services. Cheap: no process is started and no file is touched before the first call.
 * Every service must be ended with `dispose`, which also ends the child processes.
 */
export function createServices(options: ServicesOptions): Services {
  const datasets = new ProcessDatasets(options);
  const scoring = new ProcessScoring(options, datasets);
  const signals = new CatalogueSignals(datasets);
  return {
    datasets,
    signals,
    scoring,
    annotations: new IndexAnnotations(datasets, signals),
    recompute: new RunnerRecompute(options, datasets),
    rayJobs: new FolderRayJobs(options, datasets, scoring),
    specifications: new DatasetSpecifications(datasets),
    diagnoses: new DatasetDiagnoses(datasets),
    async dispose() {
      signals.dispose();
      await Promise.all([scoring.dispose(), datasets.dispose()]);
    },
  };
}
