import { accumulateBackward } from "../kernels/backwardRecursion";

/** One episode of a tabular task; entries are indices of states and actions, all [T]. */
export interface TabularEpisode {
  readonly states: readonly number[];
  readonly actions: readonly number[];
  readonly rewards: Float64Array;
}

/** Tables behind a hindsight update. */
export interface HindsightTables {
  /** Policy, [S][A]. */
  readonly policy: readonly Float64Array[];
  /** State values, [S]. */
  readonly values: Float64Array;
  /** Hindsight probability of an action given the acting state and the outcome, [A][S][outcome]. */
  readonly hindsight: readonly (readonly Float64Array[])[];
}

/** Summed increments before any learning rate. */
export interface HindsightUpdate {
  /** Policy logits, [S][A]. */
  readonly logits: readonly Float64Array[];
  /** Discounted return minus value, summed over the visits of a state, [S]. */
  readonly values: Float64Array;
  /** Logits of the hindsight distribution: 1 for the taken action minus its probability, [A][S][outcome]. */
  readonly hindsight: readonly (readonly Float64Array[])[];
  /** Credit of every action at every step (state form), or of the taken action alone (return form), [T][A] or [T][1]. */
  readonly credit: readonly Float64Array[];
}

function emptyUpdate(tables: HindsightTables, credit: Float64Array[]): HindsightUpdate {
  return {
    logits: tables.policy.map((row) => new Float64Array(row.length)),
    values: new Float64Array(tables.values.length),
    hindsight: tables.hindsight.map((states) => states.map((row) => new Float64Array(row.length))),
    credit,
  };
}

function addValues(
  update: HindsightUpdate,
  tables: HindsightTables,
  states: readonly number[],
  returns: Float64Array,
): void {
  states.forEach((state, i) => (update.values[state]! += returns[i]! - tables.values[state]!));
}

function addHindsight(
  update: HindsightUpdate,
  tables: HindsightTables,
  action: number,
  state: number,
  outcome: number,
): void {
  tables.hindsight.forEach((states, a) => {
    update.hindsight[a]![state]![outcome]! += (a === action ? 1 : 0) - states[state]![outcome]!;
  });
}

/**
 * State-conditional hindsight credit (Harutyunyan et al., 2019; hca-neurips2019/hca, hca_classes.py, StateHCA.update):
 * credit of action a at step i is the sum over j >= i of gamma^(j-i) r_j (h(a | x_i, x_j) - pi(a | x_i)), the step's
 * own reward included, and goes to the logit of every action.
 */
export function stateHindsightUpdate(
  tables: HindsightTables,
  { states, actions, rewards }: TabularEpisode,
  gamma: number,
): HindsightUpdate {
  const update = emptyUpdate(tables, []);
  const credit = update.credit as Float64Array[];
  states.forEach((state, i) => {
    const policy = tables.policy[state]!;
    const own = new Float64Array(policy.length);
    for (let j = i; j < states.length; j++) {
      const weight = gamma ** (j - i) * rewards[j]!;
      for (let a = 0; a < own.length; a++)
        own[a]! += weight * (tables.hindsight[a]![state]![states[j]!]! - policy[a]!);
      addHindsight(update, tables, actions[i]!, state, states[j]!);
    }
    own.forEach((value, a) => (update.logits[state]![a]! += value));
    credit.push(own);
  });
  addValues(update, tables, states, accumulateBackward(rewards, gamma, new Float64Array(rewards.length)));
  return update;
}

/** Index of the bin nearest to a return; the lower index wins a tie. */
export function nearestReturnBin(bins: Float64Array, value: number): number {
  let best = 0;
  for (let b = 1; b < bins.length; b++)
    if (Math.abs(bins[b]! - value) < Math.abs(bins[best]! - value)) best = b;
  return best;
}

/**
 * Return-conditional hindsight credit (hca_classes.py, ReturnHCA.update): the taken action gets the credit
 * G (1 - pi(a | x) / h(a | x, bin of G)), G being the discounted return itself, which goes through the policy gradient:
 * its logit by +credit, every logit by -pi(b) credit.
 *
 * @param bins returns that h knows, [B]; a return outside them falls into the nearest
 */
export function returnHindsightUpdate(
  tables: HindsightTables,
  { states, actions, rewards }: TabularEpisode,
  gamma: number,
  bins: Float64Array,
): HindsightUpdate {
  const update = emptyUpdate(tables, []);
  const returns = accumulateBackward(rewards, gamma, new Float64Array(rewards.length));
  states.forEach((state, i) => {
    const action = actions[i]!;
    const bin = nearestReturnBin(bins, returns[i]!);
    const policy = tables.policy[state]!;
    const credit = returns[i]! * (1 - policy[action]! / tables.hindsight[action]![state]![bin]!);
    policy.forEach((share, b) => (update.logits[state]![b]! += ((b === action ? 1 : 0) - share) * credit));
    addHindsight(update, tables, action, state, bin);
    (update.credit as Float64Array[]).push(Float64Array.of(credit));
  });
  addValues(update, tables, states, returns);
  return update;
}
