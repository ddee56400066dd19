import csv
import re
from pathlib import Path

import pytest
from paramlab import catalog
from paramlab.params import count, stacks

DATA = Path(catalog.__file__).parent / "data/models.csv"
MODELS = catalog.published()
CLOSED = [
    "ernie3.0-titan", "ernie4.0", "hunyuan-sept-2023", "gpt4", "gpt4-turbo", "gpt3.5-turbo",
    "gopher", "dit-xl-2",
]  # fmt: skip
slugs = pytest.mark.parametrize("model", MODELS, ids=[model.slug for model in MODELS])


def test_models_whose_sizes_are_not_public_have_no_count():
    uncounted = [m.slug for m in MODELS if m.config is None and m.quoted_params is None]
    assert set(CLOSED) <= set(uncounted)


def test_slugs_follow_the_one_rule_and_are_unique():
    assert [model.slug for model in MODELS] == [catalog.slug(model.name) for model in MODELS]
    assert len({model.slug for model in MODELS}) == len(MODELS)
    assert len({model.name for model in MODELS}) == len(MODELS)
    assert all(re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", model.slug) for model in MODELS)


def test_every_row_has_as_many_fields_as_there_are_columns():
    with open(DATA, encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    assert {len(row) for row in rows} == {len(columns)}  # a comma that is not quoted cuts a note


@slugs
def test_every_row_says_where_it_comes_from(model):
    assert len(model.source) > 10
    assert 2017 <= model.year <= 2026
    assert model.name.strip() == model.name and model.family
    assert model.published_total or model.published_active


@slugs
def test_a_basis_is_given_exactly_where_there_is_a_count(model):
    counted = model.config is not None or model.quoted_params is not None
    assert (model.basis in {"weights", "config", "inferred"}) == counted
    assert not (model.config and model.quoted_params)


@slugs
def test_a_window_is_claimed_no_shorter_than_trained_and_a_longer_one_says_how(model):
    trained, claimed = model.window_trained, model.window_claimed
    assert all(n is None or (isinstance(n, int) and n > 0) for n in (trained, claimed))
    if trained and claimed:
        assert trained <= claimed
        assert bool(model.window_method) == (trained < claimed)
    elif model.window_method:  # its makers name a method, not the length that it starts from
        assert claimed


def test_the_context_of_a_configuration_is_the_claimed_window_but_for_two_families():
    given = [m for m in MODELS if m.config and m.window_claimed]
    assert len(given) > 90
    apart = {m.family for m in given if m.config.n_ctx != m.window_claimed}
    assert apart == {"SmolLM3", "Qwen3"}
    smollm3 = catalog.find("SmolLM3-3B")
    assert smollm3.config.n_ctx == smollm3.window_trained
    assert {m.config.n_ctx - m.window_trained for m in MODELS if m.family == "Qwen3"} == {8192}


def test_tables_of_positions_end_where_training_did():
    learned = [m for m in MODELS if m.config and m.config.positions == "learned"]
    tables = [m for m in learned if m.window_trained or m.window_claimed]
    assert len(tables) > 20
    for model in tables:
        assert model.window_trained == model.window_claimed == model.config.n_ctx, model.name


@slugs
def test_a_model_is_found_by_its_slug_and_by_its_name_however_written(model):
    for written in (model.slug, model.name, model.name.upper(), model.slug.replace("-", "_")):
        assert catalog.find(written) is model
    assert catalog.find(f"  {model.name.replace('-', ' ')} ") is model


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("gpt-2-smal", "gpt2-small"),
        ("gpt3", "gpt3-175b"),
        ("GPT-3 175", "gpt3-175b"),
        ("lama-7b", "llama-7b"),
        ("gpt-4o", "gpt4"),
        ("deepseek-v4", "deepseek-v3"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong, near):
    with pytest.raises(LookupError, match=re.escape(f"no model is called {wrong!r}")) as error:
        catalog.find(wrong)
    nearest = str(error.value).partition("the nearest names are ")[2].split(", ")
    assert near in nearest and len(nearest) <= 3


@pytest.mark.parametrize("name", ["", " ", "-", "光合作用", "x" * 10_000])
def test_a_name_that_is_like_nothing_gets_no_suggestion(name):
    with pytest.raises(LookupError) as error:
        catalog.find(name)
    assert "nearest" not in str(error.value)


def test_a_dot_is_part_of_a_name():
    assert catalog.find("llama3.1-8b").name != catalog.find("llama3-8b").name
    with pytest.raises(LookupError):
        catalog.find("llama31-8b")


def test_loading_twice_gives_the_same_rows():
    assert catalog.published() is catalog.published()


# ------------------------------------------------------------------ what the authors say


def exact(text: str) -> int | None:
    """Return a published figure that is given to the last digit, such as 590,118,912."""
    return int(text.replace(",", "")) if re.fullmatch(r"\d{1,3}(,\d{3}){2,}", text) else None


def rounded(text: str) -> tuple[float, float] | None:
    """Return a published figure such as 6.7B or 3,209M, and half a unit of its last digit."""
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?([MBT])", text.replace(",", ""))
    if not match:
        return None
    size = {"M": 10**6, "B": 10**9, "T": 10**12}[match[3]]
    return float(text.replace(",", "")[:-1]) * size, size / 2 / 10 ** len(match[2] or "")


def without_tables(model) -> int:
    """Return the parameters that are neither embedding nor position table nor output head."""
    counted = count(model.config)
    tables = counted.by_role["embedding"] + counted.by_role["position"]
    return counted.total - tables - counted.by_part.get("output head", 0)


def test_non_embedding_figures_that_are_exact_are_ours():
    published = {m: exact(m.published_non_embedding) for m in MODELS}
    given = {model: n for model, n in published.items() if n}
    assert {model.family for model in given} >= {"Pythia", "Gemma 1", "Gemma 2"}
    for model, n in given.items():
        assert without_tables(model) == n, model.name


def test_embedding_figures_that_are_exact_are_ours():
    given = {m: n for m in MODELS if (n := exact(m.published_embedding))}
    assert {model.family for model in given} >= {"BLOOM", "Gemma 1", "Gemma 2"}
    for model, n in given.items():
        rows, rest = divmod(n, model.config.d_model)
        assert rest == 0, model.name
        # The reports on Gemma 1 and 2 count 128 rows that the released files do not have.
        assert rows == model.config.vocab_size + 128 * model.family.startswith("Gemma"), model.name


@pytest.mark.parametrize("model", [m for m in MODELS if rounded(m.published_non_embedding)])
def test_rounded_non_embedding_figures_agree(model):
    figure, half = rounded(model.published_non_embedding)
    if model.slug == "qwen2.5-32b":  # its card says 31.0B; the configuration gives 31.21B
        assert abs(without_tables(model) / figure - 1) < 0.01
    elif model.family == "Gemma 3":  # printed in M, and cut off rather than rounded in places
        assert abs(without_tables(model) - figure) <= 2 * half
    else:
        assert abs(without_tables(model) - figure) <= half


def test_announced_totals_are_within_six_percent_but_for_ten_models():
    """Small models with a large vocabulary are named for what remains without its table.

    What Gemma 3n and the small Gemma 4 are announced with sees and hears too.
    """
    apart = set()
    for model in MODELS:
        first = re.split(r"[;(]", model.published_total)[0].strip()
        if model.config and first:
            figure = exact(first) or rounded(first)[0]
            if abs(count(model.config).total / figure - 1) > 0.06:
                apart.add(model.slug)
    assert apart == {
        "gemma-2b", "gemma-7b", "gemma2-2b", "llama3.2-1b", "llama3.2-3b", "qwen2.5-7b",
        "gemma-3n-e2b", "gemma-3n-e4b", "gemma4-e2b", "gemma4-e4b",
    }  # fmt: skip


@pytest.mark.parametrize("model", [m for m in MODELS if m.config and m.published_active])
def test_announced_active_counts_are_between_our_two_definitions(model):
    figure, half = rounded(model.published_active.split("(")[0].strip())
    counted = count(model.config)
    if model.slug == "minimax-text-01":  # without both tables
        assert abs(counted.active - 2 * counted.by_part["token table"] - figure) <= half
        return
    assert counted.active_without_input_table - half <= figure + half
    assert figure - half <= counted.active + half


def test_lfm2_has_the_parameters_that_its_makers_print():
    given = {m: exact(m.published_total) for m in MODELS if m.family == "LFM2"}
    assert sum(n is not None for n in given.values()) == 3
    assert all(count(model.config).total == n for model, n in given.items() if n)


@pytest.mark.parametrize(
    ("slug", "encoders", "in_the_files"),
    [
        ("gemma4-e2b", 475_728_160, 5_123_178_051),
        ("gemma4-e4b", 478_087_456, 7_996_156_490),
        ("gemma4-12b", 52_379_904, 11_959_730_224),
        ("gemma4-31b", 575_741_232 + 2 * 1152, 31_273_088_876),
    ],
)
def test_the_files_of_gemma4_hold_its_parameters_and_what_it_does_not_use(
    slug, encoders, in_the_files
):
    """Hugging Face gives the size of the files; transformers that of what sees and hears.

    The files hold keys and values, with a norm, of the layers that borrow them too, and a factor
    for each layer; those of the 31B two buffers of its vision encoder.
    """
    c = catalog.find(slug).config
    borrowing = {"gemma4-e2b": range(15, 35), "gemma4-e4b": range(24, 42)}.get(slug, ())
    every = {"gemma4-e2b": 5}.get(slug, 6)  # layer that sees all tokens has heads of 512
    unused = 0
    for i in borrowing:
        width = 512 if i % every == every - 1 else c.d_head
        unused += 2 * c.d_model * c.n_kv_heads * width + width
    assert count(c).total + unused + c.n_layers + encoders == in_the_files


def test_encoders_give_vectors_and_other_models_have_a_head():
    for model in filter(lambda model: model.config, MODELS):
        ends = {array.name for stack in stacks(model.config) for array in stack.arrays}
        assert ("head.weight" in ends) == ("encoder" not in model.kind.split()), model.slug
