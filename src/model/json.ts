/** Any value that JSON can hold. Numbers may be NaN or infinite where a container other than JSON allows it. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** A JSON object with unknown keys. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}
