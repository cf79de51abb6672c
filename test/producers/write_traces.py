"""The same loop of an agent, traced with OpenTelemetry into OTLP JSON files: by OpenInference, by the GenAI instrumentation of
OpenTelemetry, by Pydantic AI's own spans, and by Langfuse's SDK. Expected is what client and tools exchanged.
"""

import json
import os
from importlib.metadata import version

# What is said is part of the spans.
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"

from expectations import folder, write
from loopback_model import serve
from openai import OpenAI
from opentelemetry.exporter.otlp.json.file import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

out = folder()
base = serve()
QUESTIONS = ["Was ist 1 + 2? 漢字🙂", "Was ist 3 + 4?"]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}}}}]
files = []


def provider_of(name: str) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create({"service.name": "sums"}))
    provider.add_span_processor(BatchSpanProcessor(FileSpanExporter(out / name)))
    return provider


def run(question: str, ask, call_tool) -> list:
    """Asks the model until it calls no tool. @returns all messages"""
    messages = [{"role": "system", "content": "Sei kurz."}, {"role": "user", "content": question}]
    while True:
        message = ask(messages)
        messages.append({key: value for key, value in message.items() if key in ("role", "content", "tool_calls") and value is not None})
        if not message.get("tool_calls"):
            return messages
        for call in message["tool_calls"]:
            content = call_tool(call["function"]["name"], json.loads(call["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})


def expected(runs: list) -> list:
    return [
        {
            "prompt": messages[1]["content"],
            "texts": [[message["role"], message.get("content") or ""] for message in messages],
            "toolCalls": [
                [call["function"]["name"], json.loads(call["function"]["arguments"])]
                for message in messages
                for call in message.get("tool_calls", [])
            ],
        }
        for messages in runs
    ]


def add(name: str, arguments: dict) -> str:
    return str(arguments["x"] + arguments["y"])


def completion(client: OpenAI, messages: list) -> dict:
    return client.chat.completions.create(model="scripted", messages=messages, tools=TOOLS).choices[0].message.to_dict()


def instrumented(name: str, instrumentor) -> None:
    """A client of OpenAI under an instrumentor; the root span is the agent's own."""
    provider = provider_of(name)
    instrumentor.instrument(tracer_provider=provider)
    client = OpenAI(base_url=f"{base}/v1", api_key="none")
    runs = []
    for question in QUESTIONS:
        with provider.get_tracer("agent").start_as_current_span("invoke_agent sums"):
            runs.append(run(question, lambda messages: completion(client, messages), add))
    instrumentor.uninstrument()
    provider.shutdown()
    files.append({"path": name, "format": "otlp", "trajectories": expected(runs)})


from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor as GenAi

instrumented("openinference.jsonl", OpenInference())
instrumented("genai.jsonl", GenAi())

# Langfuse's SDK names its observations by hand here, as a decorator does.
from langfuse import Langfuse

langfuse = Langfuse(public_key="pk-lf-none", secret_key="sk-lf-none", base_url=base, span_exporter=FileSpanExporter(out / "langfuse.jsonl"))
client = OpenAI(base_url=f"{base}/v1", api_key="none")


def observed(messages: list) -> dict:
    with langfuse.start_as_current_observation(as_type="generation", name="ask", model="scripted", input=messages) as generation:
        message = completion(client, messages)
        generation.update(output=message)
    return message


def observed_tool(name: str, arguments: dict) -> str:
    with langfuse.start_as_current_observation(as_type="tool", name=name, input=arguments) as span:
        result = add(name, arguments)
        span.update(output=result)
    return result


runs = []
for question in QUESTIONS:
    with langfuse.start_as_current_observation(as_type="agent", name="sums", input=question) as root:
        messages = run(question, observed, observed_tool)
        root.update(output=messages[-1]["content"])
    runs.append(messages)
langfuse.flush()
files.append({"path": "langfuse.jsonl", "format": "otlp", "trajectories": expected(runs)})

# Pydantic AI's own spans.
from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = provider_of("pydantic-ai.jsonl")
agent = Agent(
    OpenAIChatModel("scripted", provider=OpenAIProvider(base_url=f"{base}/v1", api_key="none")),
    system_prompt="Sei kurz.",
)
Agent.instrument_all(InstrumentationSettings(tracer_provider=provider))


@agent.tool_plain(name="add")
def add_plain(x: int, y: int) -> int:
    """Adds two numbers."""
    return x + y


trajectories = []
for question in QUESTIONS:
    roles = {"system-prompt": "system", "user-prompt": "user", "text": "assistant", "tool-return": "tool"}
    parts = [part for message in agent.run_sync(question).all_messages() for part in message.parts]
    calls = [part for part in parts if part.part_kind == "tool-call"]
    trajectories.append(
        {
            "prompt": question,
            "texts": [[roles[part.part_kind], str(part.content)] for part in parts if part.part_kind != "tool-call"],
            "toolCalls": [[call.tool_name, call.args_as_dict()] for call in calls],
        }
    )
provider.shutdown()
files.append({"path": "pydantic-ai.jsonl", "format": "otlp", "trajectories": trajectories})
libraries = ("openinference-instrumentation-openai", "opentelemetry-instrumentation-openai-v2", "langfuse", "pydantic-ai-slim")
write(out, f"({', '.join(f'{name} {version(name)}' for name in libraries)})", files)
