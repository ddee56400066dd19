"""What to say of a JSON file that is no configuration known here: what it seems, what is near.

Nothing is counted by these signs; they only choose the sentence.
"""

import re
from collections.abc import Iterable
from typing import Any

from paramlab.errors import shown
from paramlab.files.families import Family

_BESIDE = "; count the config.json beside it"
# The fields that a kind of file has, and what it is; the first that fits is said.
_SIGNS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("weight_map",), "it is the index of weight files, whose name ends in .index.json"),
    (("added_tokens", "model"), "it is a tokenizer.json" + _BESIDE),
    (("tokenizer_class",), "it seems to be a tokenizer_config.json" + _BESIDE),
    (("added_tokens_decoder",), "it seems to be a tokenizer_config.json" + _BESIDE),
    (("image_processor_type",), "it seems to be a preprocessor_config.json" + _BESIDE),
    (("feature_extractor_type",), "it seems to be a preprocessor_config.json" + _BESIDE),
    (("processor_class",), "it seems to be a processor_config.json" + _BESIDE),
    (("producer", "quantization"), "it seems to be the hf_quant_config.json of ModelOpt" + _BESIDE),
    (("inter_dim", "moe_inter_dim"), "it seems to be DeepSeek's own configuration" + _BESIDE),
    (
        ("attention_probs_dropout_prob", "type_vocab_size", "hidden_size"),
        'it seems to be the configuration of a BERT of 2018: write "model_type": "bert" into it',
    ),
    (("hidden_size",), 'write the kind of model into it, as "model_type"'),
    (("bits", "group_size"), "it seems to be a quantize_config.json" + _BESIDE),
    (("bos_token",), "it seems to be a special_tokens_map.json" + _BESIDE),
    (("_from_model_config",), "it seems to be a generation_config.json" + _BESIDE),
    (("transformers_version", "eos_token_id"), "it seems to be a generation_config.json" + _BESIDE),
)


def what_it_seems(fields: dict[str, Any]) -> str:
    """Say what a file without a ``model_type`` seems to be, as the end of a sentence.

    Examples
    --------
    >>> what_it_seems({"tokenizer_class": "LlamaTokenizer"})
    '; it seems to be a tokenizer_config.json; count the config.json beside it'
    """
    for names, what in _SIGNS:
        if all(name in fields for name in names):
            return f"; {what}"
    return ", so it is not the config.json of a model"


def nearest(name: str, known: Iterable[str]) -> str:
    """Name what is nearest to an unknown name, as the end of a sentence.

    Examples
    --------
    >>> nearest("qwen4", ["qwen2", "qwen3", "t5"])
    '; the nearest are qwen3, qwen2 (see paramlab families)'
    """
    from difflib import get_close_matches  # here, because a name that is right needs none

    near = get_close_matches(name[:60], known, n=3, cutoff=0.6)
    where = "see paramlab families"
    return f"; the nearest are {', '.join(near)} ({where})" if near else f"; {where}"


def code_of_its_own(models: dict[str, Any], allowed: Iterable[str]) -> str:
    """Say which entry of an ``auto_map`` names a class that is not known here."""
    for task, path in models.items():
        if str(path).split(".")[-1] not in allowed:
            return (
                f"auto_map names code of its own for {shown(task)}, {shown(path)}, not known here"
            )
    return "auto_map names code of its own, and none for a language model"


def in_the_words_of(fields: dict[str, Any], row: Family, message: str) -> str:
    """Return a message with the file's names of sizes in place of ours, defaults called so."""
    theirs = {}
    for ours, at in row.reads.items():
        name = next((name for name in at.names if name in fields), at.names[0])
        theirs[ours.rpartition(".")[2]] = name if name in fields else f"{name} (by default)"

    def word(found: re.Match[str]) -> str:
        return theirs.get(found[0], found[0])

    return re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", word, message.partition("; give ")[0])
