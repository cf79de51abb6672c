import * as v from "valibot";
import type { FailureData } from "../model/failure";

/** A table of calls: method name -> what goes in, what comes out, and what is told on the way. */
export type CallTable = Readonly<
  Record<string, { readonly params: unknown; readonly result: unknown; readonly progress?: unknown }>
>;

/** From the host to a child process. */
export type RpcRequest =
  | { readonly type: "call"; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly type: "cancel"; readonly id: number };

/** From a child process to the host. */
export type RpcReply =
  | { readonly type: "result"; readonly id: number; readonly result: unknown }
  | { readonly type: "failure"; readonly id: number; readonly failure: FailureData }
  | { readonly type: "progress"; readonly id: number; readonly progress: unknown }
  | { readonly type: "event"; readonly name: string; readonly payload: unknown }
  | { readonly type: "log"; readonly level: "info" | "warn" | "error"; readonly message: string };

const failureSchema = v.object({ code: v.string(), message: v.string(), hint: v.string() });

const requestSchema = v.variant("type", [
  v.object({ type: v.literal("call"), id: v.number(), method: v.string(), params: v.unknown() }),
  v.object({ type: v.literal("cancel"), id: v.number() }),
]);

const replySchema = v.variant("type", [
  v.object({ type: v.literal("result"), id: v.number(), result: v.unknown() }),
  v.object({ type: v.literal("failure"), id: v.number(), failure: failureSchema }),
  v.object({ type: v.literal("progress"), id: v.number(), progress: v.unknown() }),
  v.object({ type: v.literal("event"), name: v.string(), payload: v.unknown() }),
  v.object({ type: v.literal("log"), level: v.picklist(["info", "warn", "error"]), message: v.string() }),
]);

/** Checks a message that arrived in a child process. @throws ValiError when it is not a request */
export const parseRequest = (message: unknown): RpcRequest => v.parse(requestSchema, message) as RpcRequest;

/** Checks a message that arrived from a child process. @throws ValiError when it is not a reply */
export const parseReply = (message: unknown): RpcReply => v.parse(replySchema, message) as RpcReply;
