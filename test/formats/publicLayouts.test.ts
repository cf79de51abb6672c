import { describe, expect, it } from "vitest";
import type { Format } from "../../src/formats/format";
import { formats } from "../../src/formats/index";
import type { JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

/** The format that claims a record as a line of JSON. */
function claims(value: JsonValue, path = "/data/train.jsonl"): Format {
  let best: { format: Format; confidence: number } | undefined;
  for (const format of formats) {
    if (!format.containers.includes("jsonl")) continue;
    const found = format.detect({ path, bytes: 1, container: "jsonl", firstRecord: value, siblings: [] });
    if (found !== undefined && found.confidence > (best?.confidence ?? 0))
      best = { format, confidence: found.confidence };
  }
  if (best === undefined) throw new Error("No format claims the record.");
  return best.format;
}

function read(value: JsonValue) {
  const format = claims(value);
  return { id: format.id, ...readValue(format, value) };
}

describe("trajectories of SWE sets", () => {
  it("reads nebius' turns, whose words stand under text and system_prompt", () => {
    const { id, summaries, trajectories } = read({
      instance_id: "made__repo-1",
      target: true,
      trajectory: [
        { role: "system", text: null, system_prompt: "You fix bugs.", mask: false },
        { role: "user", text: "The adder subtracts.", system_prompt: null, mask: false },
        { role: "ai", text: "I look at it.", system_prompt: null, mask: true },
      ],
      exit_status: "submitted",
    });
    expect(id).toBe("chat");
    expect(summaries[0]).toMatchObject({ success: true, ownId: "made__repo-1", components: {} });
    expect(lines(trajectories[0])).toEqual([
      "system/prompt: You fix bugs.",
      "user/prompt: The adder subtracts.",
      "assistant/answer: I look at it.",
    ]);
  });

  it("reads messages that are stored as JSON text, with the flag of a resolved task", () => {
    const messages = [
      { role: "user", content: "Fix it." },
      { role: "assistant", content: "Done." },
    ];
    const { id, summaries } = read({ messages: JSON.stringify(messages), resolved: false, traj_id: "t1" });
    expect(id).toBe("chat");
    expect(summaries[0]).toMatchObject({ success: false, stepCount: 2, ownId: "t1" });
  });

  it("takes a prompt of messages with an answer of text", () => {
    const { id, summaries } = read({
      prompt: [{ role: "user", content: "2 + 2?" }],
      response: "4",
      score: 1,
    });
    expect(id).toBe("chat");
    expect(summaries[0]).toMatchObject({ reward: 1, stepCount: 2 });
  });

  it("keeps messages of roles that nobody knows, by their names", () => {
    const { trajectories } = read({
      messages: [
        { role: "user", content: "Go." },
        { role: "assistant", content: "Gone." },
        { role: "critic", content: "Too fast." },
      ],
    });
    expect(trajectories[0]?.steps[2]).toMatchObject({
      role: "environment",
      observation: "Too fast.",
      extra: { role: "critic" },
    });
  });

  it("reads LangChain's messages", () => {
    const { id, trajectories } = read({
      messages: [
        { type: "human", content: "Hi", id: "1" },
        { type: "ai", content: "", tool_calls: [{ name: "clock", args: { zone: "UTC" }, id: "c" }] },
        { type: "tool", content: "12:00", tool_call_id: "c" },
      ],
    });
    expect(id).toBe("chat");
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: Hi",
      'assistant/act:  [clock {"zone":"UTC"}]',
      "tool/observe: 12:00",
    ]);
  });
});

describe("verifiers rollouts", () => {
  it("has one whose policy never answered", () => {
    const { id, summaries } = read({
      id: 0,
      prompt: [{ role: "user", content: "Call the tool." }],
      completion: [],
      task: "default",
      answer: "",
      reward: 0,
      generation_ms: 0,
    });
    expect(id).toBe("verifiers-results");
    expect(summaries[0]).toMatchObject({ reward: 0, stepCount: 1, responseCharacters: 0 });
  });

  it("groups by the prompt where there is no id", () => {
    const { id, summaries } = read({
      prompt: [{ role: "user", content: "Hello?" }],
      completion: [{ role: "assistant", content: "Hello." }],
      answer: "Hello.",
      reward: 0.6,
      task: "greet",
    });
    expect(id).toBe("verifiers-results");
    expect(summaries[0]?.groupGuess).toBe("rows with the same prompt");
  });
});

describe("tau2 simulations", () => {
  const simulation = {
    id: "s",
    task_id: "7",
    termination_reason: "user_stop",
    trial: 1,
    reward_info: { reward: 0 },
  };

  it("are read by themselves, with results of several tools as steps of their own", () => {
    const { id, summaries, trajectories } = read({
      ...simulation,
      messages: [
        { role: "user", content: "Cancel my flight." },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "a", name: "find", arguments: { who: "me" } }],
        },
        {
          role: "tool",
          tool_messages: [
            { role: "tool", content: "F1" },
            { role: "tool", content: "F2" },
          ],
        },
      ],
    });
    expect(id).toBe("tau2-bench");
    expect(summaries[0]).toMatchObject({ reward: 0, success: false, groupKey: "7", stepCount: 4 });
    expect(lines(trajectories[0]).slice(2)).toEqual(["tool/observe: F1", "tool/observe: F2"]);
  });

  it("of voice: chunks of one speaker are put together, silent ones left out", () => {
    const say = (role: string, content?: string): JsonValue => ({
      role,
      ...(content === undefined ? {} : { content }),
    });
    const { trajectories } = read({
      ...simulation,
      ticks: [
        { tick_id: 0, user_chunk: say("user", "Good "), agent_chunk: say("assistant") },
        { tick_id: 1, user_chunk: say("user", "day."), agent_chunk: say("assistant") },
        { tick_id: 2, user_chunk: say("user"), agent_chunk: say("assistant", "Hello.") },
      ],
    });
    expect(lines(trajectories[0])).toEqual(["user/prompt: Good day.", "assistant/answer: Hello."]);
  });
});

describe("preferences", () => {
  const preferred = (value: JsonValue) => {
    const { id, summaries } = read(value);
    return { id, success: summaries.map((one) => one.success) };
  };

  it.each([
    [
      "HelpSteer3",
      { context: [{ role: "user", content: "q" }], response1: "a", response2: "b", overall_preference: 2 },
      [false, true],
    ],
    [
      "PKU-SafeRLHF",
      { prompt: "q", response_0: "a", response_1: "b", better_response_id: 0, safer_response_id: 1 },
      [true, false],
    ],
    [
      "SHP",
      { history: "q", human_ref_A: "a", human_ref_B: "b", labels: 0, score_A: 3, score_B: 9 },
      [false, true],
    ],
    [
      "WebGPT",
      { question: { full_text: "q" }, answer_0: "a", answer_1: "b", score_0: 0.5, score_1: -0.5 },
      [true, false],
    ],
    [
      "WebGPT draw",
      { question: { full_text: "q" }, answer_0: "a", answer_1: "b", score_0: 0, score_1: 0 },
      [undefined, undefined],
    ],
    [
      "AlpacaEval",
      { instruction: "q", output_1: "a", output_2: "b", generator_1: "x", generator_2: "y", preference: 1.9 },
      [false, true],
    ],
    [
      "AlpacaEval draw",
      { instruction: "q", output_1: "a", output_2: "b", generator_1: "x", generator_2: "y", preference: 1.5 },
      [undefined, undefined],
    ],
    ["JudgeBench", { question: "q", response_A: "a", response_B: "b", label: "A>B" }, [true, false]],
    [
      "arena",
      {
        model_a: "x",
        model_b: "y",
        winner: "model_b",
        conversation_a: [
          { role: "user", content: "q" },
          { role: "assistant", content: "a" },
        ],
        conversation_b: [
          { role: "user", content: "q" },
          { role: "assistant", content: "b" },
        ],
      },
      [false, true],
    ],
  ] as readonly [string, JsonValue, readonly unknown[]][])("%s", (_name, value, success) => {
    expect(preferred(value)).toEqual({ id: "response-pairs", success });
  });

  it("reads HH-RLHF's dialogues turn by turn", () => {
    const { id, trajectories } = read({
      chosen: "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye\n\nAssistant: Farewell",
      rejected: "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye\n\nAssistant: No",
    });
    expect(id).toBe("preference-pairs");
    expect(lines(trajectories[1])).toEqual([
      "user/prompt: Hi",
      "assistant/prompt: Hello",
      "user/prompt: Bye",
      "assistant/answer: No",
    ]);
  });

  it("reads RM-Bench's three styles of each side, with their scores", () => {
    const { id, summaries } = read({
      prompt: "q",
      chosen: ["a", "b", "c"],
      rejected: ["x", "y", "z"],
      score_chosen: [3, 2, 1],
      score_rejected: [0, null, -1],
    });
    expect(id).toBe("preference-pairs");
    expect(summaries.map(({ reward }) => reward)).toEqual([3, 2, 1, 0, null, -1]);
    expect(summaries.map(({ success }) => success)).toEqual([true, true, true, false, false, false]);
  });

  it("reads OpenAI's and Argilla's names of the sides and their scores", () => {
    expect(
      preferred({
        input: { messages: [{ role: "user", content: "q" }] },
        preferred_output: [{ role: "assistant", content: "a" }],
        non_preferred_output: [{ role: "assistant", content: "b" }],
      }),
    ).toEqual({ id: "preference-pairs", success: [true, false] });
    const { summaries } = read({
      prompt: "q",
      chosen: "a",
      rejected: "b",
      "chosen-rating": 4.5,
      "rejected-rating": 2,
    });
    expect(summaries.map(({ reward }) => reward)).toEqual([4.5, 2]);
  });

  it("reads LLaMA-Factory's judged conversations", () => {
    const { id, summaries } = read({
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: "a" },
      ],
      label: false,
    });
    expect({ id, success: summaries[0]?.success }).toEqual({ id: "kto", success: false });
  });

  it("reads Nectar's ranks and HelpSteer's ratings", () => {
    const ranked = read({
      prompt: "q",
      answers: [
        { answer: "a", model: "x", rank: 2 },
        { answer: "b", model: "y", rank: 1 },
      ],
    });
    expect(ranked.summaries.map(({ success }) => success)).toEqual([false, true]);
    const rated = read({
      prompt: "q",
      response: "a",
      helpfulness: 3,
      correctness: 4,
      coherence: 4,
      complexity: 1,
      verbosity: 0,
    });
    expect(rated.summaries[0]).toMatchObject({
      components: { helpfulness: 3, correctness: 4, coherence: 4, complexity: 1, verbosity: 0 },
    });
    expect(rated.summaries[0]?.reward).toBeUndefined();
  });
});

describe("step labels", () => {
  const rewards = (value: JsonValue) => {
    const { id, trajectories } = read(value);
    return { id, rewards: trajectories[0]?.steps.slice(1).map(({ reward }) => reward) };
  };

  it("reads OpenR's process with its step tag", () =>
    expect(
      rewards({ question: "1 + 1?", process: "Add. \u043a\u0438\nIt is 3. \u043a\u0438", label: ["+", "-"] }),
    ).toEqual({
      id: "stepwise-labels",
      rewards: [1, 0],
    }));

  it("reads PRMBench's numbers of wrong steps", () =>
    expect(
      rewards({
        original_question: "1 + 1?",
        modified_question: "1 + 1?",
        modified_process: ["Add.", "3"],
        error_steps: [2],
      }),
    ).toEqual({ id: "stepwise-labels", rewards: [1, 0] }));

  it("reads scores of one number a step", () => {
    const { id, trajectories } = read({ id: 4, scores: [0.9, 0.25] });
    expect(id).toBe("reasoneval-scores");
    expect(trajectories[0]?.steps.map(({ reward }) => reward)).toEqual([0.9, 0.25]);
  });
});

describe("other writers of known formats", () => {
  it("reads a SWE-agent demonstration, which is a history alone", () => {
    const { id, summaries } = read({
      history: [
        { role: "system", content: "You use a shell.", agent: "main", message_type: "system_prompt" },
        { role: "user", content: "Fix it.", agent: "main", message_type: "observation" },
        { role: "assistant", content: "ls", agent: "main", message_type: "action" },
      ],
    });
    expect(id === "swe-agent" || id === "chat").toBe(true);
    expect(summaries[0]?.stepCount).toBe(3);
  });

  it("reads AgentNetBench's steps", () => {
    const { id, trajectories } = read({
      task_id: "t",
      user_task_description: "Open the file.",
      steps: [
        {
          step_num: 1,
          image: "t_1.png",
          action: "pyautogui.click(x=0.5, y=0.25)",
          inner_monologue: { thought: "It is there.", low_level_instruction: "Click it." },
        },
      ],
    });
    expect(id).toBe("opencua");
    expect(trajectories[0]?.steps[1]).toMatchObject({
      thought: "It is there.",
      action: "Click it.\npyautogui.click(x=0.5, y=0.25)",
    });
  });

  it("reads TRL's completions as lines", () => {
    const { id, summaries } = read({
      step: 4,
      prompt: "q",
      completion: "a",
      accuracy_reward: 0.5,
      advantage: -1,
    });
    expect(id).toBe("trl-completions");
    expect(summaries[0]).toMatchObject({ reward: 0.5, advantage: -1, trainingStep: 4 });
  });

  it("reads verl rows whose fork writes reward for score", () => {
    const { id, summaries } = read({ input: "q", output: "a", reward: -0.5, step: 2 });
    expect(id).toBe("verl");
    expect(summaries[0]).toMatchObject({ reward: -0.5, trainingStep: 2 });
  });
});
