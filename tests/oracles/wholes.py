"""Build models that see or hear with the transformers library and count them: wholes.jsonl.

For each ``model_type`` of several models in one that paramlab knows: the library's default, and
small ones with random sizes of the language model and of each part beside it. Counted as in
families.py, the files of published/ too. Nothing is downloaded.

    .venv-oracle/bin/python tests/oracles/wholes.py           rewrites wholes.jsonl
    .venv-oracle/bin/python tests/oracles/wholes.py N SEED    compares N other models of each
"""

import json
import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import transformers as tf
from families import build, count, random_fields, read
from paramlab.errors import UnsupportedModel
from paramlab.files.families import family, kinds_of_a_part, wholes
from paramlab.files.hugging_face import config_from_hf
from paramlab.params import count as our_count
from published import COUNTED

STORED = Path(__file__).with_name("wholes.jsonl")
N_RANDOM, SEED = 5, 20261127
WIDTHS = ("hidden_size", "embed_dim", "d_model", "out_hidden_size", "projection_hidden_size",
          "mm_hidden_size")  # fmt: skip
LAYERS = ("depth", "num_hidden_layers", "encoder_layers")
HEADS = ("num_heads", "num_attention_heads", "encoder_attention_heads")
SMALL = ("spatial_merge_size", "temporal_patch_size", "scale_factor", "mlp_ratio", "in_channels",
         "num_channels", "pos_emb_height", "pos_emb_width")  # fmt: skip

# What chance does not draw: other writers than the first, and readers of pictures in four stages.
DECODER = {"vocab_size": 90, "add_cross_attention": True, "is_decoder": True}
SMALL_BART = DECODER | {"decoder_layers": 2, "d_model": 24, "decoder_attention_heads": 4,
                        "decoder_ffn_dim": 40, "max_position_embeddings": 20}  # fmt: skip
SMALL_VIT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
             "intermediate_size": 20, "image_size": 32, "patch_size": 8}  # fmt: skip
STAGES = {"model_type": "donut-swin", "embed_dim": 4, "depths": [1, 2, 3, 1],
          "num_heads": [1, 2, 4, 4], "window_size": 3, "image_size": [96, 64]}  # fmt: skip
BY_HAND = [
    {"model_type": "vision-encoder-decoder", "decoder": decoder, "encoder": encoder}
    for decoder, encoder in (
        ({"model_type": "mbart"} | SMALL_BART, STAGES),
        ({"model_type": "mbart"} | SMALL_BART | {"d_model": 32}, STAGES | {"qkv_bias": False}),
        (
            {"model_type": "trocr", "cross_attention_hidden_size": 16} | SMALL_BART,
            {"model_type": "deit", "qkv_bias": False} | SMALL_VIT,
        ),
        (
            {"model_type": "trocr", "layernorm_embedding": False} | SMALL_BART,
            {"model_type": "vit"} | SMALL_VIT,
        ),
        (
            {"model_type": "gpt2", "n_layer": 2, "n_embd": 24, "n_head": 4} | DECODER,
            {"model_type": "vit"} | SMALL_VIT,
        ),
    )
]


def random_part(kind: str, rng: random.Random) -> dict[str, Any]:
    """Draw the sizes of a part that is no language model."""
    drawn: dict[str, Any] = {"model_type": kind}
    drawn |= dict.fromkeys(family(kind).harmless.intersection(HEADS), 2)
    width = 4 * rng.randint(1, 4)
    for ours, at in family(kind).reads.items():
        if ours.startswith("_"):
            name, default = at.names[0], at.default
            if name in WIDTHS:
                drawn[name] = width if name != "out_hidden_size" else 4 * rng.randint(1, 4)
            elif name in LAYERS or name in SMALL:
                drawn[name] = rng.randint(1, 3)
            elif isinstance(default, bool):
                drawn[name] = rng.random() < 0.5
            elif isinstance(default, tuple):
                drawn[name] = list(range(rng.randint(0, 3)))
            elif isinstance(default, int):
                drawn[name] = rng.randint(4, 30)
    if {"image_size", "patch_size"} <= drawn.keys():
        drawn["image_size"] = drawn["patch_size"] * rng.randint(1, 4)
    return {name: value for name, value in drawn.items() if rng.random() < 0.95}


def random_whole(kind: str, rng: random.Random) -> dict[str, Any]:
    """Draw a model of a language model and its parts."""
    row = family(kind)
    (at, kinds), *others = row.whole.items()
    known = (each for each in kinds_of_a_part(kinds) if each in tf.CONFIG_MAPPING)
    text = random_fields(next(known), rng)
    for name in ("architectures", "id2label", "tie_word_embeddings"):
        text.pop(name, None)
    fields = {"model_type": kind, at: text}
    for name, kinds in others:
        known = [each for each in kinds_of_a_part(kinds) if each in tf.CONFIG_MAPPING]
        fields[name] = random_part(rng.choice(known), rng)
    if rng.random() < 0.7 or "tied" not in row.style:
        fields["tie_word_embeddings"] = rng.random() < 0.5
    for ours, at_top in row.reads.items():
        if ours.startswith("_") and isinstance(at_top.default, bool):
            fields[at_top.names[0]] = rng.random() < 0.5
    return fields


def cases(kind: str, n: int, seed: int) -> Iterator[list[Any]]:
    """Yield fields and counts: the default as written in full, then random models."""
    rng = random.Random(f"{kind} {seed}")
    for i in range(-1, 30 * n):
        fields = random_whole(kind, rng) if i >= 0 else {"model_type": kind}
        try:
            config = read(fields)
            if i < 0 or rng.random() < 0.2:
                fields = json.loads(config.to_json_string(use_diff=False))
            counts = count(build(read(fields)))
        except Exception:  # sizes that the library refuses to build
            continue
        yield [fields, counts]
        n -= i >= 0
        if not n:
            break
    for fields in BY_HAND:
        if fields["model_type"] == kind:
            yield [fields, count(build(read(fields)))]


def compare(n: int, seed: int) -> int:
    """Compare n other models of each kind with our counts and print where they differ."""
    wrong = 0
    for kind in wholes():
        built = list(cases(kind, n, seed))
        print(f"{kind}: {len(built)} built")
        for fields, counts in built:
            try:
                total = our_count(config_from_hf(fields)).total
            except UnsupportedModel as error:
                print(f"{kind}: refused: {error}")
                continue
            if total != counts["total"]:
                wrong += 1
                print(f"{kind}: ours {total}, theirs {counts['total']}\n  {json.dumps(fields)}")
    return wrong


def main() -> int:
    """Rewrite wholes.jsonl, or compare other models."""
    warnings.simplefilter("ignore")
    tf.logging.set_verbosity_error()
    if len(sys.argv) > 1:
        return compare(int(sys.argv[1]), int(sys.argv[2]))
    rows = [row for kind in wholes() for row in cases(kind, N_RANDOM, SEED)]
    whole = {name: fields for name, fields in COUNTED.items() if fields["model_type"] in wholes()}
    rows += [[name, count(build(read(fields)))] for name, fields in whole.items()]
    lines = [json.dumps(row, separators=(",", ":")) for row in rows]
    STORED.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
