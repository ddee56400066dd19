"""Byte-level byte-pair encoding (BPE): text to token ids and back, without loss.

A text is cut into words; a word is a row of bytes; the pair of neighbors that was merged first in
training is merged first here, until no pair is left that the training knew.
"""

import codecs
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from paramlab import checks
from paramlab.errors import UnsupportedModel
from paramlab.letters import compiled
from paramlab.long_words import merged_by_queue

# How a text is cut into words, by the name that GGUF files use ("tokenizer.ggml.pre").
WORDS = {
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    # GPT-2's pattern, after each digit was set apart; so spaces before a digit are a word of
    # their own, while the last space before a letter belongs to the letter's word.
    "smollm": r"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+",
}
LONG_WORD = 200  # bytes; beyond, a queue finds the same merges sooner


def _byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a vocabulary file: printable and not a space.

    Bytes that are printable in Latin-1 stand for themselves, the others for 256, 257, ... in turn.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(256, 512))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


_LETTERS = _byte_letters()
# The way back, for str.translate: a letter becomes the Latin-1 character of its byte. What stands
# for no byte becomes a character that Latin-1 has not, so that encoding it fails.
_BYTES = dict.fromkeys(range(256), "\uffff")
_BYTES |= {ord(letter): chr(byte) for byte, letter in enumerate(_LETTERS)}


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
        When the pattern is not known here, or the other arguments contradict each other.

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
        merges: Iterable[str],
        pre: str,
        special: Iterable[int] = (),
        end_tokens: Iterable[int] = (),
    ) -> None:
        special, end_tokens = list(special), list(end_tokens)
        checks.check_special(special, end_tokens, len(vocabulary))
        self.vocabulary, self.pre = vocabulary, pre
        self.special, self.end_tokens = frozenset(special), frozenset(end_tokens)
        self.ids = {text: i for i, text in enumerate(vocabulary)}
        self.ranks = {merge: rank for rank, merge in enumerate(merges)}
        self.token_bytes = [
            text.encode() if i in self.special else _bytes_of(text)
            for i, text in enumerate(vocabulary)
        ]
        checks.check_merges(self.ranks, self.ids)
        # The longest first, so that of two special tokens that match, the longer is taken.
        names = sorted(filter(None, map(vocabulary.__getitem__, special)), key=len, reverse=True)
        self._special = re.compile("(" + ("|".join(map(re.escape, names)) or "(?!)") + ")")
        checks.check_pattern(pre, WORDS)
        self._words = compiled(WORDS[pre])
        self._known: dict[str, list[int]] = {}  # words met before: texts repeat themselves

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text. Special tokens in it are recognized by their names.

        Raises
        ------
        ValueError
            When the text cannot be written in UTF-8, or the vocabulary has no token for a byte.
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
        """Merge the bytes of one word: again and again the pair that was learned first."""
        parts = _letters_of(word)
        if len(parts) > LONG_WORD:
            parts = merged_by_queue(parts, self.ranks)
        while len(parts) > 1:
            first = min(pairwise(parts), key=self._rank)
            if " ".join(first) not in self.ranks:
                break  # no pair is left that the training knew
            parts = _joined(parts, first)
        try:
            return [self.ids[part] for part in parts]
        except KeyError as missing:
            byte = _bytes_of(missing.args[0])[0]
            raise ValueError(
                f"this tokenizer has no token for the byte 0x{byte:02x} in {word!r}"
            ) from None

    def _rank(self, pair: tuple[str, str]) -> float:
        return self.ranks.get(" ".join(pair), math.inf)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of token ids, with U+FFFD for bytes that are not UTF-8."""
        return "".join(self.stream(tokens))

    def stream(self, tokens: Iterable[int]) -> Iterator[str]:
        """Yield the text of each token as it comes, empty while a character is incomplete."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for token in tokens:
            checks.check_id(token, len(self.token_bytes))
            yield decoder.decode(self.token_bytes[token])
        if rest := decoder.decode(b"", final=True):
            yield rest


def _letters_of(word: str) -> list[str]:
    """Return the letters that stand for the bytes of a word."""
    try:
        return [_LETTERS[byte] for byte in word.encode()]
    except UnicodeEncodeError as error:
        half = word[error.start]
        raise ValueError(
            f"the text holds {half!r}, half of a character (a surrogate), which has no bytes"
        ) from None


def _bytes_of(text: str) -> bytes:
    """Return the bytes that a token of the vocabulary stands for."""
    try:
        return text.translate(_BYTES).encode("latin-1")
    except UnicodeEncodeError:
        raise UnsupportedModel(
            f"the token {text!r} is not written in the letters of bytes"
        ) from None


def train_bpe(text: str, vocab_size: int, pre: str = "gpt-2") -> Tokenizer:
    """Learn a vocabulary: give the most frequent pair of neighbors a token, again and again.

    The 256 bytes are its first tokens, so every text can be written. Pairs are counted within
    words. Of pairs that are equally frequent, the one whose left token is older is taken, then the
    one whose right token is older.

    Parameters
    ----------
    text
        What to learn from.
    vocab_size
        How many tokens there shall be, at least 256. If the text has fewer pairs, there are fewer.
    pre
        How the text is cut into words, a key of ``WORDS``.

    Raises
    ------
    ValueError
        When ``vocab_size`` has no room for the bytes, the pattern is not known here, or the text
        cannot be written in UTF-8.

    References
    ----------
    Sennrich, Haddow and Birch, arXiv 1508.07909, algorithm 1.

    Examples
    --------
    >>> tokenizer = train_bpe("low low lower", vocab_size=259)
    >>> tokenizer.vocabulary[256:]  # lo and ow are equally frequent; l is older than o
    ['lo', 'low', 'Ġlow']
    >>> len(tokenizer.encode("low lower")), len(tokenizer.encode("new"))
    (4, 3)
    """
    checks.check_vocab_size(vocab_size, len(_LETTERS))
    checks.check_pattern(pre, WORDS)
    vocabulary, merges = sorted(_LETTERS), []
    words = Counter(compiled(WORDS[pre]).findall(text))
    parts = {word: _letters_of(word) for word in words}
    counts: Counter[tuple[str, str]] = Counter()
    places = defaultdict(set)  # the words in which a pair occurs, or occurred
    for word, times in words.items():
        for pair in pairwise(parts[word]):
            counts[pair] += times
            places[pair].add(word)
    age = {token: i for i, token in enumerate(vocabulary)}
    while len(vocabulary) < vocab_size and (counts := +counts):  # + drops what is at zero
        best = min(counts, key=lambda pair: (-counts[pair], age[pair[0]], age[pair[1]]))
        joined = "".join(best)
        age[joined] = len(vocabulary)
        vocabulary.append(joined)
        merges.append(" ".join(best))
        # Counts change only in the words that held the pair; the others need not be read again.
        for word in places.pop(best):
            for pair in pairwise(parts[word]):
                counts[pair] -= words[word]
            parts[word] = _joined(parts[word], best)
            for pair in pairwise(parts[word]):
                counts[pair] += words[word]
                places[pair].add(word)
    return Tokenizer(vocabulary, merges, pre)


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """Join every occurrence of a pair, from left to right."""
    joined: list[str] = []
    i = 0
    while i < len(parts):
        found = tuple(parts[i : i + 2]) == pair
        joined.append("".join(pair) if found else parts[i])
        i += 2 if found else 1
    return joined
