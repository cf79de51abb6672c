import type { Answer } from "./viewHost";
export function playTree(_name: string, _answer: Answer): (message: unknown) => void { return () => undefined; }
