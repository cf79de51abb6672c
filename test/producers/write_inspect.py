"""Inspect AI evaluates tasks with its mock model and writes both of its log formats: scorers, epochs, tools and a limit."""

import os

from expectations import folder, write

out = folder()
os.environ["INSPECT_LOG_DIR"] = str(out)
os.environ["INSPECT_DISPLAY"] = "none"
import inspect_ai
from inspect_ai import Epochs, Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ContentReasoning, ContentText, ModelAPI, ModelOutput, get_model
from inspect_ai.scorer import Score, includes, mean, scorer, value_to_float
from inspect_ai.solver import basic_agent, generate, solver, system_message, use_tools
from inspect_ai.tool import tool

async def letters(self, text: str) -> int:
    """Inspect would fetch a vocabulary to count the mock model's tokens."""
    return len(text)


ModelAPI.count_text_tokens = letters
LONG = "A long text. " * 40


@tool
def add():
    async def execute(x: int, y: int) -> int:
        """Add two numbers.

        Args:
            x: First number.
            y: Second number.
        """
        return x + y

    return execute


@scorer(metrics={"*": [mean()]})
def parts():
    async def score(state, target):
        return Score(value={"length": len(state.output.completion), "half": 0.5, "missing": float("nan")})

    return score


@scorer(metrics=[mean()])
def partial():
    async def score(state, target):
        return Score(value="P", explanation="half of it")

    return score


def call(x: int, y: int):
    return ModelOutput.for_tool_call("mockllm/model", "add", {"x": x, "y": y}, content="I add.")


def thinking(text: str):
    output = ModelOutput.from_content("mockllm/model", text)
    output.choices[0].message.content = [ContentReasoning(reasoning="Let me think."), ContentText(text=text)]
    return output


SAMPLES = [
    Sample(id="one", input="What is 1 + 1?", target="2", metadata={"level": 3, "note": LONG}),
    Sample(
        id=2,
        input=[ChatMessageSystem(content=LONG), ChatMessageUser(content="Was ist 漢字? 🙂")],
        target=["Schrift", "zeichen"],
    ),
]
TASKS = {
    "plain": (
        Task(name="plain", dataset=SAMPLES, solver=[system_message("Be brief."), generate()], scorer=[includes(), partial()], epochs=Epochs(2, "mean")),
        lambda: [thinking("It is 2."), ModelOutput.from_content("mockllm/model", LONG), "2", ModelOutput.from_content("mockllm/model", "cut off", "max_tokens")],
    ),
    "tools": (
        Task(name="tools", dataset=SAMPLES[:1], solver=[use_tools(add()), generate()], scorer=parts()),
        lambda: [call(1, 1), call(2, -3), "2"],
    ),
    "limit": (
        Task(name="limit", dataset=SAMPLES[:1], solver=basic_agent(tools=[add()], message_limit=5), scorer=includes()),
        lambda: [call(step, step) for step in range(9)],
    ),
}


@solver
def stumble():
    async def solve(state, generate):
        if state.sample_id == 2:
            raise ValueError("no such file: é")
        return await generate(state)

    return solve


TASKS["errors"] = (
    Task(name="errors", dataset=SAMPLES, solver=stumble(), scorer=includes(), fail_on_error=False),
    lambda: ["2"],
)


def text(content) -> str:
    return content if isinstance(content, str) else "\n".join(part.text for part in content if part.type == "text")


number = value_to_float()
files = []
for name, (task, outputs) in TASKS.items():
    for form in ["eval", "json"]:
        answers = [ModelOutput.from_content("mockllm/model", one) if isinstance(one, str) else one for one in outputs()]
        [log] = eval(
            task,
            model=get_model("mockllm/model", custom_outputs=answers),
            log_format=form,
            log_dir=str(out / form),
            max_samples=1,
            max_connections=1,
        )
        assert log.status == "success", log.error
        read = read_eval_log(log.location, resolve_attachments=True)
        trajectories = []
        for sample in read.samples:
            scores = sample.scores or {}
            components = {}
            for scored, score in scores.items():
                if isinstance(score.value, dict):
                    components.update({f"{scored}.{part}": float(value) for part, value in score.value.items()})
                else:
                    components[scored] = number(score.value)
            first = next((score.value for score in scores.values()), {})
            calls = [
                [made.function, made.arguments]
                for message in sample.messages
                if message.role == "assistant"
                for made in message.tool_calls or []
            ]
            ended = sample.output.choices[0].stop_reason if sample.output.choices else None
            stop = (
                f"error: {sample.error.message}" if sample.error else f"limit: {sample.limit.type}" if sample.limit else ended
            )
            trajectories.append(
                {
                    "ownId": f"{sample.id}:{sample.epoch}",
                    "groupKey": str(sample.id),
                    "id": str(sample.id),
                    "groundTruth": sample.target,
                    "steps": len(sample.messages),
                    "texts": [[message.role, text(message.content)] for message in sample.messages],
                    "thoughts": [
                        part.reasoning
                        for message in sample.messages
                        if message.role == "assistant" and not isinstance(message.content, str)
                        for part in message.content
                        if part.type == "reasoning"
                    ],
                    "toolCalls": calls,
                    "components": components,
                    "stopReason": stop,
                    "truncated": sample.limit is not None or ended == "max_tokens",
                    "extra": {"metadata": sample.metadata},
                }
                | ({} if isinstance(first, dict) else {"reward": number(first)})
                | ({"success": first == "C"} if first in ("C", "I") else {})
            )
        path = os.path.relpath(log.location.removeprefix("file://"), out)
        files.append({"path": path, "format": "inspect-eval" if form == "eval" else "inspect-json", "trajectories": trajectories})
write(out, inspect_ai.__version__, files)
