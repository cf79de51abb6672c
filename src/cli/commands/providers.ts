import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { detectCuda, explainCuda } from "../../services/cudaSetup";
import { withServices, type CommonOptions, type Output } from "../session";
import { table } from "../table";

/** Tries every provider of this platform, best first, and says what CUDA lacks here. */
export function providersCommand(options: CommonOptions): Promise<Output> {
  return withServices(options, async (services) => {
    const providers = await services.scoring.providers();
    const cuda = await detectCuda(dirname(fileURLToPath(import.meta.url)));
    return {
      document: { providers, cuda },
      text: () =>
        [
          table(
            ["provider", "works", "detail"],
            providers.map((one) => [one.provider, one.available ? "yes" : "no", one.detail]),
          ),
          "",
          "CUDA:",
          ...explainCuda(cuda).map((line) => `  ${line}`),
        ].join("\n"),
    };
  });
}
