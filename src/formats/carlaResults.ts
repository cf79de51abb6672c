import type { JsonObject, JsonValue } from "../model/json";
import { Failure } from "../model/failure";
import type { FileHead } from "./format";
import { isList, isObject, recordedNumber, textOf } from "./jsonFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

function routesOf(document: JsonValue | undefined): readonly JsonObject[] | undefined {
  const checkpoint = isObject(document) ? document["_checkpoint"] : undefined;
  const records = isObject(checkpoint) ? checkpoint["records"] : undefined;
  return isList(records) ? records.filter(isObject) : undefined;
}

/** How many infractions of each kind there were; their texts stay in `extra`. */
function infractionCounts(infractions: JsonValue | undefined): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [kind, list] of Object.entries(isObject(infractions) ? infractions : {}))
    if (isList(list)) counts[`infractions.${kind}`] = list.length;
  return counts;
}

function numbersBelow(object: JsonValue | undefined, prefix: string): Record<string, number | null> {
  const numbers: Record<string, number | null> = {};
  for (const [name, value] of Object.entries(isObject(object) ? object : {})) {
    const number = typeof value === "string" ? undefined : recordedNumber(value);
    if (number !== undefined) numbers[`${prefix}${name}`] = number;
  }
  return numbers;
}

/** A finished drive is a success when the leaderboard says that the route was completed. */
function routeEpisode(route: JsonObject, document: JsonObject): NumericEpisode {
  const scores = isObject(route["scores"]) ? route["scores"] : {};
  const score = recordedNumber(scores["score_composed"]);
  const status = textOf(route["status"]);
  const id = textOf(route["route_id"]) ?? String(route["index"] ?? "");
  const timedOut = status === undefined ? undefined : /timed? ?out|tick/i.test(status);
  return {
    ownId: id,
    title: status === undefined ? id : `${id} · ${status}`,
    task: { id },
    groupKey: id.replace(/_rep\d+$/, ""),
    steps: 0,
    columns: [],
    ...(score === undefined ? {} : { reward: { value: score, source: "score_composed" } }),
    ...(status === undefined ? {} : { success: /^(completed|perfect)$/i.test(status) }),
    end: {
      ...(status === undefined ? {} : { stopReason: status }),
      ...(timedOut === undefined ? {} : { truncated: timedOut }),
    },
    components: {
      ...numbersBelow(scores, ""),
      ...numbersBelow(route["meta"], "meta."),
      ...infractionCounts(route["infractions"]),
    },
    extra: { ...route, entry_status: document["entry_status"] },
    notes: [
      {
        code: "no-steps",
        message:
          "The leaderboard keeps a result for each route and no steps; CaRL's reward by tick needs a log of its factors.",
      },
    ],
  };
}

/** Results of a CARLA leaderboard evaluation, as CaRL and other driving agents write them: one record a route. */
export const carlaResults = episodeFormat({
  id: "carla-results",
  title: "CARLA leaderboard results",
  source: "CARLA leaderboard's statistics manager, as run by autonomousvision/CaRL",
  containers: ["json"],
  grouping: "key",
  detect({ firstRecord }: FileHead) {
    const routes = routesOf(firstRecord);
    const first = routes?.[0];
    if (first === undefined || !isObject(first["scores"])) return undefined;
    return { confidence: 0.95, reason: "_checkpoint.records with scores by route" };
  },
  episodes(record) {
    const document = record.kind === "value" && isObject(record.value) ? record.value : {};
    const routes = routesOf(document);
    if (routes === undefined)
      throw new Failure("missing-field", "The document has no _checkpoint.records.", "It may be cut off.");
    return routes.map((route) => routeEpisode(route, document));
  },
});
