"""Let transformers write tiny random models to disk, and store what it computes with them.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

The folder checkpoints beside it gets a GPT-2 (float32) and a Llama (bfloat16), each with its
config.json and a tokenizer.json, and relatives of the Llama; checkpoints.json gets the tokens and
the logits of a text.
"""

import json
import os
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from paramlab.texts import passage
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM

FOLDER = Path(__file__).with_suffix("")
OUTPUT = Path(__file__).with_suffix(".json")
VOCAB_SIZE = 270
TEXT = "The lighthouse keeper counted 12 ships.<|end|>"
DIGITS_APART = pre_tokenizers.Digits(individual_digits=True)


def main() -> None:
    """Write both models and what they compute."""
    torch.manual_seed(0)
    sizes = dict(vocab_size=VOCAB_SIZE, eos_token_id=0, bos_token_id=0)
    gpt2 = new("gpt2", n_layer=2, n_embd=16, n_head=2, n_positions=40, **sizes)
    sizes |= dict(
        num_hidden_layers=2, hidden_size=16, num_attention_heads=4, num_key_value_heads=2,
        head_dim=4, intermediate_size=24, max_position_embeddings=40, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0},
    )  # fmt: skip
    stored = {"versions": {name: version(name) for name in ("torch", "transformers")}}
    stored["gpt2"] = write("gpt2", gpt2, tokenizer())
    stored["llama"] = write("llama", new("llama", **sizes), tokenizer(DIGITS_APART))
    relatives = {
        "mistral": {"sliding_window": 5},
        "qwen2": {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
        "qwen3": {"head_dim": 6},
    }
    for kind, own in relatives.items():
        stored[kind] = write(kind, new(kind, **sizes | own))
    OUTPUT.write_text(json.dumps(stored) + "\n")
    print(f"wrote {OUTPUT} and {FOLDER}")


def new(kind: str, **fields) -> torch.nn.Module:
    """Return a random model; all but GPT-2 in half precision."""
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **fields))
    return model if kind == "gpt2" else model.to(torch.bfloat16)


def write(
    name: str, model: torch.nn.Module, tokenizer: Tokenizer | None = None
) -> dict[str, object]:
    """Write a model, and its tokenizer; return its tokens and logits of the text."""
    with torch.no_grad():  # where a fresh model has zeros and ones, a mistake would not show
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(FOLDER / name)
    (FOLDER / name / "generation_config.json").unlink()
    (FOLDER / name / "model.safetensors").chmod(0o644)
    tokens = list(range(3, 3 + 20))
    if tokenizer:
        tokenizer.save(str(FOLDER / name / "tokenizer.json"))
        tokens = tokenizer.encode(TEXT).ids
    read = type(model).from_pretrained(FOLDER / name, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = read(torch.tensor([tokens])).logits[0]
    rounded = [[round(value, 6) for value in row] for row in logits[:, ::9].tolist()]
    return {"tokens": tokens, "every_ninth_logit": rounded}


def tokenizer(*steps) -> Tokenizer:
    """Train a byte-level tokenizer, with further steps before the bytes."""
    made = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([*steps, byte_level]) if steps else byte_level
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=["<|end|>"], initial_alphabet=alphabet,
        show_progress=False,
    )  # fmt: skip
    made.train_from_iterator([passage()], trainer)
    return made


if __name__ == "__main__":
    main()
