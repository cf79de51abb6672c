import { Failure } from "../model/failure";
import type { InferenceCalls, LookAheadBranch, LookAheadRule } from "../protocol/inferenceCalls";
import { latrPrune, latrRoots, latrStep, removeRows, type LatrState } from "../signals/agentic/latr";
import { breathe } from "./breathe";
import { openForGeneration } from "./forking";
import { tokensBefore } from "./forkPoint";
import { Engine, endIds, roomFor } from "./generation";
import { logSumExp } from "./rowExtras";
import type { ModelHolder } from "./scoring";
import type { TextTokenizer } from "./tokenizing";

type Call = InferenceCalls["lookAhead"];

/** A row of the tree, also after it was pruned. */
interface Row {
  readonly parent: number;
  readonly birthStep: number;
  readonly birthCharacters: number;
  readonly forkProbabilities?: readonly [number, number];
  ids: number[];
  logprob: number;
  suppressed: number;
  text: string;
  stopReason: LookAheadBranch["stopReason"] | undefined;
  reason?: string;
}

function checkRule(rule: LookAheadRule, maxNewTokens: number): void {
  const wrong = (what: string): never => {
    throw new Failure("bad-parameter", what, "Correct the number.");
  };
  if (!Number.isInteger(rule.capacity) || rule.capacity < 1 || rule.capacity > 256)
    wrong(`Branches must be 1 to 256, not ${rule.capacity}.`);
  if (!(rule.absolute >= 0 && rule.absolute < 1))
    wrong(`The branch probability must be 0 or more and below 1, not ${rule.absolute}.`);
  if (!(rule.relative > 0)) wrong(`The branch gap must be above 0, not ${rule.relative}.`);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1)
    wrong(`New tokens must be 1 or more, not ${maxNewTokens}.`);
}

/**
 * Grows a look-ahead tree as LATR does: every row takes its likeliest token; a runner-up that is likely enough opens a
 * row of its own while there is room; some tokens later a branch that still says what its parent says is pruned.
 * Pruned rows come back too, with the reason. @throws Failure in one sentence, or `cancelled`
 */
export async function lookAhead(
  holder: ModelHolder,
  params: Call["params"],
  signal: AbortSignal,
  report: (progress: Call["progress"]) => void,
): Promise<Call["result"]> {
  checkRule(params.rule, params.maxNewTokens);
  const { model, loadSeconds, prepared } = await openForGeneration(holder, params);
  const { provider } = model.session;
  const tokenizer = await model.tokenizer();
  const started = performance.now();
  const before = tokensBefore(prepared, params.point);
  const room = roomFor(model, before, params.maxNewTokens);
  const ends = endIds(model);
  const { rule } = params;
  const endToken = [...ends][0];

  const rows: Row[] = [
    {
      parent: -1,
      birthStep: 0,
      birthCharacters: 0,
      ids: [],
      logprob: 0,
      suppressed: 0,
      text: "",
      stopReason: undefined,
    },
  ];
  let state: LatrState = latrRoots([before.at(-1)!]);
  /** Index into `rows` of each row of `state`. */
  let ofState = [0];
  const engine = new Engine(model, before);
  let logits: readonly (Float32Array | Float64Array)[] = [];
  let tokens = before.length;
  for (let step = 0; step < room; step++) {
    await breathe(signal);
    const alive = ofState.filter((row) => rows[row]!.stopReason === undefined);
    if (alive.length === 0) break;
    if (step === 0) logits = await engine.open(1);
    else {
      logits = await engine.next(alive.map((row) => rows[row]!));
      tokens += alive.length;
    }
    const probabilities = ofState.map((row) => {
      const at = alive.indexOf(row);
      return at >= 0 ? softmax(logits[at]!) : ended(logits[0]!.length, endToken ?? 0);
    });
    const known = state.branches.length;
    latrStep(state, probabilities, step, rule, rule.capacity);
    for (let row = known; row < state.branches.length; row++) {
      const branch = state.branches[row]!;
      const distribution = probabilities[branch.parent!]!;
      const own = state.sequences[row]!.at(-1)!;
      rows.push({
        parent: ofState[branch.parent!]!,
        birthStep: step,
        // What the parent said before this step: its text is followed further below.
        birthCharacters: rows[ofState[branch.parent!]!]!.text.length,
        forkProbabilities: [Math.max(...distribution), distribution[own]!],
        ids: [],
        logprob: 0,
        suppressed: 0,
        text: "",
        stopReason: undefined,
      });
      ofState.push(rows.length - 1);
    }
    const engineRow = ofState.map((row, i) => alive.indexOf(i < known ? row : rows[row]!.parent));
    ofState.forEach((row, i) => follow(rows[row]!, state, i, tokenizer, ends, params.stop));
    const pruned = latrPrune(state, step + 1, rule, endToken);
    for (const i of pruned.removed) {
      const row = rows[ofState[i]!]!;
      row.stopReason = "pruned";
      row.reason = pruned.reasons.get(i) ?? "its parent was pruned";
    }
    const gone = new Set(pruned.removed);
    const kept = ofState.map((_, i) => i).filter((i) => !gone.has(i));
    state = removeRows(state, pruned.removed);
    const going = kept.filter((i) => rows[ofState[i]!]!.stopReason === undefined);
    engine.keep(going.map((i) => engineRow[i]!));
    ofState = kept.map((i) => ofState[i]!);
    report({
      done: rows.filter((row) => row.stopReason !== undefined).length,
      total: rows.length,
      provider,
      texts: rows.map((row) => row.text),
    });
  }
  return {
    provider,
    modelPath: params.modelPath,
    branches: rows.map(({ ids, stopReason, ...row }) => ({
      ...row,
      ids: Int32Array.from(ids),
      stopReason: stopReason ?? (room < params.maxNewTokens ? "context" : "length"),
    })),
    prefix: prepared.text.slice(0, prepared.tokens[before.length - 1]!.end),
    prefixTokens: before.length,
    tokens,
    seconds: (performance.now() - started) / 1000,
    loadSeconds,
  };
}

/** Takes over a row's newest token and sees whether it ends there. */
function follow(
  row: Row,
  { sequences, branches }: LatrState,
  at: number,
  tokenizer: TextTokenizer,
  ends: ReadonlySet<number>,
  stop: readonly string[],
): void {
  if (row.stopReason !== undefined) return;
  row.ids = sequences[at]!.slice(1);
  row.logprob = branches[at]!.logprob;
  row.suppressed = branches[at]!.suppressed;
  const ending = ends.has(row.ids.at(-1)!);
  row.text = tokenizer.decode(ending ? row.ids.slice(0, -1) : row.ids);
  const found = stop.some((text) => text !== "" && row.text.includes(text));
  if (ending) row.stopReason = "end";
  else if (found) row.stopReason = "stop";
}

function softmax(logits: Float32Array | Float64Array): Float64Array {
  const logSum = logSumExp(logits);
  return Float64Array.from(logits, (value) => Math.exp(value - logSum));
}

/** A row that has ended repeats the end token and opens no branches. */
function ended(size: number, token: number): Float64Array {
  const row = new Float64Array(size);
  row[token] = 1;
  return row;
}
