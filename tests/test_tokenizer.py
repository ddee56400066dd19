"""The tokenizer: equal to the tokenizers library, and the text comes back."""

import json
import math
import random
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from oracles.tokenizer import CHINESE, VOCAB_SIZE, fingerprint, strings
from paramlab.errors import UnsupportedModel
from paramlab.files.gguf import read_gguf
from paramlab.files.vocabulary import tokenizer_from_gguf, tokenizer_from_hugging_face
from paramlab.long_words import merged_by_queue
from paramlab.texts import passage
from paramlab.tokenizer import _LETTERS, LONG_WORD, Tokenizer, train_bpe

ORACLE = json.loads((Path(__file__).parent / "oracles" / "tokenizer.json").read_text())

# Every byte is a token, so every text can be written.
BYTES = Tokenizer(
    [*_LETTERS, "<|end|>", "<|end|>>", "th", "the"], ["t h", "th e"], "smollm", {256, 257}
)


@pytest.fixture(scope="module")
def real(real_path: Path) -> Tokenizer:
    """Return the real model's tokenizer."""
    tokenizer = tokenizer_from_gguf(read_gguf(real_path).metadata)
    assert tokenizer is not None
    return tokenizer


def test_ten_thousand_strings_have_the_tokens_of_the_tokenizers_library(real):
    texts = strings()
    assert len(texts) == len(ORACLE["strings"]) == 10_000
    for text, expected in zip(texts, ORACLE["strings"], strict=True):
        tokens = real.encode(text)
        assert fingerprint(tokens) == expected, repr(text)
        assert real.decode(tokens) == text


def test_a_word_of_20000_letters_takes_less_than_a_second(real):
    word = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=20_000))
    start = time.perf_counter()
    tokens = real.encode(word)
    assert time.perf_counter() - start < 1
    assert real.decode(tokens) == word


def test_a_megabyte_takes_at_most_five_seconds(real):
    library = Path(json.__file__).parents[1]
    source = "".join(path.read_text("utf-8") for path in sorted(library.glob("[a-m]*.py")))
    text = source[:1_000_000]
    assert len(text) == 1_000_000
    start = time.perf_counter()
    tokens = real.encode(text)
    assert time.perf_counter() - start < 5
    assert real.decode(tokens) == text


def test_a_byte_without_a_token_is_refused_by_name(real):
    with pytest.raises(ValueError, match="no token for the byte 0x04"):
        real.encode("a\x04")


@given(st.text())
def test_every_text_comes_back(text):
    assert BYTES.decode(BYTES.encode(text)) == text


@given(st.text(alphabet="the <|>nd", max_size=30))
def test_texts_full_of_special_tokens_come_back(text):
    assert BYTES.decode(BYTES.encode(text)) == text


def test_the_pair_learned_first_is_merged_first():
    letters = ["a", "b", "c", "ab", "bc", "abc"]
    assert Tokenizer(letters, ["a b", "b c"], "smollm").encode("abc") == [3, 2]
    assert Tokenizer(letters, ["b c", "a b"], "smollm").encode("abc") == [0, 4]
    assert Tokenizer(letters, ["a b", "ab c"], "smollm").encode("abc") == [5]


LEARNED = train_bpe(passage(), 700)


@given(st.lists(st.sampled_from(regex.findall(r"\w+", passage()))).map("".join))
def test_merging_and_its_queue_for_long_words_are_merging_pass_by_pass(word):
    parts = list(word)
    while merges := LEARNED.ranks.keys() & set(map(" ".join, pairwise(parts))):
        first = min(merges, key=LEARNED.ranks.__getitem__)
        for i in range(len(parts) - 1):
            if " ".join(parts[i : i + 2]) == first:
                parts[i : i + 2] = [first.replace(" ", ""), ""]
        parts = [part for part in parts if part]
    assert LEARNED.encode(word) == [LEARNED.ids[part] for part in parts]
    assert merged_by_queue(list(word), LEARNED.ranks) == parts


def test_words_on_both_sides_of_the_limit_are_merged_alike(monkeypatch):
    word = "".join(regex.findall(r"\w+", passage()))[:LONG_WORD]
    merged = LEARNED._merge(word)
    monkeypatch.setattr("paramlab.tokenizer.LONG_WORD", 10)
    assert LEARNED._merge(word) == merged


def test_merges_do_not_cross_words():
    assert BYTES.encode("the") == [259]
    assert BYTES.encode("t he") == [
        _LETTERS.index(letter) for letter in ["t", _LETTERS[32], "h", "e"]
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", ["a", " b"]),
        ("a  b", ["a", " ", " b"]),
        ("a 12", ["a", " ", "1", "2"]),
        ("a  1", ["a", "  ", "1"]),
        ("  ", ["  "]),
        ("it's", ["it", "'s"]),
        ("x²", ["x", "²"]),
        ("(x) + y", ["(", "x", ")", " +", " y"]),
        ("a\n\n b", ["a", "\n\n", " b"]),
    ],
)
def test_words(text, words):
    assert BYTES._words.findall(text) == words


def test_special_tokens_are_whole_and_the_longest_wins():
    assert BYTES.encode("<|end|>") == [256]
    assert BYTES.encode("<|end|>>") == [257]
    assert BYTES.encode("the<|end|>the") == [259, 256, 259]
    assert len(BYTES.encode("<|end|")) == 6


def test_special_tokens_may_hold_any_character():
    tokenizer = Tokenizer([*_LETTERS, "<| 灯 |>"], [], "gpt-2", special=[256])
    assert tokenizer.encode("a<| 灯 |>") == [_LETTERS.index("a"), 256]
    assert tokenizer.decode([256, 256]) == "<| 灯 |><| 灯 |>"


def test_a_special_token_without_a_name_is_never_met():
    assert Tokenizer(["a", "<s>", ""], [], "gpt-2", special=[1, 2]).encode("a<s>a") == [0, 1, 0]


def test_empty_text_has_no_tokens():
    assert BYTES.encode("") == [] and BYTES.decode([]) == ""


def test_stream_waits_for_whole_characters():
    tokens = BYTES.encode("é🙂!")
    pieces = list(BYTES.stream(tokens))
    assert pieces == ["", "é", "", "", "", "🙂", "!"]
    assert list(BYTES.stream(tokens[:4])) == ["", "é", "", "", "\ufffd"]


@pytest.mark.parametrize("token", [-1, 260])
def test_decoding_an_unknown_id_is_refused(token):
    with pytest.raises(ValueError, match=f"token id {token} is not in the vocabulary of 260"):
        BYTES.decode([token])


def metadata(**changes) -> dict[str, object]:
    """Return the tokenizer part of a GGUF file's metadata."""
    fields = {
        "model": "gpt2", "pre": "smollm", "tokens": ["<s>", "a", "b", "ab", "<user>"],
        "merges": ["a b"], "token_type": [3, 1, 1, 1, 4], "eos_token_id": 0,
    }  # fmt: skip
    return {f"tokenizer.ggml.{key}": value for key, value in (fields | changes).items()}


def test_tokenizer_from_gguf():
    tokenizer = tokenizer_from_gguf(metadata())
    assert tokenizer.encode("<s>ab<user>b") == [0, 3, 4, 2]
    assert tokenizer.end_tokens == {0}
    assert tokenizer_from_gguf({"general.name": "no tokenizer in here"}) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pre": "qwen2"}, "'qwen2' is not known here; gpt-2 and smollm are"),
        ({"pre": None}, "None is not known here"),
        ({"model": "llama"}, "model 'llama' is not known here; gpt2 is"),
        ({"tokens": ["a", "\u4e00"], "token_type": []}, "not written in the letters of bytes"),
        ({"tokens": ["a", " "], "token_type": []}, "' ' is not written in the letters of bytes"),
        ({"merges": "a b"}, "tokens and merges must be lists of text"),
        ({"tokens": [1, 2]}, "tokens and merges must be lists of text"),
        ({"token_type": [3] * 9}, "types are not a list of at most 5, one for each token"),
        ({"token_type": 3}, "types are not a list of at most 5, one for each token"),
        ({"pre": ["smollm"]}, r"\['smollm'\] is not known here"),
        ({"eos_token_id": "0"}, "the end token '0' is no token id"),
        ({"merges": ["a c"]}, "the merge 'a c' makes no token"),
        ({"merges": ["ab"]}, "the merge 'ab' makes no token"),
    ],
)
def test_tokenizers_that_are_not_known_are_refused_by_name(changes, message):
    with pytest.raises(UnsupportedModel, match=message):
        tokenizer_from_gguf(metadata(**changes))


# ------------------------------------------------------------------ tokenizer.json

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}


def tokenizer_json(pre_tokenizer=BYTE_LEVEL, normalizer=None, **model):
    """Return what a tokenizer.json holds."""
    bpe = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
    return {
        "added_tokens": [{"id": 3, "content": "<end>"}],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "model": bpe | model,
    }


def test_from_hugging_face():
    tokenizer = tokenizer_from_hugging_face(tokenizer_json(), end_tokens=[3])
    assert tokenizer.encode("abb<end>") == [2, 1, 3]
    assert (tokenizer.pre, tokenizer.end_tokens) == ("gpt-2", {3})
    older = tokenizer_from_hugging_face(tokenizer_json(merges=["a b"]))
    assert older.encode("abb") == [2, 1]
    apart = {"type": "Sequence", "pretokenizers": [DIGITS, BYTE_LEVEL]}
    assert tokenizer_from_hugging_face(tokenizer_json(apart)).pre == "smollm"


@pytest.mark.parametrize(
    "fields",
    [
        tokenizer_json(BYTE_LEVEL | {"add_prefix_space": True}),
        tokenizer_json(BYTE_LEVEL | {"use_regex": False}),
        tokenizer_json({"type": "Metaspace"}),
        tokenizer_json({"type": "Sequence", "pretokenizers": [BYTE_LEVEL, DIGITS]}),
        tokenizer_json({"type": "Sequence", "pretokenizers": [DIGITS, DIGITS, BYTE_LEVEL]}),
        tokenizer_json(normalizer={"type": "NFC"}),
        tokenizer_json(type="Unigram"),
        tokenizer_json(ignore_merges=True),
        tokenizer_json(byte_fallback=True),
        tokenizer_json(unk_token="<unk>"),
    ],
)
def test_other_kinds_of_tokenizer_are_not_read(fields):
    assert tokenizer_from_hugging_face(fields) is None


@pytest.mark.parametrize("left_out", ["model", "pre_tokenizer"])
def test_a_tokenizer_json_that_is_not_complete_is_refused(left_out):
    fields = tokenizer_json()
    del fields[left_out]
    with pytest.raises(UnsupportedModel, match="the tokenizer is not complete"):
        tokenizer_from_hugging_face(fields)


# ------------------------------------------------------------------ training


def test_learned_merges_are_those_of_the_tokenizers_library():
    learned = train_bpe(passage() + CHINESE, VOCAB_SIZE)
    assert list(learned.ranks) == ORACLE["learned"]
    assert len(learned.vocabulary) == VOCAB_SIZE


def learned_naively(text: str, n_merges: int) -> list[str]:
    """Count all pairs anew for every merge; cut words at spaces alone."""
    words = [[_LETTERS[b] for b in word.encode()] for word in _words(text)]
    age = {letter: i for i, letter in enumerate(sorted(_LETTERS))}
    merges = []
    for _ in range(n_merges):
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        pair = min(counts, key=lambda p: (-counts[p], age[p[0]], age[p[1]]))
        merges.append(" ".join(pair))
        age["".join(pair)] = len(age)
        for word in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == pair:
                    word[i : i + 2] = ["".join(pair)]
                i += 1
    return merges


def _words(text: str) -> list[str]:
    first, *others = text.split(" ")
    return [first, *(" " + word for word in others)]


@given(st.text(alphabet="abc ", max_size=60).filter(lambda t: "  " not in t and t[-1:] != " "))
def test_learned_merges_are_those_of_counting_anew(text):
    assert list(train_bpe(text, 256 + 12).ranks) == learned_naively(text, 12)


@given(st.text(), st.text())
def test_a_learned_tokenizer_writes_every_text(learned_from, text):
    tokenizer = train_bpe(learned_from, 270)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode(tokenizer.encode(learned_from)) == learned_from


def test_a_vocabulary_without_room_for_the_bytes_is_refused():
    with pytest.raises(ValueError, match="vocab_size is 255; .* the bytes alone are 256 tokens"):
        train_bpe("text", 255)
    for wrong in (300.5, math.nan, "300"):
        with pytest.raises(ValueError, match=f"vocab_size is {wrong!r}; it must be a whole number"):
            train_bpe("text", wrong)
    with pytest.raises(ValueError, match="'gpt-3' is not known here; gpt-2 and smollm are"):
        train_bpe("text", 300, pre="gpt-3")


@pytest.mark.parametrize("write", [BYTES.encode, lambda text: train_bpe(text, 300)])
def test_half_a_character_is_refused(write):
    with pytest.raises(ValueError, match=r"the text holds '\\udcff', half of a character"):
        write("caf\udcff")


@pytest.mark.parametrize("special", [-1, 3, "a"])
def test_a_special_token_outside_the_vocabulary_is_refused(special):
    with pytest.raises(UnsupportedModel, match=f"special token {special!r} is not in the voc"):
        Tokenizer(["a", "b", "ab"], ["a b"], "gpt-2", special=[special])
