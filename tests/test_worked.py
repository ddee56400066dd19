"""A count worked out: its formulas give the count, in letters and in numbers."""

import re

import pytest
from paramlab import catalog, count
from paramlab.cli import main
from paramlab.files.hugging_face import config_from_hf
from paramlab.files.source import count_source
from paramlab.worked import LETTERS, Size, worked
from weight_files import LLAMA_HF, random_arrays, write_safetensors

KNOWN = [pytest.param(m.config, id=m.slug) for m in catalog.published() if m.config]


def value(formula: str) -> int:
    """Compute a formula of digits."""
    digits = formula.replace(",", "").replace("·", "*")
    assert re.fullmatch(r"[0-9*+() ]+", digits)
    return eval(digits)


@pytest.mark.parametrize("config", KNOWN)
def test_the_formulas_give_the_count_of_every_model_of_the_catalog(config):
    places, flat = worked(config), config.to_flat()
    assert sum(place.times * place.value for place in places) == count(config).total
    letters = {letter: str(flat[name]) for name, letter in LETTERS.items() if name in flat}
    for line in (line for place in places for line in place.lines):
        assert value(line.numbers) == line.value
        in_digits = re.sub(r"[A-Z]'*[0-9]?", lambda m: letters[m[0]], line.letters)
        assert value(in_digits) == line.value


def test_the_model_of_92_numbers_is_worked_out_as_in_chapter_4():
    from paramlab import ModelConfig

    tiny = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=3, n_ctx=4)
    values = [[line.value for line in place.lines] for place in worked(tiny)]
    norms, attention, of_attention, mlp, of_mlp = values[1]
    assert values[0] == [6, 8] and (attention, mlp) == (16, 32)
    assert (of_attention, of_mlp) == (8, 10) and norms + values[2][0] == 12


def test_what_is_printed_for_gpt2(capsys):
    assert main(["explain", "gpt2-small"]) == 0
    out = capsys.readouterr().out
    assert "  token table     V·D = 50,257·768 = 38,597,376\n" in out
    assert "12 blocks, each:\n  norms              4·D = 4·768 = 3,072\n" in out
    assert "\n39,383,808 + 12·7,087,872 + 1,536 = 124,439,808\n" in out
    assert all(len(line) <= 88 for line in out.partition("published")[0].split("\n"))


def test_a_number_of_heads_that_a_file_does_not_tell_stands_in_no_formula(tmp_path):
    path = write_safetensors(tmp_path / "a.safetensors", random_arrays(LLAMA_HF))
    counted = count_source(str(path))
    places = worked(counted.config, counted.heads_known)
    assert not {"N", "K", "H"} & set("".join(line.letters for p in places for line in p.lines))
    assert sum(place.times * place.value for place in places) == counted.count.total


def test_a_size_remembers_sums_and_products():
    n, h = Size(3, "N"), Size(5, "H")
    size = n * (h + 2) * h
    assert (size, size.letters, size.numbers) == (105, "N·(H + 2)·H", "3·(5 + 2)·5")


def test_what_stands_beside_the_language_model_is_called_by_its_part():
    fields = {"model_type": "qwen3_vl", "text_config": {}, "tie_word_embeddings": False}
    config = config_from_hf(fields)
    places = worked(config)
    assert {"vision encoder, 27 times", "after the blocks"} <= {place.title for place in places}
    assert sum(place.times * place.value for place in places) == count(config).total
