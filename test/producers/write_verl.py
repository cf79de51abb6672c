"""verl's trainers dump rollouts and validation with their own functions, without a cluster, and a DataProto is saved and loaded.

What a dump says is held to what was handed over: verl reads its dumps nowhere.
"""

import json

import numpy as np
import torch
import verl
from byte_tokenizer import byte_tokenizer
from expectations import folder, write
from verl import DataProto
from verl.trainer.ppo.ray_trainer import RayPPOTrainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

out = folder()
words = byte_tokenizer()
QUESTIONS = ["What is 1 + 1?", "Was ist 漢字? \"Zitat\""]
ROLLOUTS = 2
PROMPT_WIDTH, RESPONSE_WIDTH = 120, 64
answers = [f"Antwort {row}: é🙂 {row}" if row % 3 else f"{row}\nzwei Zeilen" for row in range(len(QUESTIONS) * ROLLOUTS)]
rows = range(len(answers))
generator = torch.Generator().manual_seed(7)


def chat(row: int) -> list:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTIONS[row // ROLLOUTS]}]


def batch() -> DataProto:
    """As the trainer holds it after a step: prompts padded on the left, responses on the right."""
    prompts = torch.full((len(answers), PROMPT_WIDTH), words.pad_token_id)
    responses = torch.full((len(answers), RESPONSE_WIDTH), words.pad_token_id)
    for row, answer in enumerate(answers):
        asked = words(words.apply_chat_template(chat(row), add_generation_prompt=True, tokenize=False))["input_ids"]
        said = words(answer)["input_ids"] + [words.eos_token_id]
        assert len(asked) <= PROMPT_WIDTH and len(said) <= RESPONSE_WIDTH
        prompts[row, PROMPT_WIDTH - len(asked) :] = torch.tensor(asked)
        responses[row, : len(said)] = torch.tensor(said)
    ids = torch.cat([prompts, responses], dim=1)
    attention = (ids != words.pad_token_id).long()
    mask = attention[:, PROMPT_WIDTH:]
    number = lambda: (torch.randn(mask.shape, generator=generator) * mask).float()
    scores = torch.zeros(mask.shape)
    scores[torch.arange(len(answers)), mask.sum(-1) - 1] = torch.tensor([0.1 * (row + 1) for row in rows])
    return DataProto.from_dict(
        tensors={
            "prompts": prompts,
            "responses": responses,
            "input_ids": ids,
            "attention_mask": attention,
            "position_ids": (attention.cumsum(-1) - 1).clamp(min=0),
            "response_mask": mask,
            "old_log_probs": -number().abs(),
            "ref_log_prob": -number().abs(),
            "values": number(),
            "token_level_scores": scores,
            "token_level_rewards": scores - 0.01 * mask,
            "advantages": number(),
            "returns": number(),
        },
        non_tensors={
            "uid": np.array([f"uid-{row // ROLLOUTS}" for row in rows], dtype=object),
            "data_source": np.array(["sums"] * len(answers), dtype=object),
            "reward_model": np.array([{"style": "rule", "ground_truth": str(row // ROLLOUTS)} for row in rows], dtype=object),
            "raw_prompt": np.array([chat(row) for row in rows] + [None], dtype=object)[:-1],
        },
        meta_info={"global_steps": 12, "temperature": 1.0},
    )


data = batch()
inputs = words.batch_decode(data.batch["prompts"], skip_special_tokens=True)
outputs = words.batch_decode(data.batch["responses"], skip_special_tokens=True)
scores = data.batch["token_level_scores"].sum(-1).tolist()
truths = [one["ground_truth"] for one in data.non_tensor_batch["reward_model"]]
files = []


def trainer_of(kind: type, step: int):
    """A trainer without workers: dumping needs a step, a tokenizer and its own thread."""
    trainer = object.__new__(kind)
    trainer.global_steps, trainer.tokenizer = step, words
    trainer._init_dump_executor()
    return trainer


def dumped(path: str, extras: dict, given_scores: list, given_truths: list, **fields) -> None:
    lines = [json.loads(line) for line in (out / path).read_text(encoding="utf-8").splitlines()]
    assert [line["output"] for line in lines] == outputs
    files.append(
        {
            "path": path,
            "format": "verl",
            "trajectories": [
                {
                    "flatText": [inputs[row], outputs[row]],
                    "reward": given_scores[row],
                    "groundTruth": given_truths[row],
                    "components": {name: float(values[row]) for name, values in extras.items() if name != "uid" and len(values) == len(answers)},
                    **{name: values[row] for name, values in fields.items()},
                }
                for row in rows
            ],
        }
    )


# The trainer of before: rollouts with what the reward function said beside its score. NumPy's numbers are written as texts.
extras = {
    "acc": np.array([row % 2 == 0 for row in rows]),
    "format": [np.float32(0.5 + row) for row in rows],
    "num_turns": [np.int64(row) for row in rows],
    "too_short": [1.0],
}
old = trainer_of(RayPPOTrainer, 12)
old._log_rollout_data(data, extras, {}, str(out / "rollout"))
old._shutdown_dump_executor()
dumped("rollout/12.jsonl", extras, scores, truths, trainingStep=[12] * 4, success=[row % 2 == 0 for row in rows])

# Validation, of both trainers.
for kind, name in ((RayPPOTrainer, "validation"), (PPOTrainerSync, "v1/validation")):
    extras = {"reward": [float(row) / 3 for row in rows], "acc": [np.float64(row % 2) for row in rows]}
    trainer = trainer_of(kind, 20)
    trainer._dump_generations(inputs, outputs, [None, {"answer": 1}, ["a", 2], "x"], extras["reward"], extras, str(out / name))
    trainer._shutdown_dump_executor()
    given = [None, {"answer": 1}, ["a", 2], "x"]
    dumped(f"{name}/20.jsonl", extras, extras["reward"], given, trainingStep=[20] * 4, split=["val"] * 4)

# The newer trainer names its rows.
uids = [f"a_b-{row // ROLLOUTS}_{row % ROLLOUTS}_0" for row in rows]
new = trainer_of(PPOTrainerSync, 3)
new._dump_generations(inputs, outputs, truths, scores, {"uid": uids}, str(out / "v1/rollout"))
new._shutdown_dump_executor()
dumped("v1/rollout/3.jsonl", {}, scores, truths, trainingStep=[3] * 4, groupKey=[f"uid:{uid[:-4]}" for uid in uids])

data.save_to_disk(str(out / "batch.pkl"))
read = DataProto.load_from_disk(str(out / "batch.pkl"))
SERIES = {
    "logprob": "old_log_probs",
    "ref_logprob": "ref_log_prob",
    "value": "values",
    "token_level_scores": "token_level_scores",
    "reward": "token_level_rewards",
    "advantage": "advantages",
    "return": "returns",
}
trajectories = []
for row in rows:
    tensors = {name: tensor[row].numpy() for name, tensor in read.batch.items()}
    kept = tensors["attention_mask"] == 1
    laid = lambda name: np.concatenate([np.full(PROMPT_WIDTH, np.nan), tensors[name].astype(np.float64)])[kept]
    trajectories.append(
        {
            "groupKey": read.non_tensor_batch["uid"][row],
            "trainingStep": read.meta_info["global_steps"],
            "prompt": QUESTIONS[row // ROLLOUTS],
            "reward": float(sum(tensors["token_level_scores"].astype(np.float64))),
            "tokenIds": tensors["input_ids"][kept],
            "tokenMask": np.concatenate([np.zeros(PROMPT_WIDTH, int), tensors["response_mask"]])[kept],
            "series": {name: laid(tensor) for name, tensor in SERIES.items()},
            "extra": {name: read.non_tensor_batch[name][row] for name in ("data_source", "reward_model", "raw_prompt")},
        }
    )
files.append({"path": "batch.pkl", "format": "verl-data-proto", "trajectories": trajectories})
write(out, verl.__version__, files)
