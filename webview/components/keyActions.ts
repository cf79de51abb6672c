/** What each key of a view does, by the name that the browser gives it. */
export type KeyActions = Readonly<Record<string, () => void>>;

/** Acts on a key that no field wanted; true = handled. */
export function actOnKey(actions: KeyActions, key: string): boolean {
  const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
  action?.();
  return action !== undefined;
}
