import * as v from "valibot";
import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { Provider } from "../../model/score";
import { modelDomain, type ModelDomain } from "../scoring/modelChoice";
import { settings } from "../ui/settings";
import type { Command, CommandParts } from "./command";
import { trajectoryArgument } from "./target";

/** An entry of the Models view. */
const entrySchema = v.looseObject({ model: v.looseObject({ path: v.string() }) });

export const chooseModelCommand: Command = {
  what: "choose a model",
  make: (parts) => async (argument) => {
    const { models } = parts.host;
    const entry = v.safeParse(entrySchema, argument);
    if (entry.success) {
      const model = (await models.list()).find(({ path }) => path === entry.output.model.path);
      if (!model) return;
      if (model.kind === "judge")
        throw new Failure(
          "bad-model",
          `${model.name} is a judge and does not score.`,
          "Use the command Judge Trajectory.",
        );
      if (model.problem !== undefined || modelDomain(model) === undefined)
        throw new Failure(
          "bad-model",
          model.problem ?? `It is not clear what ${model.name} computes.`,
          "Choose another model.",
        );
      await models.choose(model);
      return;
    }
    const given =
      trajectoryArgument(argument) ??
      (parts.trajectoryEditor.activeTrajectoryId === undefined
        ? undefined
        : { trajectoryId: parts.trajectoryEditor.activeTrajectoryId });
    await models.pick(given && (await domainOf(parts, given.trajectoryId)), () => pickProvider(parts));
  },
};

async function domainOf(parts: CommandParts, trajectoryId: string): Promise<ModelDomain | undefined> {
  const { library } = parts.host;
  const row = await library.services.datasets.row(trajectoryId);
  const dataset = row && (await library.dataset(row.datasetId));
  return dataset && (dataset.numeric ? "numeric" : "text");
}

/** Lets the user choose the provider among those that work here; leaving it alone keeps the present one. */
async function pickProvider(parts: CommandParts): Promise<void> {
  const statuses = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: "Probing execution providers" },
    () => parts.host.library.services.scoring.providers(),
  );
  const current = settings.provider();
  const best = statuses.find((status) => status.available)?.provider;
  const items: (vscode.QuickPickItem & { provider: Provider | "auto"; usable: boolean })[] = [
    {
      label: "auto",
      description: best === undefined ? "none works here" : `the best that works here: ${best}`,
      provider: "auto",
      usable: true,
    },
    ...statuses.map((status) => ({
      label: status.available ? status.provider : `$(circle-slash) ${status.provider}`,
      detail: status.detail,
      provider: status.provider,
      usable: status.available,
    })),
  ];
  for (const item of items)
    if (item.provider === current) item.description = `${item.description ?? ""} (chosen)`.trim();
  const picked = await vscode.window.showQuickPick(items, {
    title: "Execution Provider",
    placeHolder: "Where the model runs",
  });
  if (!picked || picked.provider === current) return;
  if (!picked.usable)
    throw new Failure(
      "provider-unavailable",
      `The provider ${picked.provider} does not work here: ${picked.detail ?? ""}`,
      "Choose another one.",
    );
  await settings.setProvider(picked.provider);
}
