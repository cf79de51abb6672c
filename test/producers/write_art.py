"""ART's model logs groups of trajectories as it does while it trains; expected is what ART's own reader gives back."""

import asyncio
import json
from importlib.metadata import version

import art
from art.utils.trajectory_logging import read_trajectory_groups_parquet
from expectations import folder, write
from openai.types.chat import ChatCompletionMessage, ChatCompletionMessageToolCall
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_message_tool_call import Function

out = folder()
model = art.TrainableModel(name="agent", project="sums", base_model="tiny", base_path=str(out), report_metrics=[])


def choice(content, calls=None, reason="stop") -> Choice:
    return Choice(index=0, finish_reason=reason, message=ChatCompletionMessage(role="assistant", content=content, tool_calls=calls))


def trajectory(group: int, member: int) -> art.Trajectory:
    call = ChatCompletionMessageToolCall(id="c1", type="function", function=Function(name="add", arguments=json.dumps({"x": member})))
    return art.Trajectory(
        messages_and_choices=[
            {"role": "system", "content": "Sei kurz."},
            {"role": "user", "content": f"Was ist {group} + {member}? 漢字🙂"},
            choice(None, [call], "tool_calls"),
            {"role": "tool", "tool_call_id": "c1", "content": str(group + member)},
            choice(f"Es ist {group + member}."),
        ],
        tools=[{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
        reward=0.1 * member - group,
        metrics={"right": member % 2 == 0, "words": member + 0.5} if member else {},
        metadata={"task": f"t{group}"},
        logs=["begun"] if member else [],
    )


groups = [art.TrajectoryGroup([trajectory(group, member) for member in range(3)]) for group in range(2)]
files = []
for split, step in (("train", 7), ("val", 0)):
    asyncio.run(model.log(groups, split=split, step=step))
    [path] = out.glob(f"**/trajectories/{split}/*.parquet")
    trajectories = []
    for index, group in enumerate(read_trajectory_groups_parquet(path)):
        for one in group.trajectories:
            messages = one.messages()
            trajectories.append(
                {
                    "groupKey": str(index),
                    "trainingStep": step,
                    "split": split,
                    "prompt": messages[1]["content"],
                    "reward": one.reward,
                    "components": {name: float(value) for name, value in one.metrics.items()},
                    "texts": [[message["role"], message["content"] or ""] for message in messages],
                    "toolCalls": [
                        [call["function"]["name"], json.loads(call["function"]["arguments"])]
                        for message in messages
                        for call in message.get("tool_calls") or []
                    ],
                }
            )
    files.append({"path": str(path.relative_to(out)), "format": "art", "trajectories": trajectories})
write(out, version("openpipe-art"), files)
