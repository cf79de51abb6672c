import { Failure } from "../model/failure";
import { given } from "./draft";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { fieldsOf, numbersIn } from "./plainFields";

/** Stable-Baselines' EvalCallback: returns and lengths of each evaluation's episodes, at the training steps evaluated. */
export const evaluations = episodeFormat({
  id: "sb3-evaluations",
  title: "Stable-Baselines evaluations",
  source: "Stable-Baselines 2 and 3 EvalCallback, evaluations.npz",
  containers: ["arrays"],
  grouping: "key",
  plainRecords: (value) => [value],
  detect({ plain }) {
    const fields = fieldsOf(plain);
    if (fields === undefined || !["timesteps", "results"].every((name) => fields.has(name))) return undefined;
    return {
      confidence: fields.has("ep_lengths") ? 0.95 : 0.8,
      reason: "arrays timesteps, results, ep_lengths",
    };
  },
  episodes(record) {
    const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
    const results = numbersIn(fields?.get("results"));
    const steps = numbersIn(fields?.get("timesteps"))?.data();
    if (results === undefined || steps === undefined)
      throw new Failure("missing-field", "The file has no results or timesteps.", "It may be cut off.");
    const [evaluationCount = 0, episodeCount = 1] = results.shape;
    const returns = results.data();
    const lengths = numbersIn(fields?.get("ep_lengths"))?.data();
    const successes = numbersIn(fields?.get("successes"))?.data();
    return Array.from({ length: evaluationCount * episodeCount }, (_, index) => (): NumericEpisode => {
      const evaluation = Math.floor(index / episodeCount);
      const episode = index % episodeCount;
      const success = successes?.[index];
      return {
        ownId: `${evaluation}/${episode}`,
        title: `evaluation ${evaluation}, episode ${episode}`,
        groupKey: `evaluation ${evaluation}`,
        steps: 0,
        columns: [],
        ...given("trainingStep", steps[evaluation]),
        split: "eval",
        reward: { value: returns[index]!, source: "results" },
        ...(success === undefined || Number.isNaN(success) ? {} : { success: success === 1 }),
        components: lengths === undefined ? {} : { length: lengths[index]! },
        extra: {},
        notes: [
          {
            code: "no-steps",
            message: "Evaluations keep the return and length of each episode, not its steps.",
          },
        ],
      };
    });
  },
});
