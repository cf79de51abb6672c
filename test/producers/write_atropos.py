"""An environment of Atropos saves its scored groups and the samples of an evaluation; expected is what it handed over."""

import asyncio
import json
from importlib.metadata import version

from atroposlib.envs.base import BaseEnv, BaseEnvConfig, ScoredDataGroup
from atroposlib.envs.server_handling.server_manager import ServerBaseline
from byte_tokenizer import byte_tokenizer
from expectations import folder, write

out = folder()
words = byte_tokenizer()
words.save_pretrained(out / "tokenizer")


class Sums(BaseEnv):
    name = "sums"

    async def get_next_item(self):
        return None

    async def evaluate(self, *args, **kwargs):
        return None


environment = Sums(
    BaseEnvConfig(
        tokenizer_name=str(out / "tokenizer"),
        group_size=2,
        data_path_to_save_groups=str(out / "groups.jsonl"),
        data_dir_to_save_evals=str(out / "evaluation"),
        include_messages=True,
        use_wandb=False,
    ),
    ServerBaseline(),
    testing=True,
)


def chat(group: int, member: int) -> list:
    return [
        {"role": "system", "content": "Sei kurz."},
        {"role": "user", "content": f"Was ist {group} + {group}? 漢字"},
        {"role": "assistant", "content": f"{2 * group + member} 🙂"},
    ]


def scored(group: int) -> ScoredDataGroup:
    tokens, masks = [], []
    for member in range(2):
        *asked, said = chat(group, member)
        prompt = words(words.apply_chat_template(asked, add_generation_prompt=True, tokenize=False))["input_ids"]
        answer = words(said["content"] + "<|im_end|>")["input_ids"]
        tokens.append(prompt + answer)
        masks.append([-100] * len(prompt) + answer)
    made = ScoredDataGroup(tokens=tokens, masks=masks, scores=[1.0 - 2 * (group % 2), -0.25 * group])
    # Some environments hand over messages and numbers by token.
    if group:
        made["messages"] = [chat(group, member) for member in range(2)]
        made["advantages"] = [[0.5 * (flag != -100) for flag in mask] for mask in masks]
        made["inference_logprobs"] = [[1.0 if flag == -100 else -at / 64 for at, flag in enumerate(mask)] for mask in masks]
    return made


groups = [scored(group) for group in range(3)]


async def run() -> None:
    for group in groups:
        await environment.handle_send_to_api(group, do_send_to_api=False)


asyncio.run(run())
environment.jsonl_writer.close()
lines = [json.loads(line) for line in (out / "groups.jsonl").read_text(encoding="utf-8").splitlines()]
assert len(lines) == len(groups)
trajectories = []
for line in lines:
    for member in range(2):
        series = {name: line[key][member] for name, key in (("advantage", "advantages"), ("logprob", "inference_logprobs")) if line.get(key)}
        messages = line["messages"][member]
        trajectories.append(
            {
                "reward": line["scores"][member],
                "texts": [[one["role"], one["content"]] for one in messages],
                "tokenIds": line["tokens"][member],
                "tokenMask": [int(flag != -100) for flag in line["masks"][member]],
                "series": series,
            }
        )
write(out, version("atroposlib"), [{"path": "groups.jsonl", "format": "atropos", "trajectories": trajectories}])
