"""Agents of smolagents, the OpenAI Agents SDK, LangGraph and Pydantic AI call a tool and answer; each library writes what it keeps.

A server on the loopback interface plays the model. Expected is what the library says of its own run.
"""

import asyncio
import json
from importlib.metadata import version

from expectations import folder, write
from loopback_model import serve

out = folder()
address = f"{serve()}/v1"
QUESTIONS = ["Was ist 1 + 2? 漢字", "Was ist 3 + 4?"]
files = []


def add_file(name: str, format: str, trajectories: list) -> None:
    files.append({"path": name, "format": format, "trajectories": trajectories})


def numbers_of(question: str) -> tuple:
    return tuple(int(letter) for letter in question if letter.isdigit())


# LangGraph: a loop of a model and a tool node, and LangChain's dumps of its messages.
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, messages_from_dict, messages_to_dict
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


@tool
def add(x: int, y: int) -> int:
    """Adds two numbers."""
    return x + y


def graph_messages(question: str) -> list:
    x, y = numbers_of(question)
    model = FakeMessagesListChatModel(
        responses=[
            AIMessage(content="Let me add.", tool_calls=[{"name": "add", "args": {"x": x, "y": y}, "id": "call_1"}]),
            AIMessage(content=f"Es ist {x + y}. 🙂"),
        ]
    )
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([add]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition, {"tools": "tools", END: END})
    graph.add_edge("tools", "model")
    return graph.compile().invoke({"messages": [SystemMessage("Sei kurz."), HumanMessage(question)]})["messages"]


def of_messages(messages: list) -> dict:
    roles = {"human": "user", "ai": "assistant"}
    return {
        "prompt": next(message.content for message in messages if message.type == "human"),
        "texts": [[roles.get(message.type, message.type), message.content] for message in messages],
        "toolCalls": [[call["name"], call["args"]] for message in messages for call in getattr(message, "tool_calls", [])],
    }


states = [graph_messages(question) for question in QUESTIONS]
with open(out / "langchain-dicts.jsonl", "w", encoding="utf-8") as lines:
    for messages in states:
        lines.write(json.dumps({"messages": messages_to_dict(messages)}, ensure_ascii=False) + "\n")
read = [messages_from_dict(json.loads(line)["messages"]) for line in open(out / "langchain-dicts.jsonl", encoding="utf-8")]
add_file("langchain-dicts.jsonl", "chat", [of_messages(messages) for messages in read])
(out / "langchain-dump.json").write_text(dumps(states[0]), encoding="utf-8")
add_file("langchain-dump.json", "chat-list", [of_messages(states[0])])
with open(out / "langgraph-states.jsonl", "w", encoding="utf-8") as lines:
    for messages in states:
        lines.write(json.dumps({"messages": [message.model_dump() for message in messages]}) + "\n")
add_file("langgraph-states.jsonl", "chat", [of_messages(messages) for messages in states])

# Pydantic AI
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai import ModelMessagesTypeAdapter
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

agent = PydanticAgent(OpenAIChatModel("scripted", provider=OpenAIProvider(base_url=address, api_key="none")), system_prompt="Sei kurz.")


@agent.tool_plain(name="add")
def add_plain(x: int, y: int) -> int:
    """Adds two numbers."""
    return x + y


result = agent.run_sync(QUESTIONS[0])
(out / "pydantic-ai.json").write_bytes(result.all_messages_json())
parts = [part for message in ModelMessagesTypeAdapter.validate_json((out / "pydantic-ai.json").read_bytes()) for part in message.parts]
assert [part.part_kind for part in parts] == ["system-prompt", "user-prompt", "text", "tool-call", "tool-return", "text"], parts
system, asked, thought, call, returned, answer = parts
add_file(
    "pydantic-ai.json",
    "chat-list",
    [
        {
            "prompt": asked.content,
            "texts": [
                ["system", system.content],
                ["user", asked.content],
                ["assistant", thought.content],
                ["tool", str(returned.content)],
                ["assistant", answer.content],
            ],
            "toolCalls": [[call.tool_name, call.args_as_dict()]],
        }
    ],
)

# The Agents SDK keeps a session's items in SQLite.
from agents import Agent, OpenAIChatCompletionsModel, Runner, SQLiteSession, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)


@function_tool(name_override="add")
def add_numbers(x: int, y: int) -> int:
    """Adds two numbers."""
    return x + y


async def sessions() -> list:
    model = OpenAIChatCompletionsModel("scripted", AsyncOpenAI(base_url=address, api_key="none"))
    adder = Agent("adder", instructions="Sei kurz.", tools=[add_numbers], model=model)
    kept = []
    for number, question in enumerate(QUESTIONS):
        session = SQLiteSession(f"session-{number}", out / "sessions.db")
        await Runner.run(adder, question, session=session)
        kept.append(await session.get_items())
        session.close()
    return kept


trajectories = []
for number, items in enumerate(asyncio.run(sessions())):
    kinds = [item.get("type", item.get("role")) for item in items]
    assert kinds == ["user", "message", "function_call", "function_call_output", "message"], kinds
    asked, thought, call, output, answer = items
    trajectories.append(
        {
            "ownId": f"session-{number}",
            "prompt": asked["content"],
            "texts": [
                ["user", asked["content"]],
                ["assistant", thought["content"][0]["text"]],
                ["tool", output["output"]],
                ["assistant", answer["content"][0]["text"]],
            ],
            "toolCalls": [[call["name"], json.loads(call["arguments"])]],
        }
    )
add_file("sessions.db", "openai-items", trajectories)

# smolagents: the steps of its memory.
from smolagents import LogLevel, OpenAIServerModel, ToolCallingAgent
from smolagents import tool as smol_tool


@smol_tool
def add(x: int, y: int) -> int:
    """Adds two numbers.

    Args:
        x: First number.
        y: Second number.
    """
    return x + y


agent = ToolCallingAgent(tools=[add], model=OpenAIServerModel("scripted", api_base=address, api_key="none"), verbosity_level=LogLevel.OFF)
agent.run(QUESTIONS[0])
(out / "smolagents.json").write_text(json.dumps(agent.memory.get_full_steps()), encoding="utf-8")
steps = [step for step in agent.memory.get_full_steps() if "step_number" in step]
add_file(
    "smolagents.json",
    "smolagents-steps",
    [
        {
            "prompt": QUESTIONS[0],
            "toolCalls": [[call["function"]["name"], call["function"]["arguments"]] for step in steps for call in step["tool_calls"]],
        }
    ],
)
libraries = ("langgraph", "langchain-core", "pydantic-ai-slim", "openai-agents", "smolagents")
write(out, f"({', '.join(f'{name} {version(name)}' for name in libraries)})", files)
