import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { Failure } from "../../model/failure";
import type { PolicyQuestion } from "../../protocol/inferenceCalls";

const text = v.pipe(v.string(), v.minLength(1));
const questionsSchema = v.array(
  v.strictObject({
    name: text,
    text: v.string(),
    at: v.picklist(["step", "trajectory"]),
    followUps: v.optional(v.array(v.strictObject({ text, sign: v.picklist([1, -1]) }))),
    judgement: v.optional(v.tuple([text, text])),
  }),
);

/** Questions to a policy, from a JSON file. @throws Failure `bad-arguments` naming what does not fit */
export async function readQuestions(path: string): Promise<readonly PolicyQuestion[]> {
  const bad = (why: string): Failure =>
    new Failure(
      "bad-arguments",
      `${path} cannot be used as questions: ${why}.`,
      "Give a JSON list of {name, text, at, followUps: [{text, sign}]} or {name, text, at, judgement: [yes, no]}.",
    );
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch {
    throw bad("it cannot be read as JSON");
  }
  const parsed = v.safeParse(questionsSchema, json);
  if (parsed.success) return parsed.output as readonly PolicyQuestion[];
  const [issue] = parsed.issues;
  throw bad(`${v.getDotPath(issue) ?? "the document"}: ${issue.message}`);
}
