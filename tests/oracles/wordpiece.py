"""Ask the tokenizers library for the tokens that BERT's WordPiece makes of 3,000 strings.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.

The strings are made from a seed, here and in the tests, so wordpiece.json stores for each of them
only a checksum of its token ids. MODEL.safetensors is the file that
`paramlab fetch all-minilm-l6-v2` prints; its tokenizer.json lies beside it.
"""

import json
import random
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from oracles import tokenizer as other  # noqa: E402 - the tests are not a package

OUTPUT = Path(__file__).with_suffix(".json")
N_STRINGS = 3_000
PIECES = [
    "unaffable", "Unbelievably", "embeddings", "x" * 100, "x" * 101, "a" * 99 + "é", "##ing",
    "play##ing", "[CLS]", "[MASK]", "a[MASK]b", "[mask]", "[UNK] [SEP] [PAD]", "[ CLS ]", "[[SEP]]",
    "ÀÉÎÕÜ", "e\u0301\u0302", "İstanbul", "ΟΔΟΣ", "ΣΣ", "ẞ", "ﬁne", "Åland", "q\u0323\u0307", "Ǆ",
    "你好world", "a世b", "㐀", "𠀀𠀁", "豈", "カタカナ", "ひらがな", "한글", "ｆｕｌｌ", "١٢٣",
    "$5 + 3 = 8 < 9 > 7 ^ ` | ~", "¿Qué?", "«oui»", "“yes”", "—", "…", "·", "§", "€", "£", "©", "°",
    "don't", "co-op", "U.S.A.", "3.14", "1,000", "50%", "C++", "a/b", "a_b", "#1", "@me", "\\",
    "a\u00adb", "a\u200db", "a\u200bb", "\ufeffa", "a\ufffdb", "a\x00b", "a\x0bb", "a\x0cb",
    "a\x1cb", "a\x85b", "a\u2028b", "a\u2029b", "a\u3000b", "a\u00a0b", "a\tb", "a\r\nb", "\ue000",
    "☃", "🙂", "👍🏽", "🇫🇷", "é🙂é", "हिन्दी", "ไทย", "שָׁלוֹם", "مُحَمَّد", "",
]  # fmt: skip


def strings() -> list[str]:
    """Return the strings: every piece, mixtures of them, and those of the other tokenizer."""
    rng = random.Random(1)

    def mixture() -> str:
        chosen = (PIECES[int(rng.random() * len(PIECES))] for _ in range(2 + int(rng.random() * 5)))
        return ("" if rng.random() < 0.5 else " ").join(chosen)

    mixtures = [mixture() for _ in range(N_STRINGS // 3)]
    return (PIECES + mixtures + other.strings())[:N_STRINGS]


def main(path: Path) -> None:
    """Compute everything and write it."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path.with_name("tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch(strings())
    stored = {
        "versions": {"tokenizers": version("tokenizers")},
        "strings": [other.fingerprint(each.ids) for each in encoded],
    }
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in stored.items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"wrote {OUTPUT}: {len(encoded):,} strings")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
