import { basename } from "node:path";
import * as vscode from "vscode";
import type { Services, SignalRequest } from "../../services/services";
import { pickSpecification } from "./specificationPick";
import { signals as catalogue } from "../../signals/index";

/** Lets the user choose a signal, then one of its conventions where it has several. Undefined when given up. */
export async function pickSignal(services: Services): Promise<SignalRequest | undefined> {
  const { signals: own, problems } = await services.signals.userSignals();
  const signals = [...catalogue, ...own];
  const items: (vscode.QuickPickItem & { id?: string })[] = [];
  let family: string | undefined;
  for (const signal of signals) {
    if (signal.family !== family) {
      family = signal.family;
      items.push({ label: family, kind: vscode.QuickPickItemKind.Separator });
    }
    items.push({ label: signal.title, description: signal.level, detail: signal.description, id: signal.id });
  }
  if (problems.length > 0)
    items.push({ label: "files that cannot be used", kind: vscode.QuickPickItemKind.Separator });
  for (const { path, message } of problems)
    items.push({ label: `$(warning) ${basename(path)}`, detail: message });
  const picked = await vscode.window.showQuickPick(items, {
    title: "Add Track",
    placeHolder: "Signal to show under the trajectory",
    matchOnDetail: true,
  });
  const signal = signals.find((candidate) => candidate.id === picked?.id);
  if (!signal) return undefined;
  if (signal.family === "specification") {
    const parameters = await pickSpecification(signal.id);
    return parameters && { signalId: signal.id, parameters };
  }
  if (signal.presets.length < 2) {
    const only = signal.presets[0];
    return { signalId: signal.id, ...(only ? { presetId: only.id } : {}) };
  }
  const preset = await vscode.window.showQuickPick(
    signal.presets.map(({ id, title, source }) => ({ label: title, description: id, detail: source, id })),
    { title: signal.title, placeHolder: "Convention", matchOnDescription: true },
  );
  return preset && { signalId: signal.id, presetId: preset.id };
}
