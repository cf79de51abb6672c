import { signals } from "../../signals/index";
import { systems } from "../../signals/systems";
import type { Output } from "../session";
import { table } from "../table";

/** The catalogue of signals, and the published systems with the signals that compute what they publish. */
export function signalCatalogue(): Output {
  const list = signals.map(
    ({
      id,
      title,
      family,
      estimator,
      level,
      unit,
      signed,
      source,
      needs,
      inputs,
      presets,
      parameters,
      description,
      explain,
    }) => ({
      id,
      title,
      family,
      estimator: estimator === true,
      level,
      unit,
      signed,
      source,
      needs,
      inputs: inputs ?? [],
      presets,
      parameters,
      description,
      explains: explain !== undefined,
    }),
  );
  return {
    document: { signals: list, systems },
    text: (width) =>
      table(
        ["id", "family", "level", "needs", "presets", "title"],
        list.map((signal) => [
          signal.id,
          signal.family,
          signal.level,
          signal.needs.join(" "),
          signal.presets.map((preset) => preset.id).join(" "),
          signal.title,
        ]),
        width,
      ),
    sheet: () => ({
      headings: ["id", "family", "level", "unit", "needs", "presets", "title"],
      rows: list.map((signal) => [
        signal.id,
        signal.family,
        signal.level,
        signal.unit,
        signal.needs.join(" "),
        signal.presets.map((preset) => preset.id).join(" "),
        signal.title,
      ]),
    }),
  };
}
