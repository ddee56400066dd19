"""The tokenizer: equal to the tokenizers library, and the text comes back."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramlab.checkpoints import model_path
from paramlab.headers import UnsupportedModel, read_gguf
from paramlab.tokenizer import _LETTERS, Tokenizer

ORACLE = json.loads((Path(__file__).parent / "oracles" / "real_model.json").read_text())

# Every byte is a token, so every text can be written.
BYTES = Tokenizer(
    [*_LETTERS, "<|end|>", "<|end|>>", "th", "the"], ["t h", "th e"], "smollm", {256, 257}
)


@pytest.fixture(scope="module")
def real() -> Tokenizer:
    """Return the real model's tokenizer."""
    if not model_path().is_file():
        reason = f"the real model is not at {model_path()}; fetch it with: paramlab fetch"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    tokenizer = Tokenizer.from_gguf(read_gguf(model_path()).metadata)
    assert tokenizer is not None
    return tokenizer


def test_equals_the_tokenizers_library(real):
    assert len(ORACLE["tokens"]) > 300
    for text, tokens in ORACLE["tokens"]:
        assert real.encode(text) == tokens, repr(text)


def test_the_real_vocabulary_gives_every_text_back(real):
    for text, tokens in ORACLE["tokens"]:
        assert real.decode(tokens) == text


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


def test_from_gguf():
    tokenizer = Tokenizer.from_gguf(metadata())
    assert tokenizer.encode("<s>ab<user>b") == [0, 3, 4, 2]
    assert tokenizer.end_tokens == {0}
    assert Tokenizer.from_gguf({"general.name": "no tokenizer in here"}) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pre": "qwen2"}, "'qwen2' is not known here; smollm is"),
        ({"pre": None}, "None is not known here"),
        ({"model": "llama"}, "model 'llama' is not known here; gpt2 is"),
        ({"tokens": ["a", "\u4e00"], "token_type": []}, "not written in the letters of bytes"),
        ({"merges": "a b"}, "tokens and merges must be lists of text"),
        ({"tokens": [1, 2]}, "tokens and merges must be lists of text"),
        ({"token_type": [3] * 9}, "9 token types for 5 tokens"),
    ],
)
def test_tokenizers_that_are_not_known_are_refused_by_name(changes, message):
    with pytest.raises(UnsupportedModel, match=message):
        Tokenizer.from_gguf(metadata(**changes))
