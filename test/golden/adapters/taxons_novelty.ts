import { taxonsNovelty } from "../../../src/signals/control/novelty";
import type { Adapter } from "../adapter";

export const adapter: Adapter = {
  run: ({ inputs }) => ({
    novelty: taxonsNovelty(
      inputs.matrix("pop_features"),
      inputs.matrix("archive_features"),
      inputs.number("k", 15),
    ),
  }),
};
