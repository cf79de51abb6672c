"""TRL's GRPOTrainer trains a tiny random Qwen2 for two steps on the CPU and logs its completions: flat texts and messages."""

import pandas as pd
import torch
import trl
from byte_tokenizer import byte_tokenizer
from datasets import Dataset
from expectations import folder, write
from transformers import Qwen2Config, Qwen2ForCausalLM, set_seed
from trl import GRPOConfig, GRPOTrainer

out = folder()
GENERATIONS = 4
QUESTIONS = ["What is 1 + 1?", "Was ist 漢字?", "A longer\nquestion 🙂"]

seen = {"length_reward": [], "sometimes_reward": []}


def text_of(completion) -> str:
    return completion if isinstance(completion, str) else completion[0]["content"]


def length_reward(completions, **columns):
    rewards = [len(text_of(one)) / 16 for one in completions]
    # Columns of the user's own beside the rewards.
    columns["log_extra"]("letters", [len(text_of(one)) for one in completions])
    columns["log_extra"]("remark", [f"é{len(text_of(one))}" for one in completions])
    seen["length_reward"].extend(rewards)
    return rewards


def sometimes_reward(completions, **columns):
    """A function that does not apply to every row."""
    rewards = [None if at % 3 == 0 else float(at % 2) for at in range(len(completions))]
    seen["sometimes_reward"].extend(rewards)
    return rewards


def train(name: str, prompts: list, functions: list) -> list:
    set_seed(5)
    for rewards in seen.values():
        rewards.clear()
    words = byte_tokenizer()
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            bos_token_id=None,
            eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
        )
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=functions,
        args=GRPOConfig(
            output_dir=str(out / name),
            per_device_train_batch_size=2 * GENERATIONS,
            num_generations=GENERATIONS,
            max_completion_length=12,
            max_steps=2,
            logging_steps=1,
            log_completions=True,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            seed=5,
        ),
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=words,
    )
    trainer.train()
    files = []
    at = 0
    for path in sorted((out / name / "completions").glob("*.parquet")):
        rows = pd.read_parquet(path)
        trajectories = []
        for _, row in rows.iterrows():
            # A reward function's own numbers, in the float32 that the trainer keeps. Where it gave None the trainer has NaN,
            # and pandas writes NaN as null.
            given = {function.__name__: seen[function.__name__][at] for function in functions}
            for key, value in given.items():
                given[key] = None if value is None else float(torch.tensor(value, dtype=torch.float32))
                assert pd.isna(row[key]) if value is None else row[key] == given[key]
            at += 1
            known = [value for value in given.values() if value is not None]
            flat = isinstance(row["prompt"], str)
            said = (
                [["user", row["prompt"]], ["assistant", row["completion"]]]
                if flat
                else [[message["role"], message["content"]] for part in ("prompt", "completion") for message in row[part]]
            )
            trajectories.append(
                {
                    "trainingStep": int(row["step"]),
                    "prompt": next(text for role, text in said if role == "user"),
                    "reward": sum(known) if known else None,
                    "components": {**given, "letters": int(row["letters"])},
                    "extra": {"remark": row["remark"]},
                    "advantage": float(row["advantage"]),
                    **({"flatText": [row["prompt"], row["completion"]]} if flat else {"texts": said, "steps": len(said)}),
                }
            )
        files.append({"path": str(path.relative_to(out)), "format": "trl-completions", "trajectories": trajectories})
    assert len(files) == 2
    return files


messages = [
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}] for question in QUESTIONS
]
files = train("flat", QUESTIONS, [length_reward, sometimes_reward]) + train("messages", messages, [length_reward])
write(out, trl.__version__, files)
