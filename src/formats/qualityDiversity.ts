import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import { given } from "./draft";
import { stemNumber } from "./jsonFields";
import { columnOfNumbers, type EpisodeColumn } from "./episodeColumns";
import { episodeFormat } from "./numericEpisode";
import { fieldsOf, isPlainList, jsonOf, numbersIn, plainNumber, product } from "./plainFields";

/** Order of the columns of an archive, whose rows have no names. */
const ARCHIVE = [
  "genome",
  "bd",
  "id",
  "reward",
  "parent",
  "born",
  "stored",
  "evaluated",
  "ancestor",
  "rew_area",
  "gt_bd",
  "view",
  "surprise",
] as const;

/** Numbers of an agent that are not its reward. */
const MEASURES = [
  "novelty",
  "surprise",
  "local_comp",
  "born",
  "stored",
  "rew_area",
  "emitter",
  "evaluated",
] as const;

/** Vectors of an agent: its descriptors and its genome. */
const VECTORS = ["bd", "gt_bd", "genome"] as const;

/** An archive is `[rows, filled]`, its rows by position; as agents by name. Undefined when it is something else. */
function archiveRows(value: PlainValue): readonly PlainValue[] | undefined {
  if (!isPlainList(value) || value.length !== 2) return undefined;
  const [rows] = value;
  if (!isPlainList(rows) || rows.length === 0) return undefined;
  const named = rows.map((row) => {
    if (!isPlainList(row) || row.length < ARCHIVE.length - 1) return undefined;
    return new Map<PlainValue, PlainValue>(
      ARCHIVE.flatMap((name, index) => {
        const item = row[index];
        return item === undefined ? [] : [[name, item]];
      }),
    );
  });
  // An agent has a genome and a number as its id; a row that is not filled is None throughout.
  return named.every((row) => row !== undefined)
    ? named.filter((row) => numbersIn(row.get("genome")) !== undefined)
    : undefined;
}

function agents(value: PlainValue): readonly PlainValue[] {
  return archiveRows(value) ?? (isPlainList(value) ? value : [value]);
}

/** What an agent's file is called: population, offspring, archive or archive of rewarded agents. */
function kindOf(path: string): string {
  const name = path.replace(/^.*[/\\]/, "");
  return /^rew_archive/.test(name)
    ? "reward archive"
    : /archive/.test(name)
      ? "archive"
      : /offspring/.test(name)
        ? "offspring"
        : "population";
}

/** Populations and archives of TAXONS, SERENE and STAX: one evaluated agent an element, with no trajectory of its steps. */
export const qualityDiversity = episodeFormat({
  id: "qd-generation",
  title: "Quality-diversity generation",
  source: "GPaolo/SERENE, TAXONS and STAX, population_gen_N.pkl, archive_gen_N.pkl",
  containers: ["pickle"],
  plainRecords: agents,
  // Novelty is measured among the agents of one generation: its population, offspring and archives.
  grouping: "key",
  detect({ plain }) {
    if (plain === undefined) return undefined;
    const fields = fieldsOf(agents(plain)[0]);
    if (fields === undefined || !["genome", "bd", "parent", "id"].every((name) => fields.has(name)))
      return undefined;
    return { confidence: 0.9, reason: "agents with genome, bd, parent, id" };
  },
  episodes(record, { path }) {
    const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
    const id = plainNumber(fields?.get("id"));
    if (fields === undefined || id === undefined)
      throw new Failure(
        "missing-field",
        "The element is no agent with an id.",
        "The other agents are shown.",
      );
    const columns: EpisodeColumn[] = [];
    const notes = [
      {
        code: "no-steps",
        message: "A generation keeps what came of each agent's rollout; its steps were not saved.",
      },
    ];
    const extra: Record<string, JsonValue> = { kind: kindOf(path) };
    for (const name of VECTORS) {
      const value = fields.get(name);
      const numbers = numbersIn(value);
      if (numbers !== undefined && numbers.shape.length > 0)
        columns.push(columnOfNumbers(name, "info", numbers.data(), product(numbers.shape)));
      else if (name === "bd" && plainNumber(value) === 0)
        notes.push({
          code: "no-descriptor",
          message: "bd is 0, which means that no descriptor was computed yet.",
        });
      else if (value !== undefined) extra[name] = jsonOf(value);
    }
    const components: Record<string, number | null> = {};
    for (const name of MEASURES) {
      const number = plainNumber(fields.get(name));
      if (number !== undefined) components[name] = number;
    }
    const known = new Set<string>([...VECTORS, ...MEASURES, "id", "parent", "reward"]);
    for (const [name, value] of fields) if (!known.has(name)) extra[name] = jsonOf(value);
    const parent = plainNumber(fields.get("parent"));
    const reward = plainNumber(fields.get("reward"));
    return [
      {
        ownId: String(id),
        title: `${kindOf(path)}, agent ${id}`,
        groupKey: "generation",
        ...(typeof parent === "number" ? { parentId: String(parent) } : {}),
        ...given("trainingStep", /_gen_\d+\./.test(path) ? stemNumber(path) : undefined),
        steps: 0,
        columns,
        ...(reward === undefined ? {} : { reward: { value: reward, source: "reward" } }),
        components,
        extra: { ...extra, parent: jsonOf(fields.get("parent") ?? null) },
        notes:
          kindOf(path) === "reward archive"
            ? [
                ...notes,
                {
                  code: "local-ids",
                  message:
                    "Emitters number their agents from 0, so ids and parents here may be an emitter's own; they are not joined with the population's.",
                },
              ]
            : notes,
      },
    ];
  },
});
