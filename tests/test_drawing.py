"""Drawings of architectures: what is drawn is what is counted, to one scale."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from paramlab import catalog
from paramlab.cli import main
from paramlab.colors import DARK, LIGHT
from paramlab.config import Experts, ModelConfig
from paramlab.drawing import BANDS_WIDTH, LINE, WIDTH, architecture_svg, regions
from paramlab.files.hugging_face import config_from_hf
from paramlab.params import count

ROOT = Path(__file__).parents[1]
MODELS = {model.slug: model.config for model in catalog.published() if model.config}
LARGEST_BYTES = 14 * 1024
SVG = "{http://www.w3.org/2000/svg}"


def of_families() -> dict[str, ModelConfig]:
    """Return hybrids, models that see, and others that the catalog does not hold."""
    found = {}
    for name in ("ai21labs--Jamba-v0.1", "Qwen--Qwen3-Next-80B-A3B", "google--gemma-3-4b-pt",
                 "state-spaces--mamba-130m-hf", "facebook--bart-base"):  # fmt: skip
        path = ROOT / "tests" / "oracles" / "published" / f"{name}.json"
        fields = json.loads(path.read_text("utf-8"))
        fields.pop("_source")
        found[name] = config_from_hf(fields)
    for kind in ("albert", "gemma3n_text", "mobilebert", "whisper"):
        found[kind] = config_from_hf({"model_type": kind})
    return found


TINY = ModelConfig(n_layers=1, d_model=2, n_heads=1, d_ff=8, vocab_size=3, n_ctx=4)  # 92 numbers
DRAWN = MODELS | of_families() | {"tiny": TINY}


def bands(svg: str) -> list[tuple[int, float]]:
    """Return the numbers and the area of every band: a rectangle with a title."""
    found = []
    for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None:
            numbers = int((title.text or "").rpartition(": ")[2].replace(",", ""))
            found.append((numbers, float(rect.attrib["width"]) * float(rect.attrib["height"])))
    return found


def test_areas_are_parameters_and_sum_to_the_count():
    for name, config in DRAWN.items():
        drawn = bands(architecture_svg(name, config))
        assert sum(numbers for numbers, _ in drawn) == count(config).total, name
        per_area = sum(area for _, area in drawn) / count(config).total
        for numbers, area in drawn:
            assert area == pytest.approx(numbers * per_area, rel=2e-3), name


def test_what_is_filled_is_active():
    for name, config in DRAWN.items():
        filled = sum(
            band.numbers // band.n_cells * band.n_filled
            for region in regions(config)
            for band in region.bands
            if not band.is_tied
        )
        assert filled == count(config).active, name


@pytest.mark.parametrize(("n_layers", "n_steps"), [(6, 12), (800, 1600)])
def test_of_the_experts_of_each_layer_as_many_are_filled_as_a_token_passes(n_layers, n_steps):
    experts = Experts(n_experts=7, n_active=2, d_ff=16)
    sizes = dict(d_model=8, n_heads=2, d_ff=0, vocab_size=9, n_ctx=9)
    svg = architecture_svg("x", ModelConfig(n_layers=n_layers, experts=experts, **sizes))
    (path,) = (p for p in ElementTree.fromstring(svg).iter(f"{SVG}path") if p.get("transform"))
    across, down = map(
        float, re.findall(r"scale\(([\d.]+) ([\d.]+)\)", path.attrib["transform"])[0]
    )
    assert sum(int(step) for step in re.findall(r"v(\d)", path.attrib["d"])) == n_steps
    assert across * n_layers == pytest.approx(BANDS_WIDTH, rel=1e-4)
    pale = max(area for _, area in bands(svg))
    assert n_steps * across * down == pytest.approx(pale * 2 / 7, rel=1e-3)


def test_a_drawing_is_small_plain_and_the_same_each_time():
    for name, config in MODELS.items():
        svg = architecture_svg(name, config)
        assert len(svg) <= LARGEST_BYTES and svg.isascii(), name
    assert architecture_svg(name, config) == svg


def test_words_stand_inside_and_apart():
    for name, config in DRAWN.items():
        root = ElementTree.fromstring(architecture_svg(name, config))
        bottom = float(root.attrib["viewBox"].split()[3])
        places: dict[str, list[float]] = {}
        for text in root.iter(f"{SVG}text"):
            places.setdefault(text.attrib["x"], []).append(float(text.attrib["y"]))
        for x, heights in places.items():
            assert 0 <= float(x) <= WIDTH and 0 < min(heights) and max(heights) < bottom, name
            above, below = sorted(heights), sorted(heights)[1:]
            assert all(b - a > LINE - 0.1 for a, b in zip(above, below, strict=False)), name


def test_its_colors_are_those_of_the_site():
    styles = (ROOT / "book" / "_static" / "book.css").read_text("utf-8")
    codes = re.findall(r"--fig-([a-z]+): (#[0-9a-f]{6})", styles)
    assert dict(codes[: len(LIGHT)]) == LIGHT and dict(codes[len(LIGHT) :]) == DARK


def test_the_command_writes_a_file_or_prints(tmp_path, capsys):
    svg = architecture_svg("Mixtral-8x7B", MODELS["mixtral-8x7b"])
    file = tmp_path / "m.svg"
    assert main(["draw", "mixtral-8x7b", "-o", str(file)]) == 0
    assert capsys.readouterr() == ("", "") and file.read_text() == svg
    assert main(["draw", "mixtral-8x7b"]) == 0
    assert capsys.readouterr() == (svg, "")
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "gpt2"}')
    assert main(["draw", str(config)]) == 0
    assert "config.json, drawn to scale: 124,439,808 parameters." in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["gpt-4"], ["nothing"], ["gpt2-small", "-o", "nowhere/x"]])
def test_what_cannot_be_drawn_or_written_is_refused_in_a_sentence(arguments, capsys):
    assert main(["draw", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("paramlab draw: ")
