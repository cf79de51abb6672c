import * as v from "valibot";
import { Failure } from "../../model/failure";

/**
 * What a server answered, in the shape that its documentation gives.
 * @param shape what was expected, for the message: the name of an endpoint or protocol
 * @throws Failure `server-reply` that names the first part which does not fit
 */
export function readReply<T extends v.GenericSchema>(
  url: string,
  shape: string,
  schema: T,
  reply: unknown,
): v.InferOutput<T> {
  const result = v.safeParse(schema, reply);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Failure(
    "server-reply",
    `${url} answered in another shape than ${shape} has (${v.getDotPath(issue) ?? "reply"}: ${issue.message}).`,
    "Check the kind of server (api).",
  );
}
