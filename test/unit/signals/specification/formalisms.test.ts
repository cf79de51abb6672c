import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { signals } from "../../../../src/signals/index";
import { formalisms, formalismTable } from "../../../../src/signals/specification/formalisms";

it("lists seventeen formalisms whose signals exist and whose equivalences hold both ways", () => {
  expect(new Set(formalisms.map(({ id }) => id)).size).toBe(17);
  const byId = new Map(formalisms.map((formalism) => [formalism.id, formalism]));
  for (const { id, signals: named, equivalent, decidableFrom } of formalisms) {
    for (const signal of named) expect(signals.map((known) => known.id)).toContain(signal);
    for (const other of equivalent) {
      expect(byId.get(other)?.equivalent).toContain(id);
      expect(byId.get(other)?.decidableFrom).toBe(decidableFrom);
    }
  }
});

it("is the table of the documentation", () => {
  expect(readFileSync("docs/specifications.md", "utf8")).toContain(formalismTable());
});
