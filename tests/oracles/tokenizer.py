"""Ask the tokenizers library for the tokens of 10,000 strings, and for the merges it learns.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

The strings are made from a seed, here and in the tests, so tokenizer.json stores for each of them
only a checksum of its token ids. MODEL.gguf is the file that `paramlab fetch smollm2-135m` prints.
"""

import json
import random
import sys
import unicodedata
import zlib
from importlib.metadata import version
from pathlib import Path

from paramlab.texts import passage

OUTPUT = Path(__file__).with_suffix(".json")
N_STRINGS = 10_000
VOCAB_SIZE = 500  # of the vocabulary that is learned from the passage

# Strings that are hard to cut, and what the random ones are mixed from.
PIECES = [
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
CHINESE = """灯塔看守人数了一夜经过的船。一共有十二艘，每一艘都点着不同颜色的灯。
早上，他把这个数字写进一本书里，合上书，就去睡觉了。很多年以后，他的孙女在书架上找到了这本书。
她不知道那天夜里经过的是哪些船，也不知道船上装着什么；
但她知道有多少艘，也知道有人曾经在乎，所以才去数。一八九七年，灯点亮了365次，暴风雨中熄灭了2次。"""
CODE = '''def attention(q, k, v, mask=None):
    """Mix values by how well keys match queries."""
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])  # (N, T, S)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    return softmax(scores) @ v

int main(void) { for (size_t i = 0; i < 10; ++i) printf("%zu\\t%d\\n", i, a[i] << 2); return 0; }
const total = [1, 2.5e-3, 0xFF].reduce((a, b) => a + b, 0); // {"key": null}
'''
# Blocks of letters, digits, signs and emoji from many scripts.
BLOCKS = [
    (0x20, 0x7F), (0xA0, 0x180), (0x300, 0x370), (0x370, 0x400), (0x400, 0x460), (0x5D0, 0x5EB),
    (0x620, 0x66A), (0x900, 0x970), (0xE00, 0xE5C), (0x1E00, 0x1F00), (0x2000, 0x2070),
    (0x2070, 0x2190), (0x2190, 0x2600), (0x2600, 0x27C0), (0x3000, 0x3100), (0x4E00, 0x9FA6),
    (0xAC00, 0xD7A4), (0xFF00, 0xFFF0), (0x10300, 0x10324), (0x1D400, 0x1D800),
    (0x1F300, 0x1F650), (0x20000, 0x20100),
]  # fmt: skip


def strings() -> list[str]:
    """Return the 10,000 strings: every piece, then mixtures of six kinds."""
    rng = random.Random(0)

    def below(n: int) -> int:  # of random, only this stays the same in every version of Python
        return int(rng.random() * n)

    def mixture() -> str:
        return "".join(PIECES[below(len(PIECES))] for _ in range(2 + below(5)))

    def part_of(text: str) -> str:
        start = below(len(text))
        return text[start : start + 1 + below(60)]

    def characters() -> str:
        chosen = (BLOCKS[below(len(BLOCKS))] for _ in range(1 + below(20)))
        drawn = (chr(first + below(end - first)) for first, end in chosen)
        return "".join(c for c in drawn if unicodedata.category(c) != "Cn")

    english = passage()
    kinds = [
        mixture, characters, lambda: part_of(english), lambda: part_of(CHINESE),
        lambda: part_of(CODE), lambda: part_of(CODE) + part_of(CHINESE) + part_of(english),
    ]  # fmt: skip
    made = [kinds[i % len(kinds)]() for i in range(N_STRINGS - len(PIECES))]
    return PIECES + made


def fingerprint(tokens: list[int]) -> str:
    """Return eight hexadecimal digits that stand for a list of token ids."""
    return f"{zlib.crc32(json.dumps(tokens).encode()):08x}"


def main(path: Path) -> None:
    """Compute everything and write it."""
    from tokenizers import Tokenizer

    tokenizer = smollm_tokenizer(path)
    assert isinstance(tokenizer, Tokenizer)
    encoded = tokenizer.encode_batch(strings())
    stored = {
        "versions": {"tokenizers": version("tokenizers")},
        "learned": learned_merges(),
        "strings": [fingerprint(each.ids) for each in encoded],
    }
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in stored.items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"wrote {OUTPUT}: {len(encoded):,} strings, {len(stored['learned'])} merges")


def smollm_tokenizer(path: Path):
    """Build the tokenizer as SmolLM2's tokenizer.json does: digits apart, then byte-level BPE.

    The one that transformers makes from a GGUF file leaves the digits together.
    """
    import gguf
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

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


def learned_merges() -> list[str]:
    """Let the library learn a vocabulary from the passage and the Chinese text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([passage() + CHINESE], trainer)
    return [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
