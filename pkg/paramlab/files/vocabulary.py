"""How text becomes tokens, read from the files of others and kept in our own."""

import json
from collections.abc import Iterable
from typing import Any

from paramlab.errors import UnsupportedModel, shown
from paramlab.tokenizer import Tokenizer
from paramlab.wordpiece import LONGEST_WORD, UNKNOWN, WordPiece

_CONTROL, _USER_DEFINED = 3, 4  # token types of GGUF: taken from the text whole, never merged


def tokenizer_from_gguf(metadata: dict[str, Any]) -> Tokenizer | None:
    """Build the tokenizer that the metadata of a GGUF file describe; None if there is none."""
    get = {key.removeprefix("tokenizer.ggml."): value for key, value in metadata.items()}.get
    vocabulary, merges, types = get("tokens"), get("merges", []), get("token_type", [])
    if vocabulary is None:
        return None
    if get("model") != "gpt2":
        raise UnsupportedModel(
            f"the tokenizer model {shown(get('model'))} is not known here; gpt2 is"
        )
    for texts in (vocabulary, merges):
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UnsupportedModel("the tokenizer's tokens and merges must be lists of text")
    if not isinstance(types, list) or len(types) > len(vocabulary):
        raise UnsupportedModel(
            f"the token types are not a list of at most {len(vocabulary):,}, one for each token"
        )
    special = [i for i, kind in enumerate(types) if kind in (_CONTROL, _USER_DEFINED)]
    end = get("eos_token_id")
    end_tokens = [] if end is None else [end]
    return Tokenizer(vocabulary, merges, get("pre", "without a name"), special, end_tokens)


def tokenizer_from_hugging_face(
    fields: dict[str, Any], end_tokens: Iterable[int] = ()
) -> Tokenizer | None:
    """Build the tokenizer of a ``tokenizer.json``; None if it is of a kind not known here.

    Known are byte-level BPE with GPT-2's pattern, and the same with the digits set apart.
    Tokens that the library would put before or after every text are not put there.
    """
    try:
        pre, model = _pattern_of(fields["pre_tokenizer"]), fields["model"]
        plain = not (fields.get("normalizer") or any(map(model.get, _UNKNOWN_STEPS)))
        if pre is None or model["type"] != "BPE" or not plain:
            return None
        added = {entry["content"]: entry["id"] for entry in fields.get("added_tokens", [])}
        by_id = {i: text for text, i in (model["vocab"] | added).items()}
        vocabulary = [by_id[i] for i in range(len(by_id))]
        merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnsupportedModel(
            f"the tokenizer is not complete ({type(error).__name__}: {error})"
        ) from None
    return Tokenizer(vocabulary, merges, pre, added.values(), end_tokens)


def wordpiece_from_hugging_face(fields: dict[str, Any]) -> WordPiece | None:
    """Build the WordPiece tokenizer of a ``tokenizer.json``; None if it is of another kind.

    Known is that of BERT in lower case. Texts are neither cut nor filled up to a length, whatever
    the file says about that.
    """
    try:
        for part, expected in _WORDPIECE.items():
            found = fields[part] or {}
            if any(found.get(name) != value for name, value in expected.items()):
                return None
        ids = fields["model"]["vocab"]
        vocabulary = sorted(ids, key=ids.__getitem__)
        if [ids[text] for text in vocabulary] != list(range(len(vocabulary))):
            raise ValueError("ids are missing")
        special = tuple(entry["content"] for entry in fields["added_tokens"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnsupportedModel(
            f"the tokenizer is not complete ({type(error).__name__}: {error})"
        ) from None
    return WordPiece(vocabulary, special)


def tokenizer_from_json(text: str) -> Tokenizer:
    """Undo :func:`tokenizer_as_json`."""
    try:
        return Tokenizer(**json.loads(text))
    except UnsupportedModel:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise UnsupportedModel(f"its tokenizer is not one ({error})") from None


def tokenizer_as_json(tokenizer: Tokenizer) -> str:
    """Return the arguments that make a tokenizer again, as JSON."""
    arguments = {
        "vocabulary": tokenizer.vocabulary,
        "merges": list(tokenizer.ranks),
        "pre": tokenizer.pre,
        "special": sorted(tokenizer.special),
        "end_tokens": sorted(tokenizer.end_tokens),
    }
    return json.dumps(arguments, ensure_ascii=False)


# Settings of a tokenizer.json that change the tokens; here they must be unset.
_UNKNOWN_STEPS = (
    "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
    "byte_fallback", "ignore_merges",
)  # fmt: skip


def _pattern_of(pre_tokenizer: dict[str, Any]) -> str | None:
    """Return the key of ``WORDS`` that cuts as the pre_tokenizer of a tokenizer.json does."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    *first, last = steps
    byte_level = last["type"] == "ByteLevel" and last.get("use_regex", True)
    if not byte_level or last["add_prefix_space"]:
        return None
    if not first:
        return "gpt-2"
    return "smollm" if first == [{"type": "Digits", "individual_digits": True}] else None


# What a tokenizer.json must say for the tokens to be those of WordPiece.
_WORDPIECE: dict[str, dict[str, Any]] = {
    "normalizer": {
        "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
        "strip_accents": None, "lowercase": True,
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {
        "type": "WordPiece", "unk_token": UNKNOWN, "continuing_subword_prefix": "##",
        "max_input_chars_per_word": LONGEST_WORD,
    },
}  # fmt: skip
