"""WordPiece: equal to the tokenizers library."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.tokenizer import fingerprint
from oracles.wordpiece import N_STRINGS, strings
from paramlab.errors import UnsupportedModel
from paramlab.files.vocabulary import wordpiece_from_hugging_face
from paramlab.wordpiece import LONGEST_WORD, WordPiece

ORACLE = json.loads((Path(__file__).parent / "oracles" / "wordpiece.json").read_text())
SPECIAL = ["[UNK]", "[CLS]", "[SEP]"]
LETTERS = WordPiece([*SPECIAL, *"abcdef", *(f"##{letter}" for letter in "abcdef"), "abc", "##de"])


@pytest.fixture(scope="module")
def fields(second_path: Path) -> dict:
    """Return the second model's tokenizer.json."""
    return json.loads(second_path.with_name("tokenizer.json").read_text(encoding="utf-8"))


def test_three_thousand_strings_have_the_tokens_of_the_tokenizers_library(fields):
    tokenizer = wordpiece_from_hugging_face(fields)
    texts = strings()
    assert len(texts) == len(ORACLE["strings"]) == N_STRINGS
    for text, expected in zip(texts, ORACLE["strings"], strict=True):
        assert fingerprint(tokenizer.encode(text)) == expected, repr(text)


@given(st.text("abcdef ", max_size=120))
def test_pieces_spell_the_words(text):
    words = text.split()
    if all(len(word) <= LONGEST_WORD for word in words):
        assert LETTERS.decode(LETTERS.encode(text)) == " ".join(words)


@given(st.text())
def test_every_text_has_tokens(text):
    first, *tokens, last = LETTERS.encode(text)
    assert (first, last) == (1, 2) and set(tokens) <= set(range(len(LETTERS.vocabulary)))


def test_the_longest_piece_wins_and_a_word_fits_whole_or_not():
    assert LETTERS.encode("abcde") == [1, 15, 16, 2]
    assert LETTERS.encode("abcx") == [1, 0, 2]
    assert LETTERS.encode("a" * LONGEST_WORD).count(0) == 0
    assert LETTERS.encode("a" * (LONGEST_WORD + 1)) == [1, 0, 2]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("normalizer", {"lowercase": False}), ("normalizer", {"strip_accents": True}),
        ("pre_tokenizer", {"type": "Whitespace"}), ("model", {"type": "BPE"}),
        ("model", {"continuing_subword_prefix": "@@"}),
    ],
)  # fmt: skip
def test_another_kind_is_not_read_as_this_one(fields, part, change):
    assert wordpiece_from_hugging_face(fields | {part: fields[part] | change}) is None


@pytest.mark.parametrize("change", [{"normalizer": None}, {"pre_tokenizer": None}])
def test_a_step_that_is_missing_is_another_kind(fields, change):
    assert wordpiece_from_hugging_face(fields | change) is None


@pytest.mark.parametrize(
    "change",
    [
        {"added_tokens": None},
        {"added_tokens": [{"id": 1}]},
        {"model": {"vocab": {"[UNK]": 0, "[CLS]": 2}}},
    ],
)
def test_an_incomplete_tokenizer_is_refused(fields, change):
    change = {name: fields[name] | v if name == "model" else v for name, v in change.items()}
    with pytest.raises(UnsupportedModel, match="the tokenizer is not complete"):
        wordpiece_from_hugging_face(fields | change)


def test_special_tokens_must_be_known():
    with pytest.raises(UnsupportedModel, match=r"the special token '\[SEP\]' is not in"):
        WordPiece(["[UNK]", "[CLS]"])
