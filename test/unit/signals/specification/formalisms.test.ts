import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { signals } from "../../../../src/signals/index";
import { formalisms, formalismTable } from "../../../../src/signals/specification/formalisms";

const objectivePresets = (): ReadonlySet<string> =>
  new Set(signals.find(({ id }) => id === "objective")!.presets.map(({ id }) => id));

it("lists seventeen formalisms whose signals exist and whose equivalences hold both ways", () => {
  expect(new Set(formalisms.map(({ id }) => id)).size).toBe(17);
  const byId = new Map(formalisms.map((formalism) => [formalism.id, formalism]));
  const objective = signals.find(({ id }) => id === "objective")!;
  for (const { id, signals: named, preset, equivalent, decidableFrom } of formalisms) {
    for (const signal of named) expect(signals.map((known) => known.id)).toContain(signal);
    if (preset !== undefined) {
      expect(named).toContain("objective");
      expect(objective.presets.map((known) => known.id)).toContain(preset);
    }
    for (const other of equivalent) {
      expect(byId.get(other)?.equivalent).toContain(id);
      expect(byId.get(other)?.decidableFrom).toBe(decidableFrom);
    }
  }
});

it("names a preset of the objective for every formalism that weighs rewards of one trajectory", () => {
  const linked = formalisms.filter(({ preset }) => preset !== undefined).map(({ id }) => id);
  expect(linked).toEqual(["MR", "LAR", "INMR", "IMORL", "RRL"]);
  expect(objectivePresets()).toEqual(new Set(formalisms.flatMap(({ preset }) => preset ?? [])));
});

it("is the table of the documentation", () => {
  expect(readFileSync("docs/specifications.md", "utf8")).toContain(formalismTable());
});
