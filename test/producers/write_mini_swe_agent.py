"""mini-swe-agent's own loop runs in a shell with its deterministic models and writes its trajectories."""

import json
import os

os.environ["MSWEA_SILENT_STARTUP"] = "1"

import minisweagent
from expectations import folder, write
from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.local import LocalEnvironment
from minisweagent.exceptions import FormatError
from minisweagent.models.test_models import (
    DeterministicModel,
    DeterministicResponseAPIToolcallModel,
    DeterministicToolcallModel,
    make_output,
    make_response_api_output,
    make_toolcall_output,
)

out = folder()
os.chdir(out)
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; echo patch é🙂"


def said(content: str, *commands: str, cost: float = 0.25) -> dict:
    return make_output(content, [{"command": command} for command in commands], cost)


def called(content, *commands: str) -> dict:
    calls = [
        {"id": f"call_{index}", "type": "function", "function": {"name": "bash", "arguments": json.dumps({"command": command})}}
        for index, command in enumerate(commands)
    ]
    actions = [{"command": command, "tool_call_id": f"call_{index}"} for index, command in enumerate(commands)]
    return make_toolcall_output(content, calls, actions)


def responded(content, *commands: str) -> dict:
    actions = [{"command": command, "tool_call_id": f"call_{index}"} for index, command in enumerate(commands)]
    return make_response_api_output(content, actions)


class Unparsed(DeterministicModel):
    """Its first answer holds no command."""

    def query(self, messages: list, **options) -> dict:
        if len(messages) == 2:
            raise FormatError({"role": "user", "content": "Give one command.", "extra": {"interrupt_type": "FormatError"}})
        return super().query(messages, **options)


RUNS = {
    "text": (DeterministicModel, [said("THOUGHT: look\n```bash\necho a\n```", "echo a"), said("two", "echo b >&2", "exit 3"), said("end", SUBMIT)]),
    "limit": (DeterministicModel, [said(f"step {step}", "true", cost=0.5) for step in range(9)]),
    "format-error": (
        Unparsed,
        [said("end", SUBMIT)],
    ),
    "tool-calls": (DeterministicToolcallModel, [called(None, "echo a", "echo 'b c'"), called("end", SUBMIT)]),
    "responses": (DeterministicResponseAPIToolcallModel, [responded("first", "echo a"), responded("end", SUBMIT)]),
}


def text(content) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content)
    return content or ""


ROLES = {"exit": "environment"}


def steps(messages: list) -> list:
    """A message a step; an answer of the Responses API is one message with its output items."""
    found = []
    for message in messages:
        if message.get("object") == "response":
            found.append(["assistant", "\n".join(text(item["content"]) for item in message["output"] if item["type"] == "message")])
        elif message.get("type") == "function_call_output":
            found.append(["tool", message["output"]])
        else:
            found.append([ROLES.get(message["role"], message["role"]), text(message["content"])])
    return found


def calls(messages: list) -> list:
    found = []
    for message in messages:
        for call in message.get("tool_calls") or []:
            found.append([call["function"]["name"], json.loads(call["function"]["arguments"])])
        for item in message.get("output", []) if message.get("object") == "response" else []:
            if item["type"] == "function_call":
                found.append([item["name"], json.loads(item["arguments"])])
    return found


files = []
for name, (model, outputs) in RUNS.items():
    path = out / name / f"{name}.traj.json"
    agent = DefaultAgent(
        model(outputs=outputs),
        LocalEnvironment(cwd=str(out)),
        system_template="You are an agent.",
        instance_template="Solve: {{task}}",
        step_limit=4 if name == "limit" else 0,
        cost_limit=100.0,
        output_path=path,
    )
    result = agent.run("print a and b")
    data = json.loads(path.read_text())
    assert data["info"]["exit_status"] == result["exit_status"]
    files.append(
        {
            "path": f"{name}/{name}.traj.json",
            "format": "mini-swe-agent",
            "trajectories": [
                {
                    "ownId": name,
                    "prompt": "Solve: print a and b",
                    "steps": len(agent.messages),
                    "texts": steps(agent.messages),
                    "toolCalls": calls(agent.messages),
                    "stopReason": result["exit_status"],
                    "truncated": result["exit_status"] == "LimitsExceeded",
                    "components": {"instance_cost": agent.cost, "api_calls": agent.n_calls},
                    "extra": {"info": data["info"]},
                }
            ],
        }
    )
write(out, minisweagent.__version__, files)
