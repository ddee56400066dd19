"""The sheet of systems: dated and sourced, silent where the makers are, and counted exactly."""

import json
from datetime import date
from pathlib import Path

import pytest
from paramlab import catalog, claims
from paramlab.files.source import count_source
from paramlab.params import count
from paramlab.systems import NOT_PUBLIC, system, systems

PUBLISHED = Path(__file__).parent / "oracles" / "published"

# What the articles call them, in the order of their first mention.
NAMED = {
    "ChatGPT": "chatgpt", "擴散等模型": "diffusion", "GPT-4": "gpt4", "GPT-3": "gpt3",
    "GPT-2": "gpt2", "Llama2": "llama2", "GPT-4Turbo": "gpt4-turbo", "百度的文心大模型": "ernie",
    "Azure OpenAI": "azure-openai", "騰訊混元助手": "hunyuan", "GPT-3.5 Turbo": "gpt3.5-turbo",
}  # fmt: skip


def test_every_system_of_the_articles_is_there_and_no_other():
    assert {each.slug for each in systems()} == set(NAMED.values())


def test_rows_are_dated_have_sources_and_a_kind():
    for each in systems():
        assert each.kind in {"model", "product", "host", "kind of model"}
        assert each.source and each.announced < each.read == date(2026, 11, 26)
        assert each.open_weights and type(each.second_hand) is bool
        assert all(w.license and w.source and w.parameters > 10**8 for w in each.open_weights)


def test_what_the_catalog_says_of_the_same_systems_agrees():
    for slug in ("gpt3.5-turbo", "gpt4", "gpt4-turbo"):
        assert catalog.find(slug).published_total == "not disclosed"
        assert system(slug).parameters == NOT_PUBLIC
    assert catalog.find("ernie4.0").published_total == "not disclosed"
    assert system("ernie").parameters.startswith(NOT_PUBLIC)
    assert catalog.find("ernie3.0-titan").published_total == "260B"
    assert "260 billion" in system("ernie").note
    assert (catalog.find("hunyuan-sept-2023").published_total, system("hunyuan").parameters) == (
        ">100B", "over 100 billion",
    )  # fmt: skip
    for slug, models in (("gpt2", ["gpt2-xl"]), ("gpt3", ["gpt3-175b"]), ("llama2", ["llama2-7b"])):
        windows = {f"{catalog.find(m).window_claimed:,}" for m in models}
        assert windows == {system(slug).window}


def test_no_rumor_stands_in_the_sheet():
    """The 20 billion of GPT-3.5 Turbo and the trillion of GPT-4 have no source that knows."""
    unknown = [each for each in systems() if each.parameters.startswith(NOT_PUBLIC)]
    assert {each.slug for each in unknown} == {
        "chatgpt", "gpt3.5-turbo", "gpt4", "gpt4-turbo", "ernie",
    }  # fmt: skip
    assert not any("trillion" in e.parameters or "20 billion" in e.parameters for e in systems())


def test_announcements_are_those_of_the_ledger():
    assert "6 November 2023" in claims.by_id("A35").right
    assert system("gpt4-turbo").announced == date(2023, 11, 6)
    assert "7 September 2023" in " ".join(claims.by_id("A34").sources)
    assert system("hunyuan").announced == date(2023, 9, 7)


@pytest.mark.parametrize(
    ("slug", "name", "file"),
    [
        ("ernie", "ERNIE-4.5-0.3B", "baidu--ERNIE-4.5-0.3B-PT"),
        ("hunyuan", "Hunyuan-A13B", "tencent--Hunyuan-A13B-Instruct"),
        ("hunyuan", "Hunyuan-7B", "tencent--Hunyuan-7B-Instruct"),
    ],
)
def test_counts_outside_the_catalog_are_those_of_published_configurations(
    slug, name, file, tmp_path
):
    fields = json.loads((PUBLISHED / f"{file}.json").read_text("utf-8"))
    assert fields.pop("_source").startswith("https://huggingface.co/")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(fields))
    (stored,) = [w for w in system(slug).open_weights if w.name == name]
    assert count_source(str(path)).count.total == stored.parameters


def test_the_count_of_stable_diffusion_is_that_of_claim_a1():
    assert f"{system('diffusion').open_weights[0].parameters:,}" in claims.by_id("A1").stops


def test_counts_of_the_catalog_are_computed_from_it():
    by_name = {w.name: w.parameters for each in systems() for w in each.open_weights}
    for slug in ("gpt2-xl", "gpt-oss-20b", "llama2-7b", "phi4", "ernie4.5-21b-a3b"):
        model = catalog.find(slug)
        assert by_name[model.name] == count(model.config).total


def test_an_unknown_system_is_refused_with_those_there_are():
    with pytest.raises(LookupError, match="no system is called 'gpt5'; there are gpt2, gpt3"):
        system("gpt5")
