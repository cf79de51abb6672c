import type { TrajectoryRow } from "../../../src/model/summary";
import type { Step, Trajectory } from "../../../src/model/trajectory";

/** A trajectory with what a view is told around it. */
export interface TrajectoryScenario {
  readonly trajectory: Trajectory;
  readonly members: readonly Pick<TrajectoryRow, "id" | "reward" | "success" | "truncated" | "stepCount">[];
  /** Signals shown as tracks: id, preset. */
  readonly signals: readonly (readonly [string, string?])[];
  readonly scored?: boolean;
}

/** A repeatable number in [0, 1) for an index: scenarios look the same in every run. */
export function spread(index: number): number {
  const wave = Math.sin(index * 12.9898) * 43758.5453;
  return wave - Math.floor(wave);
}

const GROUP_REWARDS = [1, 1, 0, 0, 1, 1, 0, 1];

export function groupMembers(steps = 7): TrajectoryScenario["members"] {
  return GROUP_REWARDS.map((reward, index) => ({
    id: `t${index}`,
    reward,
    success: reward === 1,
    truncated: index === 6,
    stepCount: steps,
  }));
}

const PUZZLE: readonly Pick<Step, "role" | "kind" | "observation" | "thought" | "action">[] = [
  { role: "user", kind: "prompt", observation: "Use the numbers 3 7 8 2 once each with + - * / to make 24." },
  { role: "assistant", kind: "think", thought: "24 is 8 times 3, so 7 and 2 would have to vanish." },
  { role: "assistant", kind: "act", action: "7 - 2 = 5" },
  { role: "assistant", kind: "act", action: "8 - 5 = 3" },
  {
    role: "assistant",
    kind: "act",
    thought: "8 / (3 - 7/3) would need another 3, and only one is left.",
    action: "7 - 3 = 4",
  },
  {
    role: "assistant",
    kind: "think",
    thought: "That leaves 8, 2 and 4: 8 * 2 = 16 and 16 + 4 = 20, which is not 24.",
  },
  { role: "assistant", kind: "answer", action: "8 * 2 + 7 - 3 = 20" },
];
const CREDIT = [undefined, 0.02, 0.31, 0.12, -0.74, -0.1, -0.3];

/** A short puzzle with tokens, step advantages and a group of eight. */
export function puzzle(): TrajectoryScenario {
  const words: string[] = [];
  const steps = PUZZLE.map((part, index): Step => {
    const own =
      [part.observation, part.thought, part.action]
        .filter((text) => text !== undefined)
        .join("\n")
        .match(/\s?[^\s]+|\s/g) ?? [];
    const tokenStart = words.length;
    words.push(...own);
    const advantage = CREDIT[index];
    return {
      index,
      ...part,
      tokenStart,
      tokenEnd: words.length,
      ...(advantage === undefined ? {} : { advantage }),
      ...(index === PUZZLE.length - 1 ? { reward: 0, terminated: true } : {}),
    };
  });
  const prompt = steps[0]!.tokenEnd!;
  const number = (low: number, high: number, shift: number): Float64Array =>
    Float64Array.from(words, (_, index) =>
      index < prompt ? NaN : low + (high - low) * spread(index + shift),
    );
  const trajectory: Trajectory = {
    id: "t3",
    datasetId: "d",
    format: "verl-rollout",
    source: { path: "/runs/rollouts/40.jsonl", row: 3, part: 0, byteOffset: 4120, byteLength: 1822 },
    task: { prompt: PUZZLE[0]!.observation!, groundTruth: "24" },
    groupId: "g0",
    trainingStep: 40,
    steps,
    tokens: {
      count: words.length,
      text: words,
      ids: Int32Array.from(words, (_, index) => 100 + index),
      mask: Uint8Array.from(words, (_, index) => (index < prompt ? 0 : 1)),
      series: { advantage: number(-1, 0.6, 1), logprob: number(-2.4, 0, 2), entropy: number(0, 1.8, 3) },
    },
    outcome: { reward: 0, rewardSource: "score", success: false, components: { format: 1, correct: 0 } },
    extra: {},
    notes: [],
  };
  return {
    trajectory,
    members: groupMembers(),
    signals: [
      ["grpo", "verl"],
      ["recorded-advantage"],
      ["recorded-reward"],
      ["recorded-value"],
      ["logprob"],
      ["entropy"],
    ],
  };
}

/** `count` steps of alternating thoughts and actions; the last text says that it is the last. */
export function long(count: number): TrajectoryScenario {
  const steps = Array.from({ length: count }, (_, index): Step => ({
    index,
    role: index === 0 ? "user" : index % 3 === 2 ? "environment" : "assistant",
    ...(index === count - 1
      ? { action: `the last of ${count} steps` }
      : index % 3 === 2
        ? { observation: `screen ${index}: a page with ${(index * 7) % 90} links` }
        : {
            thought: `at step ${index} the way on is to look further`,
            action: `click(${(index * 13) % 640}, ${(index * 29) % 480})`,
          }),
    reward: index === count - 1 ? 1 : 0,
    value: 0.5 + 0.4 * Math.sin(index / 40) + 0.1 * spread(index),
    advantage: (spread(index) - 0.5) * (index % 97 === 0 ? 4 : 1),
  }));
  const trajectory: Trajectory = {
    id: "long",
    datasetId: "d",
    format: "agent",
    source: { path: "/runs/agent/long.jsonl", row: 0, part: 0 },
    task: { prompt: "Find the cheapest flight." },
    steps,
    outcome: { reward: 1, success: true, truncated: count > 100, components: {} },
    extra: {},
    notes: [],
  };
  return {
    trajectory,
    members: [],
    signals: [
      ["recorded-advantage"],
      ["recorded-value"],
      ["recorded-reward"],
      ["return"],
      ["gae"],
      ["grpo", "verl"],
    ],
  };
}

export const HOSTILE = `<img src=x onerror="document.body.dataset.hacked='1'"><script>document.body.dataset.hacked='1'</script><b>bold</b>`;

/** Text that would do harm as HTML, in every place that a trajectory has. */
export function hostile(): TrajectoryScenario {
  const base = puzzle();
  const big = `${HOSTILE}\n${"a long action that goes on. ".repeat(500)}`;
  const steps: Step[] = [
    { index: 0, role: "user", kind: "prompt", observation: HOSTILE },
    {
      index: 1,
      role: "assistant",
      thought: HOSTILE,
      action: big,
      toolCalls: [{ name: HOSTILE, arguments: { query: HOSTILE } }],
      extra: { [HOSTILE]: HOSTILE },
      media: [{ kind: "image", path: "../../etc/passwd" }],
    },
    { index: 2, role: "tool", observation: "javascript:alert(1)", reward: NaN, advantage: null },
  ];
  return {
    ...base,
    trajectory: {
      ...base.trajectory,
      id: "t0",
      task: { prompt: HOSTILE, groundTruth: HOSTILE },
      steps,
      tokens: { count: 3, text: [HOSTILE, "\n", ""], series: { [HOSTILE]: Float64Array.of(1, NaN, -1) } },
      outcome: { reward: NaN, success: null, stopReason: HOSTILE, components: { [HOSTILE]: 1 } },
      notes: [{ code: "guessed-turns", message: `${HOSTILE} is in a note.` }],
    },
  };
}

/** Steps of an agent on a screen: a tap beside the true element, and a swipe on a picture that is not there. */
export function screen(): TrajectoryScenario {
  const base = puzzle();
  const steps: Step[] = [
    { index: 0, role: "user", kind: "prompt", observation: "Open the settings." },
    {
      index: 1,
      role: "assistant",
      kind: "act",
      action: "click",
      media: [
        {
          kind: "image",
          path: "screens/1.png",
          frame: { width: 400, height: 800 },
          marks: [
            { kind: "box", x0: 40, y0: 80, x1: 200, y1: 160, role: "truth", label: "Settings" },
            { kind: "point", x: 120, y: 300, role: "action", label: "click" },
          ],
        },
      ],
    },
    {
      index: 2,
      role: "assistant",
      kind: "act",
      action: "swipe",
      media: [
        {
          kind: "image",
          path: "/elsewhere/2.png",
          frame: { width: 400, height: 800 },
          marks: [{ kind: "arrow", x0: 200, y0: 600, x1: 200, y1: 200, role: "action", label: "swipe" }],
        },
      ],
    },
  ];
  const { tokens: _tokens, ...rest } = base.trajectory;
  return { ...base, trajectory: { ...rest, id: "t0", task: { prompt: "Open the settings." }, steps } };
}

/** A pendulum-like episode without text. */
export function episode(count = 200): TrajectoryScenario {
  const column = (
    name: string,
    role: "observation" | "action" | "reward" | "value",
    width: number,
    rows: number,
    labels?: readonly string[],
  ) => ({
    name,
    role,
    rows,
    width,
    ...(labels ? { labels } : {}),
    data: Float32Array.from({ length: rows * width }, (_, entry) => {
      const step = Math.floor(entry / width);
      return role === "reward"
        ? -Math.abs(Math.sin(step / 25)) * 8 * Math.exp(-step / 120)
        : Math.sin(step / 20 + (entry % width) * 1.6) * (role === "action" ? 2 : 1) * Math.exp(-step / 300);
    }),
  });
  const columns = [
    column("observations", "observation", 3, count + 1, ["cos", "sin", "velocity"]),
    column("actions", "action", 1, count),
    column("rewards", "reward", 1, count),
    column("camera", "observation", 24, count + 1),
  ];
  const total = columns[2]!.data.reduce((sum, value) => sum + value, 0);
  const trajectory: Trajectory = {
    id: "episode_12",
    datasetId: "d",
    format: "minari",
    source: { path: "/runs/pendulum/main_data.hdf5", row: 12, part: 0, member: "episode_12" },
    task: {},
    steps: [],
    columns: { steps: count, columns },
    outcome: { reward: total, rewardSource: "sum of rewards", truncated: true, components: {} },
    extra: {},
    notes: [],
  };
  return { trajectory, members: [], signals: [["recorded-reward"], ["return"], ["gae"], ["recorded-value"]] };
}

/** Nothing at all. */
export function empty(): TrajectoryScenario {
  const { trajectory } = puzzle();
  const { tokens: _tokens, groupId: _group, trainingStep: _step, ...rest } = trajectory;
  return {
    trajectory: { ...rest, steps: [], outcome: { components: {} }, task: {} },
    members: [],
    signals: [],
  };
}

export const trajectoryScenarios: Readonly<Record<string, () => TrajectoryScenario>> = {
  puzzle,
  screen,
  three: () => long(3),
  threeThousand: () => long(3_000),
  sixThousand: () => long(6_000),
  hostile,
  episode,
  empty,
};
