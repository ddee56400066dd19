"""The coefficients of the site's calculators give what the package counts, also when changed."""

import random
from dataclasses import replace

import pytest
from paramlab import catalog, conventions
from paramlab.coefficients import cost_coefficients, count_terms
from paramlab.config import Experts, ModelConfig, StateLayers

SAMPLE = (
    "gpt2-small", "llama3.1-8b", "gemma2-2b", "mixtral-8x7b", "deepseek-v3", "t5-base",
    "gemma4-e2b", "deepseek-v3.2", "mamba-2.8b",
)  # fmt: skip


def value(size: str, sizes: dict[str, int]) -> int:
    products = (product.split("*") for product in size.split("+"))
    total = 0
    for names in products:
        n = 1
        for name in names:
            n *= int(name) if name.isdigit() else sizes[name]
        total += n
    return total


def total(config, sizes=None, switches=None, left_out=(), tied_twice=False) -> int:
    found = count_terms(config)
    sizes, switches = found.sizes | (sizes or {}), found.switches | (switches or {})
    return sum(
        value(term.size, sizes)
        for term in found.terms
        if all(switches[name] for name in term.needs)
        and not set(term.left_out) & set(left_out)
        and (tied_twice or not (term.tied and switches["tied"]))
    )


@pytest.mark.parametrize("slug", SAMPLE)
def test_the_terms_count_a_model_by_every_convention(slug):
    config = catalog.find(slug).config
    for left_out in ((), *((name,) for name in conventions.SWITCHES)):
        for twice in (False, True):
            wanted = conventions.total(config, left_out, twice)
            assert total(config, left_out=left_out, tied_twice=twice) == wanted


def changed(config: ModelConfig, draw: random.Random) -> tuple[ModelConfig, dict, dict]:
    """Return a config with other sizes and switches, and these as the calculator names them."""
    names = ("d_model", "n_heads", "d_head", "d_ff", "vocab_size", "n_position_rows")
    sizes = {name: draw.randint(1, 99) for name in names}
    sizes["n_kv_heads"] = sizes["n_heads"]
    switches = {name: draw.random() < 0.5 for name in count_terms(config).switches}
    fields = sizes | {name: on for name, on in switches.items()
                      if name not in ("norm_bias", "position_table")}  # fmt: skip
    fields["norm"] = "layernorm" if switches["norm_bias"] else "rmsnorm"
    fields["positions"] = "learned" if switches["position_table"] else "rope"
    if not switches["position_table"]:
        del fields["n_position_rows"]
    if config.experts:
        sizes |= {"n_experts": draw.randint(8, 99), "d_ff_expert": draw.randint(1, 99)}
        experts = {"n_experts": sizes["n_experts"], "d_ff": sizes["d_ff_expert"]}
        fields["experts"] = replace(config.experts, **experts)
    if not config.experts:
        sizes["n_layers"] = fields["n_layers"] = draw.randint(1, 99)
        fields |= {"local_layers": (), "window": 0}
    return replace(config, d_embedding=sizes["d_model"], **fields), sizes, switches


@pytest.mark.parametrize("slug", ["gpt2-small", "llama3.1-8b", "mixtral-8x7b", "qwen3-8b"])
def test_other_sizes_and_switches_give_the_count_of_the_changed_model(slug):
    config, draw = catalog.find(slug).config, random.Random(slug)
    for _ in range(20):
        other, sizes, switches = changed(config, draw)
        left_out = [name for name in conventions.SWITCHES if draw.random() < 0.2]
        twice = draw.random() < 0.5
        wanted = conventions.total(other, left_out, twice)
        assert total(config, sizes, switches, left_out, twice) == wanted


def test_every_kind_of_layer_of_a_hybrid_has_a_number_of_its_own():
    state = StateLayers("conv", layers=(0, 1, 3), d_conv=3)
    experts = Experts(n_experts=4, n_active=1, d_ff=5, dense_layers=(0, 2))
    hybrid = ModelConfig(
        n_layers=4,
        d_model=8,
        n_heads=2,
        d_ff=8,
        vocab_size=9,
        n_ctx=9,
        state=state,
        experts=experts,
    )
    found = count_terms(hybrid)
    kinds = {name: n for name, n in found.sizes.items() if "layers" in name}
    assert sorted(kinds.values()) == [1, 1, 2]
    assert total(hybrid) == conventions.total(hybrid)


def test_what_would_not_follow_a_change_cannot_be_changed():
    for slug in ("gemma4-e2b", "gemma-3n-e4b", "deepseek-v3.2"):
        found = count_terms(catalog.find(slug).config)
        assert set(found.switches) == {"tied"} and set(found.sizes) <= {"n_experts", "n_active"}
    assert set(count_terms(catalog.find("mamba-2.8b").config).switches) == {
        "tied",
        "norm_bias",
        "bias_head",
    }


def test_what_is_not_costed_is_refused():
    with pytest.raises(ValueError, match="encoder"):
        cost_coefficients(catalog.find("t5-small").config)
