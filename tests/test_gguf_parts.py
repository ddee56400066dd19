"""The parts of a GGUF file by its names; the oracle for these is the gguf library's tables."""

import json
import re

import pytest
import weight_files as files
from gguf.constants import MODEL_ARCH_NAMES, MODEL_TENSORS, TENSOR_NAMES
from paramlab import catalog, count
from paramlab.cli import main
from paramlab.config import ModelConfig
from paramlab.files.gguf_parts import count_parts, role_and_part
from paramlab.files.layout import Header
from paramlab.params import shapes

ARCHITECTURES = {MODEL_ARCH_NAMES[kind]: tensors for kind, tensors in MODEL_TENSORS.items()}
# Those of the library whose files hold no language model, and names that are not told apart here.
NO_LANGUAGE = {"clip", "wavtokenizer-dec", "mmproj"}
OPEN = {"grovemoe", "cogvlm"}  # experts of two sizes; a second set of weights for pictures


@pytest.mark.parametrize("kind", sorted(set(ARCHITECTURES) - NO_LANGUAGE - OPEN))
def test_every_name_of_the_librarys_tables_is_known(kind):
    apart = ("rope_freqs", "rope_factors_long", "rope_factors_short", "exp_probs_b",
             "attn_rot_embd")  # fmt: skip
    names = (TENSOR_NAMES[tensor].format(bid=3) for tensor in ARCHITECTURES[kind])
    unknown = [
        name
        for name in names
        if not name.endswith(apart) and role_and_part(f"{name}.weight") is None
    ]
    assert unknown == []


@pytest.mark.parametrize("name", ["x", "blk.0.x.weight", "v.blk.0.attn_q.weight", "", "\n", "blk."])
def test_another_name_is_not_guessed(name):
    assert role_and_part(name) is None
    assert count_parts(Header({}, (), "GGUF"), {"token_embd.weight": 3, name: 5}) is None


# What the enumerator calls a module, and what llama.cpp calls it.
GGUF_NAMES = {
    "embedding.tokens": "token_embd", "embedding.positions": "position_embd",
    "embedding.segments": "token_types", "embedding.norm": "token_embd_norm",
    "final_norm": "output_norm", "head": "output",
    "attention_norm": "attn_norm", "norm": "attn_norm", "attention.q": "attn_q",
    "attention.k": "attn_k", "attention.v": "attn_v", "attention.o": "attn_output",
    "attention.q_norm": "attn_q_norm", "attention.k_norm": "attn_k_norm",
    "attention.sinks": "attn_sinks", "attention.q_down": "attn_q_a",
    "attention.q_latent_norm": "attn_q_a_norm", "attention.q_up": "attn_q_b",
    "attention.kv_down": "attn_kv_a_mqa", "attention.kv_latent_norm": "attn_kv_a_norm",
    "attention.kv_up": "attn_kv_b", "attention_post_norm": "post_attention_norm",
    "mlp_norm": "ffn_norm", "mlp_post_norm": "post_ffw_norm", "mlp.gate": "ffn_gate",
    "mlp.up": "ffn_up", "mlp.down": "ffn_down", "mlp.router": "ffn_gate_inp",
    "mlp.shared_gate": "ffn_gate_inp_shexp", "pooler": "cls",
    **{f"mlp.experts.{each}": f"ffn_{each}_exps" for each in ("gate", "up", "down")},
    **{f"mlp.shared.{each}": f"ffn_{each}_shexp" for each in ("gate", "up", "down")},
}  # fmt: skip


def in_gguf(config: ModelConfig) -> dict[str, int]:
    """Return the names of the arrays of a model in a GGUF file, and their sizes."""
    numbers = {}
    for array in shapes(config):
        if array.tied_to or array.role == "buffer":
            continue
        layer, name = re.fullmatch(r"(?:blocks\.([0-9]+)\.)?(.*)", array.name).groups()
        module, _, suffix = (name, "", "weight") if name in GGUF_NAMES else name.rpartition(".")
        place = f"blk.{layer}." if layer else ""
        suffix = "bias" if suffix == "bias" else "weight"
        numbers[f"{place}{GGUF_NAMES[module]}.{suffix}"] = array.size
    return numbers


@pytest.mark.parametrize(
    ("slug", "kind"),
    [
        ("llama3.1-8b", "llama"), ("mixtral-8x7b", "llama"), ("qwen2.5-7b", "qwen2"),
        ("qwen3-8b", "qwen3"), ("qwen3-30b-a3b", "qwen3moe"), ("qwen1.5-moe-a2.7b", "qwen2moe"),
        ("gemma2-9b", "gemma2"), ("gemma3-4b-text", "gemma3"), ("phi2", "phi2"),
        ("deepseek-v3", "deepseek2"), ("gpt-oss-20b", "gpt-oss"), ("glm4.5", "glm4moe"),
        ("falcon-7b", "falcon"), ("gpt2-xl", "gpt2"), ("olmo2-32b", "olmo2"),
    ],
)  # fmt: skip
def test_the_parts_are_those_of_the_enumerator(slug, kind):
    config = catalog.find(slug).config
    numbers, e = in_gguf(config), config.experts
    metadata = {"general.architecture": kind}
    if e:
        metadata |= {f"{kind}.expert_count": e.n_experts, f"{kind}.expert_used_count": e.n_active}
    found, right = count_parts(Header(metadata, (), "GGUF"), numbers), count(config)
    assert found.by_part == right.by_part
    assert (found.total, found.active, found.by_role) == (right.total, right.active, right.by_role)
    assert found.active_without_input_table == right.active_without_input_table
    assert found.tied == right.tied


def test_experts_without_their_number_are_not_split():
    metadata = {"general.architecture": "a", "a.expert_count": 4}
    numbers = {"token_embd.weight": 9, "blk.0.ffn_up_exps.weight": 8}
    for used in (None, 0, 5, 2.0, "2"):
        header = Header(metadata | {"a.expert_used_count": used}, (), "GGUF")
        assert count_parts(header, numbers) is None
    header = Header(metadata | {"a.expert_used_count": 1}, (), "GGUF")
    assert count_parts(header, numbers).active == 9 + 2


def test_parts_and_types_are_printed_and_add_up(tmp_path, capsys):
    arrays = files.random_arrays(files.LLAMA_GGUF)
    path = str(files.write_gguf(tmp_path / "a.gguf", "qwen2", arrays))
    known = str(files.write_gguf(tmp_path / "b.gguf", "llama", arrays))
    main(["count", path])
    text = capsys.readouterr().out
    assert "token table" in text and "attention" in text and "F32" in text
    records = {}
    for by in ("component", "role"):
        main(["count", path, known, "--json", "--by", by])
        ours, llama = json.loads(capsys.readouterr().out)
        records[by] = ours
        assert ours.pop("notes") and llama.pop("notes") == []
        assert {name: ours[name] for name in llama} | {"name": ""} == llama | {"name": ""}
    assert sum(records["component"]["parameters_by_type"].values()) == records["role"]["total"]
    assert main(["count", path, "--by", "role"]) == 0
    assert main(["count", path, "--by", "layer"]) == 2
