/** What a file of the corpus is, by its folder; the first that matches counts. */
export interface Expectation {
  matches(name: string, folder: string): boolean;
  /** Ids of formats that may claim it; null = nobody should; undefined = no reader yet. */
  readonly reader: readonly string[] | null | undefined;
  /** What it is, in words. */
  readonly why: string;
  /** Records, where index.json counts otherwise or not at all. */
  rows?(name: string): number | undefined;
  /** Records that are broken in the file and are left out with a warning. */
  readonly badRows?: number;
  readonly note?: string;
}

const inFolder = (folder: string, why: string, reader: readonly string[] | null | undefined, more: Partial<Expectation> = {}): Expectation => ({
  matches: (_name, own) => own === folder,
  reader,
  why,
  ...more,
});

const ending = (end: string, why: string, reader: readonly string[] | null | undefined, more: Partial<Expectation> = {}): Expectation => ({
  matches: (name) => name.endsWith(end),
  reader,
  why,
  ...more,
});

const containing = (part: string, why: string, reader: readonly string[] | null | undefined, more: Partial<Expectation> = {}): Expectation => ({
  matches: (name) => name.includes(part),
  reader,
  why,
  ...more,
});

export const expectations: readonly Expectation[] = [
  ending("/STABLE", "a marker without content", null),
  ending("/metadata.json", "the settings of an evaluation", null),
  containing("corpus-synthetic/verl/", "verl", ["verl"]),
  inFolder("verl", "verl", ["verl"]),
  containing("prime-rl/token_exports/", "a prime-rl token export", ["prime-rl-tokens"]),
  inFolder("trl", "TRL completions", ["trl-completions"]),
  inFolder("verifiers-results", "verifiers results", ["verifiers-results"]),
  containing("conversations.jsonl", "chat", ["chat"]),
  inFolder("chat", "chat", ["chat"]),
  ending("mllm_demo.json", "chat with pictures in LLaMA-Factory's demo", ["chat"]),
  inFolder("sharegpt", "ShareGPT", ["sharegpt"]),
  ending("webshop_fncall.jsonl", "AgentGym conversations", ["sharegpt"]),
  containing("ETO/eval_agent/prompt/icl_examples", "lists of messages", ["chat"]),
];
