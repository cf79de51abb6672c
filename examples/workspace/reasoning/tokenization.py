"""The tokenizer: byte-level BPE, small enough that every number up to 99 is one token."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

PAD, EOS = "<pad>", "<eos>"


def train_tokenizer(texts: Iterable[str], vocab_size: int = 640) -> Tokenizer:
    """Learn the merges. All 256 bytes are in the alphabet, so any text round-trips exactly."""
    tokenizer = Tokenizer(models.BPE())
    # GPT-2's split: a word or number together with the space before it; a line end alone.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def check_round_trip(tokenizer: Tokenizer, texts: Iterable[str]) -> int:
    """Raise ValueError on the first text that encoding and decoding changes; returns the count."""
    count = 0
    for text in texts:
        if tokenizer.decode(tokenizer.encode(text).ids) != text:
            raise ValueError(f"the tokenizer does not round-trip {text!r}")
        count += 1
    return count


def save_tokenizer(tokenizer: Tokenizer, folder: Path, max_positions: int) -> None:
    """Write the three tokenizer files of a Hugging Face model folder."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=True)
    special = {"eos_token": EOS, "pad_token": PAD}
    settings = {
        **special,
        "add_bos_token": False,
        "add_eos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": max_positions,
        "padding_side": "left",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    for name, content in (("special_tokens_map", special), ("tokenizer_config", settings)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
