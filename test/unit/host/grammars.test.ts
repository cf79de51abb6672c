import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import oniguruma from "vscode-oniguruma";
import textmate from "vscode-textmate";

const require = createRequire(import.meta.url);
const grammarFiles: Readonly<Record<string, string>> = {
  "source.ltlf": "syntaxes/ltlf.tmLanguage.json",
  "source.reward-machine": "syntaxes/reward-machine.tmLanguage.json",
};

const registry = new textmate.Registry({
  onigLib: oniguruma
    .loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")))
    .then(() => ({
      createOnigScanner: (patterns: string[]) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text: string) => new oniguruma.OnigString(text),
    })),
  loadGrammar: async (scope) => {
    const file = grammarFiles[scope];
    return file === undefined ? null : textmate.parseRawGrammar(readFileSync(file, "utf8"), file);
  },
});

/** Innermost scope of every token that is not white space, over all lines. */
async function scopes(scope: string, text: string): Promise<[string, string][]> {
  const grammar = await registry.loadGrammar(scope);
  let stack = textmate.INITIAL;
  const found: [string, string][] = [];
  for (const line of text.split("\n")) {
    const { tokens, ruleStack } = grammar!.tokenizeLine(line, stack);
    stack = ruleStack;
    for (const token of tokens) {
      const written = line.slice(token.startIndex, token.endIndex);
      if (written.trim() !== "") found.push([written.trim(), token.scopes.at(-1)!]);
    }
  }
  return found;
}

describe("the grammar of temporal logic", () => {
  it("tells operators, propositions, names, words and remarks apart", async () => {
    const found = await scopes("source.ltlf", "safe: G (a -> WX !Gold) & last # why\n  U true // not G");
    expect(found).toContainEqual(["safe", "entity.name.function.ltlf"]);
    expect(found).toContainEqual(["G", "keyword.operator.temporal.ltlf"]);
    expect(found).toContainEqual(["WX", "keyword.operator.temporal.ltlf"]);
    expect(found).toContainEqual(["U", "keyword.operator.temporal.ltlf"]);
    expect(found).toContainEqual(["->", "keyword.operator.logical.ltlf"]);
    expect(found).toContainEqual(["a", "variable.other.proposition.ltlf"]);
    expect(found).toContainEqual(["Gold", "variable.other.proposition.ltlf"]);
    expect(found).toContainEqual(["last", "constant.language.ltlf"]);
    expect(found).toContainEqual(["# why", "comment.line.number-sign.ltlf"]);
    expect(found).toContainEqual(["// not G", "comment.line.double-slash.ltlf"]);
  });
});

describe("the grammar of reward machines", () => {
  it("tells guards, rewards, numbers, remarks and strangers apart", async () => {
    const found = await scopes(
      "source.reward-machine",
      "0 # first\n[2]\n(0,1,'a&!b|True',ConstantRewardFunction(-0.5))\n(1,2,\"c\",Prize(1))",
    );
    expect(found).toContainEqual(["0", "constant.numeric.reward-machine"]);
    expect(found).toContainEqual(["# first", "comment.line.number-sign.reward-machine"]);
    expect(found).toContainEqual(["a", "variable.other.proposition.reward-machine"]);
    expect(found).toContainEqual(["!", "keyword.operator.logical.reward-machine"]);
    expect(found).toContainEqual(["True", "constant.language.reward-machine"]);
    expect(found).toContainEqual(["ConstantRewardFunction", "support.function.reward.reward-machine"]);
    expect(found).toContainEqual(["-0.5", "constant.numeric.reward-machine"]);
    expect(found).toContainEqual(["c", "variable.other.proposition.reward-machine"]);
    expect(found).toContainEqual(["Prize", "invalid.illegal.reward-machine"]);
  });
});
