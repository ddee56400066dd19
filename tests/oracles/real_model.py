"""Ask transformers and tokenizers what the real model says, and store it for the tests.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

It writes real_model.json beside itself: logits at chosen positions, the loss of a text, and the
token ids of strings that are hard to cut. MODEL.gguf is the file that `paramlab fetch` prints.
"""

import json
import os
import random
import sys
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import gguf
import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM

OUTPUT = Path(__file__).with_suffix(".json")
N_TOP = 20
ALWAYS = [0, 1, 2, 17, 504, 1000, 7042, 20000, 33333, 49151]  # ids whose logits are always kept

PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "<|im_start|>user\n光合作用是什么？ 🌱<|im_end|>\n<|im_start|>assistant\n",
]
LOSS_TEXT = """A lighthouse keeper counted the ships that passed in one night. There were twelve,
and each carried a lamp of a different color. In the morning he wrote the number
into a book, closed it, and went to sleep. Years later his granddaughter found the
book on a shelf. She could not know which ships had passed, nor what they carried;
but she knew how many there had been, and that somebody had cared enough to count.
In 1897 the light was lit 365 times, and 2 times it went out in a storm.
"""


def main(path: Path) -> None:
    """Compute everything and write it."""
    tokenizer = smollm_tokenizer(path)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    ).eval()
    rng = random.Random(0)
    prompts = [tokenizer.encode(text).ids for text in PROMPTS]
    prompts.append([rng.randrange(tokenizer.get_vocab_size()) for _ in range(128)])
    loss_tokens = tokenizer.encode(LOSS_TEXT).ids
    stored = {
        "versions": {
            name: version(name) for name in ("torch", "transformers", "tokenizers", "gguf")
        },
        "logits": [logits_of(model, tokens) for tokens in prompts],
        "loss": {"tokens": loss_tokens, "nats": loss_of(model, loss_tokens)},
        "tokens": [[text, tokenizer.encode(text).ids] for text in hard_strings()],
    }
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in stored.items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"wrote {OUTPUT}: {len(stored['tokens'])} strings, {len(prompts)} prompts")


def smollm_tokenizer(path: Path) -> Tokenizer:
    """Build the tokenizer as SmolLM2's tokenizer.json does: digits apart, then byte-level BPE.

    The one that transformers makes from a GGUF file leaves the digits together.
    """
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    types = fields["tokenizer.ggml.token_type"].contents()
    tokenizer = Tokenizer(models.BPE({text: i for i, text in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    special = [text for text, kind in zip(tokens, types, strict=True) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in special])
    return tokenizer


def logits_of(model, tokens: list[int]) -> dict[str, object]:
    """Keep logits of the first, a middle and the last position: the largest and some others."""
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0]  # (T, V)
    positions = []
    for position in sorted({0, len(tokens) // 2, len(tokens) - 1}):
        row = logits[position]
        ids = [*row.topk(N_TOP).indices.tolist(), *ALWAYS]
        values = [round(value, 6) for value in row[ids].tolist()]
        positions.append({"position": position, "ids": ids, "logits": values})
    return {"tokens": tokens, "positions": positions}


def loss_of(model, tokens: list[int]) -> float:
    """Return the mean next-token cross-entropy in nats."""
    inputs = torch.tensor([tokens])
    with torch.no_grad():
        logits = model(inputs).logits[0]
    return torch.nn.functional.cross_entropy(logits[:-1].double(), inputs[0, 1:]).item()


def hard_strings() -> list[str]:
    """Return strings that are hard to cut: pieces, and 220 random mixtures of them."""
    pieces = [
        "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\t\t x", " \n ", "a  b", "a   b", "  a",
        "a  ", "\u00a0", "a\u00a0b", "\u3000", "\u2009x", "\u200b", "\ufeff", "\u0085", "\u2028",
        "0", "7", "42", "1234567890", "3.14159", "-1e-5", "1,234", " 1", "  1", "   12  3", "x1",
        "1x", "x 1", "x  1", "1  x", "٣٤", "½", "²", "Ⅷ", "௧", "一二三", "2²", "a", "A",
        "The capital of France is", "Hello, world!", "HELLO", "hElLo", "don't", "DON'T",
        "we're I'll they've he'd I'm it's", "'s", " 's", "''s", "'S", "’s", "o'clock",
        "rock 'n' roll", "antidisestablishmentarianism", "supercalifragilistic", "café",
        "cafe\u0301", "naïve", "Ünïcödé", "straße", "Ελληνικά", "Привет, мир", "שלום",
        "مرحبا بالعالم", "हिन्दी", "ไทย",
        "한국어", "日本語です", "参数越多，模型就越聪明吗？", "1750亿个参数",
        "上下文长度（context length）", "繁體字", "，。！？", "🙂", "🙂🙂",
        "👩‍👩‍👧‍👦", "🇫🇷", "👍🏽", "☃️", "a🙂b",
        " 🙂 ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𠜎", "def f(x):\n    return x ** 2\n",
        "for (int i = 0; i < 10; ++i) { a[i] += 1; }", "x == y != z",
        "<div class=\"a\">&nbsp;</div>", "https://example.org/a?b=c&d=%20", "C:\\Users\\me", "\\n",
        "\\", "SELECT * FROM t WHERE a='b';", "{\"k\": [1, 2.5, null]}", "#!/bin/sh", "$x^2$",
        "__init__", "--", "---", "....", "...", "?!", "!!!", "(((", "~~~", "a_b_c", "camelCaseName",
        "snake_case_name", "e-mail@x.org", "<|endoftext|>", "<|im_start|>user\nHi<|im_end|>",
        "a<|im_end|>b", " <|im_end|> ", "<|im_end|", "<|im_end|><|im_end|>", "<repo_name>",
        "<reponame>", "<file_sep>x", "<empty_output>", "<|IM_END|>", "|im_end|>",
        "<|endoftext|>  1", "\x00", "\x01", "\x7f", "\x1b[0m", "é" * 20, "aaaaaaaaaaaaaaaaaaaaaaaa",
        "abababababababab", "zxqj" * 10, "=" * 40, " " * 40, "\n" * 9, "0" * 15,
    ]  # fmt: skip
    rng = random.Random(1)
    mixed = ["".join(rng.choices(pieces, k=rng.randrange(2, 7))) for _ in range(220)]
    return pieces + mixed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
