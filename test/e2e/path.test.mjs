// The whole path in the packaged extension, step by step; scripts/journey.mjs has the steps, the demo shows the same.
import { afterAll, beforeAll, describe, it } from "vitest";
import { journey, takeStep } from "../../scripts/journey.mjs";
import { openSession } from "./session.mjs";

describe("the path of a user", () => {
  let session;
  beforeAll(async () => {
    session = await openSession("path");
  });
  afterAll(async () => {
    await session?.close();
  });

  for (const step of journey) {
    it(
      step.name,
      async (test) => {
        const taken = await takeStep(step, session);
        if (taken.skipped) test.skip(taken.message);
        if (!taken.ok) throw new Error(taken.message);
      },
      step.timeoutMs ?? 180_000,
    );
  }
});
