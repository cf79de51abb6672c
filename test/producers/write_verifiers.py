"""verifiers builds message graphs turn by turn, as its interception does, and writes the episodes to traces.jsonl.

The turns are given: a model behind its servers would need a network. Everything from the graph to the file is the library's.
"""

import random

import verifiers
import verifiers.v1 as vf
from expectations import folder, write
from verifiers.v1 import graph
from verifiers.v1.types import AssistantMessage, Response, SystemMessage, ToolCall, ToolMessage, TurnTokens, Usage, UserMessage
from verifiers.v1.utils.trace_store import read_episodes, write_episode

out = folder()
chance = random.Random(0)


def tokens_of(count: int) -> list:
    return [chance.randrange(1000) for _ in range(count)]


class Conversation:
    """One agent's calls: each prompt extends the one before, with the tokens that its messages add."""

    def __init__(self, trace: vf.Trace):
        self.trace = trace
        self.ids: dict[int, list] = {}

    def turn(self, prompt: list, said: AssistantMessage, finish: str = "stop", tokens: bool = True) -> None:
        pending = graph.prepare_turn(self.trace, prompt)
        given = None
        if tokens:
            spans, ids = [], []
            for message in prompt:
                own = self.ids.setdefault(id(message), tokens_of(3))
                spans.append((len(ids), len(ids) + len(own)))
                ids.extend(own)
            completion = tokens_of(4)
            given = TurnTokens(
                prompt_ids=[*ids, 7],
                completion_ids=completion,
                completion_logprobs=[-chance.random() for _ in completion],
                message_spans=spans,
            )
            # What is said now is a prompt later: the scaffold before it and its own tokens.
            self.ids[id(said)] = [7, *completion]
        response = Response(
            id="r",
            created=0,
            model="test",
            message=said,
            finish_reason=finish,
            usage=Usage(prompt_tokens=5, completion_tokens=4),
            tokens=given,
        )
        node = pending.commit(response)
        self.trace.calls.append(vf.ModelCall(node=node, model="test", finish_reason=finish, usage=response.usage))


def trace_of(number: int) -> vf.Trace:
    data = vf.WireTaskData(idx=number, prompt=f"What is {number} + 1?", answer=str(number + 1))
    return vf.Trace[vf.WireTaskData, vf.State, vf.AgentConfig](
        task=vf.TraceTask(type="Sum", data=data, key=f"task-{number}"), agent=vf.AgentInfo(config=vf.AgentConfig())
    )


def finish(trace: vf.Trace, stop: str, advantage=None) -> None:
    trace.is_completed = trace.ok = True
    trace.stop_condition = stop
    for node in trace.nodes:
        if node.sampled and node.logprobs and advantage is not None:
            node.advantages = [advantage] * len(node.logprobs)
            node.trainer_logprobs = [value - 0.125 for value in node.logprobs]
            node.loss_weights = {"rl": [float(flag) for flag in node.mask]}
            node.entropies = [0.5 + at / 4 for at, _ in enumerate(node.logprobs)]


system = SystemMessage(content="Be brief.")
episodes = []


def episode(trace: vf.Trace, group=None, step=None) -> None:
    made = vf.Episode[vf.WireTaskData, vf.State, vf.AgentConfig](
        env=vf.EnvInfo(id="sums"), task=trace.task, traces=[trace], ok=True, group=group and vf.GroupInfo(id=group)
    )
    if step is not None:
        made.record_run(vf.TrainRunInfo(id="run", work=vf.TrainWorkInfo(step=step)))
    episodes.append(made)


# A call of a tool, and an answer; scored by two functions, of which one gave nothing.
for number, advantage in [(1, 0.75), (1, -0.75)]:
    trace = trace_of(number)
    talk = Conversation(trace)
    prompt = [system, UserMessage(content=trace.task.data.prompt_text)]
    first = AssistantMessage(content="I add.", reasoning_content="A sum.", tool_calls=[ToolCall(id="c1", name="add", arguments='{"x": 1}')])
    talk.turn(prompt, first, "tool_calls")
    talk.turn([*prompt, first, ToolMessage(tool_call_id="c1", content="2")], AssistantMessage(content="It is 2."))
    trace.record_reward("correct", 1.0 if advantage > 0 else 0.0, 0.5)
    trace.record_reward("style", 0.25)
    trace.rewards["judged"] = None
    trace.record_metric("words", 3)
    finish(trace, "agent_completed", advantage)
    episode(trace, "group-1", 12)

# The history is rewritten half-way: two branches. No tokens, as of a server that gives none.
trace = trace_of(2)
talk = Conversation(trace)
prompt = [system, UserMessage(content=trace.task.data.prompt_text)]
talk.turn(prompt, AssistantMessage(content="Hm."), tokens=False)
talk.turn([system, UserMessage(content="Summary: a sum.")], AssistantMessage(content="3 🙂"), "length", tokens=False)
trace.record_reward("correct", 1.0)
finish(trace, "max_turns")
episode(trace)

# Nothing was scored, and the answer was cut.
trace = trace_of(3)
Conversation(trace).turn([UserMessage(content=trace.task.data.prompt_text)], AssistantMessage(content=None), "length", tokens=False)
trace.rewards["correct"] = None
finish(trace, "agent_completed")
episode(trace)

for made in episodes:
    write_episode(out, made)
assert (out / "traces.jsonl").exists()


def said(message) -> list:
    return [message.role, message.content or ""]


def laid(nodes: list, name: str) -> list:
    """A stream of sampled tokens, laid on all tokens of a branch."""
    values = []
    for node in nodes:
        given = iter(getattr(node, name) or [])
        values.extend(next(given, float("nan")) if sampled else float("nan") for sampled in node.mask)
    return values


expected = []
for made in read_episodes(out, vf.Trace[vf.WireTaskData, vf.State, vf.AgentConfig]):
    for trace in made.traces:
        scored = {name: reward.score for name, reward in trace.rewards.items() if reward is not None}
        for branch in trace.branches:
            ids = [token for node in branch.nodes for token in node.token_ids]
            series = {
                name: values
                for name, stream in {"logprob": "logprobs", "advantage": "advantages", "trainer_logprob": "trainer_logprobs", "entropy": "entropies"}.items()
                for values in [laid(branch.nodes, stream)]
                if any(value == value for value in values)
            }
            weights = [value for node in branch.nodes for value in (node.loss_weights or {}).get("rl", [float("nan")] * len(node.mask))]
            if any(value == value for value in weights):
                series["loss_weights.rl"] = weights
            credits = {value for node in branch.nodes for value in node.advantages or []}
            expected.append(
                {
                    "ownId": trace.id,
                    "id": trace.task.key,
                    "prompt": trace.task.data.prompt_text,
                    "groundTruth": trace.task.data.answer,
                    "steps": len(branch.nodes),
                    "texts": [said(node.message) for node in branch.nodes],
                    "thoughts": [node.message.reasoning_content for node in branch.nodes if getattr(node.message, "reasoning_content", None)],
                    "stopReason": trace.stop_condition,
                    "truncated": trace.is_truncated,
                    # Without a score verifiers' sum is 0; nothing was earned or lost.
                    "reward": trace.reward if scored else None,
                    "components": {**scored, **trace.metrics},
                }
                | ({"tokenIds": ids, "tokenMask": [int(flag) for node in branch.nodes for flag in node.mask], "series": series} if ids else {})
                | ({"advantage": credits.pop()} if len(credits) == 1 else {})
                | ({"trainingStep": made.run.work.step, "split": made.run.work.type} if made.run else {})
            )
write(out, verifiers.__version__, [{"path": "traces.jsonl", "format": "verifiers-traces", "trajectories": expected}])
