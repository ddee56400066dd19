"""WordPiece, BERT's way from text to token ids: words, then the longest pieces that are known.

Unlike byte-level BPE it loses something: case, accents and the kind of white space. Its vocabulary
says where a piece stands: ``##ing`` continues a word, ``in`` begins one.
"""

import re
import unicodedata

from paramlab.errors import UnsupportedModel
from paramlab.letters import compiled

UNKNOWN, FIRST, LAST = "[UNK]", "[CLS]", "[SEP]"
LONGEST_WORD = 100  # characters; a longer word is taken as unknown, as the library does
# A sign of punctuation (to BERT that is every ASCII sign that is no letter or digit) or a Chinese
# character is a word of its own; so is whatever else stands between them and white space.
_SIGN = r"\p{P}$+<=>^`|~"
_CHINESE = (
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f"
)
_WORDS = rf"[{_SIGN}{_CHINESE}]|[^\s{_SIGN}{_CHINESE}]+"
_DROPPED = r"(?![\t\n\r])[\p{C}\ufffd]"


class WordPiece:
    """The tokenizer of BERT and its kin, in lower case.

    Parameters
    ----------
    vocabulary
        Token texts in the order of their ids.
    special
        Tokens that stand for themselves in a text, such as "[MASK]"; among them [UNK], [CLS] and
        [SEP].

    Raises
    ------
    UnsupportedModel
        When one of these is not in the vocabulary.

    References
    ----------
    Devlin et al., BERT, arXiv 1810.04805, section 3; how words are cut and pieces chosen:
    google-research/bert, ``tokenization.py``.

    Examples
    --------
    >>> tiny = WordPiece(["[UNK]", "[CLS]", "[SEP]", "a", "sing", "##er", "##ers", "!"])
    >>> tiny.encode("A Sïngers!")  # in lower case, without accents; ##ers is longer than ##er
    [1, 3, 4, 6, 7, 2]
    >>> tiny.decode([1, 3, 4, 6, 7, 2])
    'a singers !'
    """

    def __init__(self, vocabulary: list[str], special: tuple[str, ...] = (UNKNOWN, FIRST, LAST)):
        self.vocabulary, self.special = vocabulary, special
        self.ids = {text: i for i, text in enumerate(vocabulary)}
        for text in special:
            if text not in self.ids:
                raise UnsupportedModel(f"the special token {text!r} is not in the vocabulary")
        names = "|".join(map(re.escape, special))
        self._special = re.compile(f"({names})")

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, between that of [CLS] and that of [SEP]."""
        tokens = [self.ids[FIRST]]
        for i, part in enumerate(self._special.split(text)):
            if i % 2:  # the split puts the special tokens between the other parts
                tokens.append(self.ids[part])
            else:
                for word in compiled(_WORDS).findall(_plain(part)):
                    tokens += self._pieces(word)
        return [*tokens, self.ids[LAST]]

    def _pieces(self, word: str) -> list[int]:
        """Take the longest known piece from the front, again and again; all of a word must fit."""
        pieces: list[int] = []
        start = 0
        while start < len(word) <= LONGEST_WORD:
            prefix = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if prefix + word[start:end] in self.ids), None)
            if end is None:
                break
            pieces.append(self.ids[prefix + word[start:end]])
            start = end
        return pieces if start == len(word) else [self.ids[UNKNOWN]]

    def decode(self, tokens: list[int]) -> str:
        """Return the words of token ids, apart by spaces, without [CLS] and [SEP]."""
        texts = (self.vocabulary[token] for token in tokens)
        return " ".join(text for text in texts if text not in (FIRST, LAST)).replace(" ##", "")


def _plain(text: str) -> str:
    """Drop control characters and accents, and write everything in lower case."""
    decomposed = unicodedata.normalize("NFD", compiled(_DROPPED).sub("", text))
    bare = (c for c in decomposed if unicodedata.category(c) != "Mn")
    return "".join(c.lower() for c in bare)  # one by one: at the end of a word, Σ becomes σ too
