import type { Step, Trajectory } from "../../../src/model/trajectory";
import type { Group, GroupMember, Matrix, SignalContext, SignalInputs } from "../../../src/signals/signal";
import { random, tokens, trajectory } from "./worlds";

/** A row-major matrix from rows. */
export function matrix(rows: readonly (readonly number[])[]): Matrix {
  return { rows: rows.length, width: rows[0]?.length ?? 0, data: Float64Array.from(rows.flat()) };
}

/** A group whose members carry their trajectories and what models gave for them. */
export function modelGroup(
  members: readonly { readonly trajectory: Trajectory; readonly inputs?: SignalInputs }[],
  groupId = "models",
): Group {
  return {
    groupId,
    members: members.map(({ trajectory: own, inputs }): GroupMember => ({
      trajectoryId: own.id,
      reward: own.outcome.reward,
      components: own.outcome.components,
      stepCount: own.steps.length,
      ...(own.tokens ? { tokenCount: own.tokens.count } : {}),
      trajectory: own,
      ...(inputs ? { inputs } : {}),
    })),
  };
}

/** Contexts of every member of a group, each with its own inputs. */
export function memberContextsOf(group: Group): readonly SignalContext[] {
  return group.members.map((member) => ({
    trajectory: member.trajectory!,
    group,
    batch: [group],
    ...(member.inputs ? { inputs: member.inputs } : {}),
  }));
}

/** An agent world in which every signal that follows a model finds what the model gave. */
export function agentWorld(): readonly SignalContext[] {
  const next = random(11);
  const number = (): number => Math.round((next() * 2 - 1) * 1e6) / 1e6;
  const numbers = (count: number): number[] => Array.from({ length: count }, number);
  const count = 30;
  const mask = Array.from({ length: count }, (_, t) => (t % 10 < 7 && t >= 3 ? 1 : 0));
  const made = [0, 1, 2, 3].map((m) => {
    const steps: Step[] = [];
    for (let turn = 0; turn < 3; turn++) {
      steps.push({
        index: steps.length,
        role: turn === 0 ? "user" : "environment",
        observation: turn === 0 ? "You are in a hall." : `You see ${m % 2 === 0 ? "a key" : "a door"}.`,
        extra: { llm_label: turn % 2 },
      });
      steps.push({
        index: steps.length,
        role: "assistant",
        thought: turn === 1 ? "Look around first." : " ",
        action: JSON.stringify({ action: "click", coordinate: [100 + 30 * m, 200] }),
        reward: Math.round(next() * 4) / 4,
        stateKey: `s${turn}`,
        tokenStart: turn * 10,
        tokenEnd: turn * 10 + 10,
        extra: {
          sparse: turn === 2 ? (m % 2 === 0 ? 1 : -1) : 0,
          dense: number(),
          llm_label: (turn + m) % 2,
          class_probability: next(),
          ranking_reward: number(),
          turn_value: number(),
          extract_match: (turn + m) % 3 !== 0,
          format: 0.5,
          action_content: { action: "click", coordinate: [110, 205], bbox: [90, 190, 130, 220] },
          width: 1000,
          height: 2000,
        },
      });
    }
    const own = trajectory(`m${m}`, {
      groupId: "models",
      ...(m === 3 ? { parentId: "m0", branchAt: 3 } : {}),
      steps,
      tokens: {
        ...tokens(
          {
            reward: numbers(count),
            logprob: numbers(count).map((x) => -Math.abs(x)),
            ref_logprob: numbers(count).map((x) => -Math.abs(x)),
            rm_logprob: numbers(count).map((x) => -Math.abs(x)),
          },
          mask,
        ),
        ids: Int32Array.from({ length: count }, (_, t) => (m === 3 ? (t % 5) + (t > 20 ? 9 : 0) : t % 5)),
      },
      outcome: { reward: m / 2 - 0.5, success: m % 2 === 0, components: { accuracy: m % 2, format: 0.5 } },
    });
    const inputs: SignalInputs = {
      hiddenStates: new Map(
        [0, 1, 2].map((layer) => [layer, matrix(Array.from({ length: count }, () => numbers(4)))] as const),
      ),
      embeddings: matrix(Array.from({ length: 6 }, () => numbers(4))),
      judge: [
        { text: `\`\`\`python\n{"found the key": ${m + 1}, "opened": [1, 2], "left": 99}\n\`\`\`` },
        { text: "no answer" },
        { step: 1, text: "Label: 1" },
      ],
      arrays: {
        top_probabilities: matrix(
          Array.from({ length: count }, () => {
            const top = 0.4 + next() * 0.6;
            return [top, (1 - top) * next()];
          }),
        ),
        flow_deviation: matrix([0, 1, 2].map(() => numbers(count).map(Math.abs))),
      },
    };
    return { trajectory: own, inputs };
  });
  return memberContextsOf(modelGroup(made));
}

/** Every context of this file. */
export function modelContexts(): readonly SignalContext[] {
  return [...agentWorld()];
}

/** Parameters whose defaults are made for long rollouts, with values at which these short worlds have numbers. */
export const smallSettings: Readonly<Record<string, number | string>> = { chunk: 4, stride: 4, ages: "3,5" };
