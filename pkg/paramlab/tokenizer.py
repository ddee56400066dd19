"""Byte-level byte-pair encoding (BPE): text to token ids and back, without loss.

A text is cut into words; a word is a row of bytes; the pair of neighbors that was merged first in
training is merged first here, until no pair is left that the training knew.
"""

import codecs
from collections.abc import Iterable, Iterator
from typing import Any

import regex

from paramlab.headers import UnsupportedModel

# How a text is cut into words, by the name that GGUF files use ("tokenizer.ggml.pre").
WORDS = {
    # GPT-2's pattern, after each digit was set apart; so spaces before a digit are a word of
    # their own, while the last space before a letter belongs to the letter's word.
    "smollm": r"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+",
}
_CONTROL, _USER_DEFINED = 3, 4  # token types of GGUF: taken from the text whole, never merged


def _byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a vocabulary file: printable and not a space.

    Bytes that are printable in Latin-1 stand for themselves, the others for 256, 257, ... in turn.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(256, 512))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


_LETTERS = _byte_letters()
_BYTES = {ord(letter): byte for byte, letter in enumerate(_LETTERS)}


class Tokenizer:
    """A byte-level BPE tokenizer.

    Parameters
    ----------
    vocabulary
        Token texts in the order of their ids, bytes written as in vocabulary files.
    merges
        Pairs "left right" in the order in which training merged them.
    pre
        The name of the pattern that cuts a text into words, a key of ``WORDS``.
    special
        Ids of tokens that stand for themselves, such as "<|endoftext|>".
    end_tokens
        Ids that end a text.

    Raises
    ------
    UnsupportedModel
        When the pattern is not known here.

    Examples
    --------
    >>> tiny = Tokenizer(["a", "b", "ab", "aba"], ["a b", "ab a"], pre="smollm")
    >>> tiny.encode("abaab")  # ab a ab, for "a b" was learned first; then aba ab
    [3, 2]
    >>> tiny.decode([3, 2])
    'abaab'
    """

    def __init__(
        self,
        vocabulary: list[str],
        merges: list[str],
        pre: str,
        special: Iterable[int] = (),
        end_tokens: Iterable[int] = (),
    ):
        if pre not in WORDS:
            raise UnsupportedModel(
                f"the tokenizer {pre!r} is not known here; {', '.join(WORDS)} is"
            )
        special = set(special)
        self.ids = {text: i for i, text in enumerate(vocabulary)}
        self.ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(merges)}
        self.end_tokens = frozenset(end_tokens)
        self.token_bytes = [
            text.encode() if i in special else _bytes_of(text) for i, text in enumerate(vocabulary)
        ]
        # The longest first, so that of two special tokens that match, the longer is taken.
        names = sorted((vocabulary[i] for i in special), key=len, reverse=True)
        self._special = regex.compile("(" + ("|".join(map(regex.escape, names)) or "(?!)") + ")")
        self._words = regex.compile(WORDS[pre])
        self._known: dict[str, list[int]] = {}  # words met before: texts repeat themselves

    @classmethod
    def from_gguf(cls, metadata: dict[str, Any]) -> "Tokenizer | None":
        """Build the tokenizer that the metadata of a GGUF file describe; None if there is none."""
        get = {key.removeprefix("tokenizer.ggml."): value for key, value in metadata.items()}.get
        vocabulary, merges, types = get("tokens"), get("merges", []), get("token_type", [])
        if vocabulary is None:
            return None
        if get("model") != "gpt2":
            raise UnsupportedModel(
                f"the tokenizer model {get('model')!r} is not known here; gpt2 is"
            )
        for texts in (vocabulary, merges):
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise UnsupportedModel("the tokenizer's tokens and merges must be lists of text")
        if len(types) > len(vocabulary):
            raise UnsupportedModel(
                f"there are {len(types)} token types for {len(vocabulary)} tokens"
            )
        special = [i for i, kind in enumerate(types) if kind in (_CONTROL, _USER_DEFINED)]
        end = get("eos_token_id")
        end_tokens = [] if end is None else [end]
        return cls(vocabulary, merges, get("pre", "without a name"), special, end_tokens)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text. Special tokens in it are recognized by their names.

        Raises
        ------
        ValueError
            When the vocabulary has no token for a byte of the text.
        """
        tokens: list[int] = []
        for i, part in enumerate(self._special.split(text)):
            if i % 2:  # the split puts the special tokens between the other parts
                tokens.append(self.ids[part])
                continue
            for word in self._words.findall(part):
                if word not in self._known:
                    self._known[word] = self._merge(word)
                tokens += self._known[word]
        return tokens

    def _merge(self, word: str) -> list[int]:
        """Merge the bytes of one word: again and again the pair that was learned first.

        Each pass goes over the whole word, so the time grows with the square of its length: words
        are short, and only a "word" of many thousand letters makes that felt.
        """
        parts = [_LETTERS[byte] for byte in word.encode()]
        while len(parts) > 1:
            pairs = set(zip(parts, parts[1:], strict=False))
            first = min(pairs, key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if first not in self.ranks:
                break
            parts = _merged(parts, first)
        missing = [part for part in parts if part not in self.ids]
        if missing:
            byte = _BYTES[ord(missing[0])]
            raise ValueError(f"this tokenizer has no token for the byte 0x{byte:02x} in {word!r}")
        return [self.ids[part] for part in parts]

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of token ids, with U+FFFD for bytes that are not UTF-8."""
        return "".join(self.stream(tokens))

    def stream(self, tokens: Iterable[int]) -> Iterator[str]:
        """Yield the text of each token as it comes, empty while a character is incomplete."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for token in tokens:
            if not 0 <= token < len(self.token_bytes):
                raise ValueError(
                    f"token id {token} is not in the vocabulary of {len(self.token_bytes):,}"
                )
            yield decoder.decode(self.token_bytes[token])
        if rest := decoder.decode(b"", final=True):
            yield rest


def _bytes_of(text: str) -> bytes:
    """Return the bytes that a token of the vocabulary stands for."""
    try:
        return bytes([_BYTES[ord(letter)] for letter in text])
    except KeyError:
        raise UnsupportedModel(
            f"the token {text!r} is not written in the letters of bytes"
        ) from None


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """Join every occurrence of a pair, from left to right."""
    merged = []
    i = 0
    while i < len(parts):
        joined = (*parts[i : i + 2],) == pair
        merged.append(pair[0] + pair[1] if joined else parts[i])
        i += 2 if joined else 1
    return merged
