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
        extra: { llm_label: turn % 2, critic: Math.round(number() * 90) },
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
          critic: Math.round(number() * 90),
          prefix_score: number(),
          speed: 20 + 10 * number(),
          centering_factor: next(),
          angle_factor: next(),
          distance_std_factor: next(),
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
        goal: matrix([numbers(4), numbers(4)]),
        baseline: matrix([numbers(4)]),
        sentences: matrix([numbers(4), numbers(4)]),
        prompt: matrix([numbers(4)]),
        goal_state: matrix([numbers(4)]),
        reward_head: matrix([[0.5, -0.25, 1, 0.125]]),
        "centroids.helpfulness": matrix([numbers(4), numbers(4)]),
        "centroids.coherence": matrix([numbers(4)]),
        "probe.helpfulness": matrix([numbers(4)]),
        attention: matrix([numbers(count).map(Math.abs)]),
        grid: matrix([numbers(2), numbers(2)]),
        plus_minus: matrix([0, 1, 2].map(() => numbers(2).map(Math.abs))),
        "followup.logit.understanding.positive": matrix([numbers(10)]),
        "followup.logit.understanding.negative": matrix([numbers(10)]),
        "followup.logit.relevance.positive": matrix([numbers(10)]),
        "followup.logit.relevance.negative": matrix([numbers(10)]),
        "followup.log-likelihood.relevance.positive": matrix([numbers(10)]),
        "followup.log-likelihood.relevance.negative": matrix([numbers(10)]),
      },
    };
    return { trajectory: own, inputs };
  });
  return memberContextsOf(modelGroup(made));
}

/** A judge's own samples: tables, verdicts, grades and ratings. */
function judgeWorld(): readonly SignalContext[] {
  const reply = (a: number, b: number, total: number, better: number): string =>
    `<think>1. **Semantics**:\nImage 1 (${a}/10) - close. Image 2 (${b}/10) - far.\n\n2. **Quality**:\nImage 1 (7/10) - sharp. Image 2 (5/10) - soft.\n\nTotal score:\nImage 1: ${a}+7=${total}\nImage 2: ${b}+5=${b + 5}\n</think>\n<answer>Image ${better} is better</answer>`;
  const made = [reply(8, 6, 15, 1), reply(2, 9, 9, 1), "no verdict, 8"].map((text, m) => ({
    trajectory: trajectory(`j${m}`, {
      groupId: "judged",
      steps: [
        { index: 0, role: "user", action: "Compare." },
        { index: 1, role: "assistant", action: text },
      ],
      task: { groundTruth: "Image 1 is better" },
      outcome: { reward: m, components: {} },
    }),
    inputs: { judge: [{ text }] },
  }));
  const graded = ["Reason: done. Score: 4", "Score: 9", "Reason: late. Score: 2.5"].map((text, m) => ({
    trajectory: trajectory(`o${m}`, {
      groupId: "graded",
      steps: [{ index: 0, role: "assistant", action: "tap" }],
    }),
    inputs: { judge: [{ text }] },
  }));
  return [...memberContextsOf(modelGroup(made, "judged")), ...memberContextsOf(modelGroup(graded, "graded"))];
}

/** Device episodes, GUI samples, completions of RewardBench and pairs by style. */
function benchWorld(): readonly SignalContext[] {
  const device = trajectory("d0", {
    steps: [{ index: 0, role: "assistant", action: '{"action_type": "status", "goal_status": "complete"}' }],
    outcome: { components: { environment_verdict: 1 } },
    extra: { is_successful: 1, task_template: "ClockTimer", run_time: 12 },
  });
  const recorded = trajectory("d1", {
    steps: [{ index: 0, role: "assistant", action: "tap" }],
    outcome: { components: {} },
    extra: { is_successful: 0 },
  });
  const link = JSON.stringify([{ Plan: "open", Action: { function: "Tap", point_2d: [15, 15] } }]);
  const fence = "```";
  const gui = trajectory("b0", {
    steps: [
      { index: 0, role: "user", action: "Open it." },
      {
        index: 1,
        role: "assistant",
        action: `<blink>${fence}json\n[{"bbox_2d": [10, 10, 20, 20]}]\n${fence}</blink><think>t</think><link>${fence}json\n${link}\n${fence}</link>`,
      },
    ],
    extra: { solution: link, bbox: [10, 10, 21, 21], image_sizes: [[400, 800]], max_pixels: 602112 },
  });
  const styles = trajectory("s0", { extra: { score_chosen: [1, 2, 3], score_rejected: [0, 2, 4] } });
  const completions = (id: string, right: readonly number[], wrong: readonly number[]): Group =>
    modelGroup(
      [...right, ...wrong].map((reward, k) => ({
        trajectory: trajectory(`${id}-${k}`, {
          groupId: id,
          outcome: { reward, success: k < right.length, components: {} },
        }),
      })),
      id,
    );
  const groups = [
    completions("ref:1", [2], [1, 0]),
    completions("tied:1", [3, 2.5], [1, 0]),
    completions("best", [2], [2, 1, 0]),
  ];
  return [
    { trajectory: device },
    { trajectory: recorded },
    { trajectory: gui },
    { trajectory: styles },
    ...groups.flatMap((group) => memberContextsOf(group).map((context) => ({ ...context, batch: groups }))),
  ];
}

/** Every context of this file. */
export function modelContexts(): readonly SignalContext[] {
  return [...agentWorld(), ...judgeWorld(), ...benchWorld()];
}

/** Parameters whose defaults are made for long rollouts, with values at which these short worlds have numbers. */
export const smallSettings: Readonly<Record<string, number | string>> = { chunk: 4, stride: 4, ages: "3,5" };
