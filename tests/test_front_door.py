"""What the first page promises and records: asked again of the model, the catalog and the data."""

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
from form import ROOT
from paramlab import catalog, costs, count, display, forward, generate
from paramlab.files.recorded import recorded_file
from paramlab.layers import softmax
from paramlab.tree import Model, flatten, nest

PAGE = (ROOT / "book" / "index.md").read_text("utf-8")
PROMPT = "The capital of France is"
STORY = "In this story, the capital of France is Lyon. A traveler comes home and says: "
FLAT = "The capital of France is Lyon. "


def one_number_to_zero(params: dict) -> dict:
    arrays = flatten(params)
    name = "blocks.11.mlp.down.weight"
    arrays[name] = arrays[name].copy()
    arrays[name][1229, 507] = 0
    return nest(arrays)


def all_shuffled(params: dict) -> dict:
    rng, arrays = np.random.default_rng(1), flatten(params)
    for name, array in arrays.items():
        if array.ndim > 1:
            arrays[name] = rng.permuted(array.ravel()).reshape(array.shape)
    return nest(arrays)


def said_in(box: str) -> tuple[str, str, dict[str, str]]:
    """Return what a box of the page has: the text before, what the model says, the chances."""
    content = PAGE.split(f":::{{admonition}} {box}\n")[1].split("\n:::")[0]
    text = content.split("\n", 1)[1].split("\n\n")[0].replace("\n", " ")
    before, said = re.match(r"(.*?)\*\*(.*)\*\*", text).groups()
    chances = re.findall(r'^\| "(.*)" \| (.*) \|$', content, re.MULTILINE)
    return before.replace("*", ""), said, dict(chances)


TRIES: dict[str, tuple[str, Callable[[dict], dict]]] = {
    "Set one number to zero": ("", one_number_to_zero),
    "Shuffle all its numbers": ("", all_shuffled),
    "Tell it that the capital is Lyon": (STORY, lambda params: params),
}


@pytest.mark.slow
@pytest.mark.parametrize("box", TRIES)
def test_what_one_can_try_is_what_the_model_does(box: str, real: Model):
    told, change = TRIES[box]
    params, config, tokenizer = change(real[0]), *real[1:]
    before, said, chances = said_in(box)
    assert before.strip() == told + PROMPT
    n_tokens = len(tokenizer.encode(said)) + 2
    answer = "".join(generate(told + PROMPT, (params, config, tokenizer), n_tokens=n_tokens))
    assert answer.startswith(before[len(before.rstrip()) :] + said)
    shares = softmax(forward(params, config, tokenizer.encode(told + PROMPT), last_only=True))
    for word, chance in chances.items():
        share = float(shares[tokenizer.encode(word)[0]])
        if bound := re.fullmatch(r"under (.*)%", chance):
            assert 100 * share < float(bound[1])
        else:
            digits = len(chance.strip("%").replace(".", "").lstrip("0"))
            assert display.percent(share, 1, digits) == chance
    best = tokenizer.decode([int(np.argmax(shares))])
    assert best == next(iter(chances)), "the first row is the likeliest token"


def test_undisturbed_and_told_flatly_it_says_paris(real: Model):
    params, config, tokenizer = real
    shares = softmax(forward(params, config, tokenizer.encode(PROMPT), last_only=True))
    [paris] = tokenizer.encode(" Paris")
    assert f"a chance of {display.percent(float(shares[paris]), 1, 2)}" in PAGE
    assert "".join(generate(FLAT + PROMPT, real, n_tokens=1)) == " Paris"
    first = float(flatten(params)["embedding.tokens"][paris, 0])
    assert f"\n{first:.4f}".replace("-", "−") in PAGE
    n = count(config).total
    assert f"{n:,} of them" in PAGE


def test_the_rare_number_was_sought_as_the_page_says():
    record = json.loads(recorded_file("data/drawers.json").read_text("utf-8"))
    drawn = record["single"]["random"]
    assert f"of {len(drawn)} drawn at random none was missed" in PAGE
    assert max(abs(one["change"]) for one in drawn) < 0.001
    tried = {
        (one["array"], *one["place"])
        for kind in ("largest", "super")
        for one in record["single"][kind]
    }
    assert f"among {len(tried)} that" in PAGE
    said = record["country"]["said"]
    assert f"1 floor of {len(said)}" in PAGE
    assert sum(not word.strip().startswith("Paris") for word in said) == 1


def test_the_surprises_are_computed():
    gpt3 = count(catalog.find("gpt3-175b").config)
    biases = gpt3.by_role["bias"] + gpt3.by_role["norm bias"]
    assert f"**1 in {gpt3.total / biases:,.0f}**" in PAGE
    llamas = [m for m in catalog.published() if m.name.lower().startswith("llama")]
    assert llamas and all(count(m.config).bias == 0 for m in llamas if m.config)
    old, new = (catalog.find(name).config for name in ("llama3-8b", "llama3.1-8b"))
    assert count(old).total == count(new).total and "**0 more**" in PAGE
    assert new.n_ctx == 16 * old.n_ctx
    work = [
        costs.forward_operations(catalog.find("gpt3-175b").config, n).multiply_adds
        for n in (2048, 32768)
    ]
    assert f"**{display.rounded(work[1] / work[0], 3)} times**" in PAGE
    assert f"not {(32768 // 2048) ** 2}," in PAGE
    assert catalog.find("gpt3.5-turbo").published_total == "not disclosed"


def test_start_leads_to_the_idea_of_chapter_1_which_takes_three_minutes():
    [chapter] = (ROOT / "book" / "parameters").glob("01-*.ipynb")
    cells = json.loads(chapter.read_text("utf-8"))["cells"]
    prose = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    text = "\n".join(prose)
    idea = text.split("You have the idea")[0]
    assert 2.5 <= len(idea.split()) / 200 < 3.5
    assert "[Start: the idea, 3 minutes](parameters/01-size-limit-or-permission.ipynb)" in PAGE
