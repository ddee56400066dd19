"""The ledger of claims: its form, its numbers recomputed, and the cells it names."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from math import exp, inf
from pathlib import Path

import pytest
from paramlab import catalog, claims
from paramlab.params import count
from paramlab.scaling import (
    BESIROGLU,
    HOFFMANN,
    HOFFMANN_UNROUNDED,
    KAPLAN,
    KAPLAN_JOINT,
)

ROOT = Path(__file__).parents[1]
LEDGER = claims.load()
NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?(?:e\d+)?(?![\w-])")
VERSION = re.compile(r"\b(?:Llama|ERNIE|Diffusion|Table) \d\.\d\b")


# --------------------------------------------------------------------------- form

KINDS = {"fact", "analogy", "advice", "estimate", "question"}
HEADLINES_PER_CHAPTER = 3


def test_each_article_is_numbered_from_one_without_a_gap():
    articles = [claim.article for claim in LEDGER]
    assert [claim.id for claim in LEDGER] == [
        f"{article}{n + 1}" for article in "AB" for n in range(articles.count(article))
    ]


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_every_record_is_complete(claim):
    assert claim.kind in KINDS
    assert claim.verdict in claims.VERDICTS
    for name in ("original", "paraphrase", "right", "stops", "better"):
        assert getattr(claim, name).strip(), name
    assert claim.sources and all(source.strip() for source in claim.sources)
    assert isinstance(claim.home_chapter, int) and claim.home_chapter > 0
    assert isinstance(claim.headline, bool)
    assert not (claim.evidence and claim.no_evidence)
    assert (claim.no_evidence or ".").endswith(".")  # another sentence follows on the page


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_an_analogy_is_never_false_but_helps_until_something(claim):
    if claim.kind == "analogy":
        assert claim.verdict != "false"
    assert (claim.kind == "analogy") == claim.stops.startswith("Helps until ")


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_the_better_sentence_is_one_sentence_of_about_the_same_length(claim):
    assert 0.5 < len(claim.better) / len(claim.paraphrase) < 2
    assert claim.better.endswith(".")
    assert len(claim.better) <= 160


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_the_original_is_a_short_phrase_in_chinese(claim):
    letters = re.findall(r"[\u4e00-\u9fff]|[A-Za-z0-9.-]+", claim.original)
    assert 3 <= len(letters) <= 20
    assert re.search(r"[\u4e00-\u9fff]", claim.original)


def test_what_is_called_false_or_uncheckable_is_settled():
    """These two verdicts weigh most; a claim that gets or loses one is a decision to write here."""
    assert claims.by_verdict("false") == ()
    uncheckable = [claim.id for claim in claims.by_verdict("cannot be checked")]
    assert uncheckable == ["A29", "A31", "B18", "B20", "B21", "B22", "B24"]


def test_no_chapter_has_more_headlines_than_boxes_fit_and_each_has_one():
    for chapter in {claim.home_chapter for claim in LEDGER}:
        headlines = [claim for claim in claims.by_chapter(chapter) if claim.headline]
        assert 1 <= len(headlines) <= HEADLINES_PER_CHAPTER, chapter


def test_the_selections_partition_the_ledger():
    chapters = sorted({claim.home_chapter for claim in LEDGER})
    by_verdict = [claim for verdict in claims.VERDICTS for claim in claims.by_verdict(verdict)]
    by_chapter = [claim for chapter in chapters for claim in claims.by_chapter(chapter)]
    assert sorted(by_verdict, key=LEDGER.index) == list(LEDGER)
    assert sorted(by_chapter, key=LEDGER.index) == list(LEDGER)
    assert all(claims.by_id(claim.id) is claim for claim in LEDGER)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: claims.by_id("C1"),
            LookupError,
            r"'C1'; .* has A1 to A\d+ and B1 to B\d+",
        ),
        (lambda: claims.by_verdict("true"), ValueError, "'true'.*holds if"),
        (lambda: claims.by_chapter(99), LookupError, "chapter 99"),
    ],
)
def test_a_wrong_selection_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_reading_the_ledger_needs_no_numpy():
    code = "import sys, paramlab.claims as c; c.load(); print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


# --------------------------------------------------------------------------- evidence


def code_cells_by_chapter(root: Path) -> dict[int, set[str]]:
    """Names of the code cells of every chapter that the table of contents lists and that exists."""
    cells = {}
    toc = root / "_toc.yml"
    listed = re.findall(r"file:\s*(\S+)", toc.read_text(encoding="utf-8")) if toc.exists() else []
    for entry in listed:
        path = root / (entry.removesuffix(".ipynb") + ".ipynb")
        if (number := re.match(r"(\d\d)-", path.name)) and path.exists():
            notebook = json.loads(path.read_text(encoding="utf-8"))
            cells[int(number[1])] = {
                cell["metadata"]["name"]
                for cell in notebook["cells"]
                if cell["cell_type"] == "code" and "name" in cell["metadata"]
            }
    return cells


def evidence_problems(ledger, cells: dict[int, set[str]]) -> list[str]:
    """List the claims whose home chapter is written (has cells) and does not show them."""
    problems = []
    for claim in ledger:
        if claim.home_chapter not in cells:
            continue
        named = (claim.evidence, *claim.also) if claim.evidence else claim.also
        problems += [
            f"claim {claim.id}: chapter {claim.home_chapter} has no code cell named {name!r}"
            for name in named
            if name not in cells[claim.home_chapter]
        ]
        if not claim.evidence and not claim.no_evidence:
            problems.append(f"claim {claim.id}: evidence or no_evidence is needed")
    return problems


def test_every_claim_of_a_written_chapter_names_a_cell_that_shows_it():
    assert evidence_problems(LEDGER, code_cells_by_chapter(ROOT)) == []


def write_chapter(root: Path, *cells: tuple[str, str]) -> None:
    (root / "book").mkdir()
    (root / "_toc.yml").write_text("chapters:\n- file: book/01-size\n- file: book/02-b\n")
    notebook = {"cells": [{"cell_type": kind, "metadata": {"name": name}} for kind, name in cells]}
    (root / "book" / "01-size.ipynb").write_text(json.dumps(notebook))


def test_a_missing_cell_is_found(tmp_path):
    named = {claim.evidence for claim in claims.by_chapter(1)} | {"count-the-file"}
    cells = [("code", name) for name in sorted(named - {None, "shuffle"})]
    write_chapter(tmp_path, *cells, ("markdown", "shuffle"))  # only code is evidence
    problems = evidence_problems(LEDGER, code_cells_by_chapter(tmp_path))
    assert problems == ["claim A7: chapter 1 has no code cell named 'shuffle'"]


def test_a_missing_further_cell_is_found():
    claim = replace(claims.by_id("A1"), also=("nowhere",))
    problems = evidence_problems([claim], {1: {"bytes"}})
    assert problems == ["claim A1: chapter 1 has no code cell named 'nowhere'"]


def test_a_claim_needs_evidence_as_soon_as_its_chapter_exists():
    claim = replace(claims.by_id("A1"), evidence=None, also=())
    assert evidence_problems([claim], {}) == []
    (problem,) = evidence_problems([claim], {1: {"bytes"}})
    assert "evidence or no_evidence is needed" in problem
    reasoned = replace(claim, no_evidence="it is a date")
    assert evidence_problems([reasoned], {1: {"bytes"}}) == []


def test_without_a_table_of_contents_there_are_no_chapters(tmp_path):
    assert code_cells_by_chapter(tmp_path) == {}


# --------------------------------------------------------------------------- numbers
#
# Every number of the ledger that has a decimal point or three digits is either computed below, from
# formulas that do not use paramlab's enumeration, or listed in QUOTED as a figure of the sources.


def gpt(n_layers, d_model, n_ctx, vocab_size=50257):
    """Parameters in the layout of GPT-2: 12 L D^2 + 13 L D + 2 D + V D + T D."""
    blocks = n_layers * (12 * d_model**2 + 13 * d_model)
    return blocks + 2 * d_model + (vocab_size + n_ctx) * d_model


def llama(n_layers, d_model, kv_width, d_ff, vocab_size, tables=2, experts=0, mlps=1):
    """Parameters in the layout of Llama: no biases; queries as wide as the model."""
    block = 2 * d_model**2 + 2 * d_model * kv_width + mlps * 3 * d_model * d_ff + 2 * d_model
    block += experts * d_model  # the router
    return n_layers * block + tables * vocab_size * d_model + d_model


GPT3, GPT2_XL, GPT2 = gpt(96, 12288, 2048), gpt(48, 1600, 1024), gpt(12, 768, 1024)
LLAMA2 = llama(32, 4096, 4096, 11008, 32000)
LLAMA2_13B = llama(40, 5120, 5120, 13824, 32000)
LLAMA2_70B = llama(80, 8192, 1024, 28672, 32000)
LLAMA3 = llama(32, 4096, 1024, 14336, 128256)
LLAMA32_1B = llama(16, 2048, 512, 8192, 128256, tables=1)
SMOLLM2 = llama(30, 576, 192, 1536, 49152, tables=1)
MISTRAL = llama(32, 4096, 1024, 14336, 32000)
MIXTRAL = llama(32, 4096, 1024, 14336, 32000, experts=8, mlps=8)
MIXTRAL_ACTIVE = llama(32, 4096, 1024, 14336, 32000, experts=8, mlps=2)
# One norm, one key-value head of 256, gated MLPs (arXiv 2204.02311 section 2 and table 1).
PALM_8B = 32 * (2 * 4096**2 + 2 * 4096 * 256 + 3 * 4096 * 16384) + 256000 * 4096 + 33 * 4096
FALCON_180B = 178_557_088_768  # counted by transformers; the catalog enumerates the same
DEEPSEEK_V3, DEEPSEEK_V3_ACTIVE = 671_026_404_352, 37_552_282_624


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("gpt3-175b", GPT3),
        ("gpt2-xl", GPT2_XL),
        ("gpt2-small", GPT2),
        ("llama2-7b", LLAMA2),
        ("llama2-13b", LLAMA2_13B),
        ("llama2-70b", LLAMA2_70B),
        ("llama3-8b", LLAMA3),
        ("llama3.1-8b", LLAMA3),
        ("llama3.2-1b", LLAMA32_1B),
        ("smollm2-135m", SMOLLM2),
        ("mixtral-8x7b", MIXTRAL),
        ("falcon-180b", FALCON_180B),
        ("palm-8b", PALM_8B),
        ("deepseek-v3", DEEPSEEK_V3),
    ],
)
def test_the_formulas_here_agree_with_the_enumerated_arrays(name, total):
    assert count(catalog.find(name).config).total == total


def test_active_parameters_agree_with_the_enumerated_arrays():
    assert count(catalog.find("mixtral-8x7b").config).active == MIXTRAL_ACTIVE
    assert count(catalog.find("deepseek-v3").config).active == DEEPSEEK_V3_ACTIVE


def chinchilla():
    """Three fits of L(N, D) = E + A / N^alpha + B / D^beta: (A, B, alpha, beta)."""
    return (
        (406.4, 410.7, 0.34, 0.28),  # arXiv 2203.15556 equation 10, rounded
        (exp(6.0073404), exp(6.0179186), 0.33917084, 0.2849083),  # the same, unrounded
        (482.01, 2085.43, 0.3478, 0.3658),  # arXiv 2404.10102
    )


TOKENS = 300e9  # that GPT-3 was trained on
PARAMETER_GAINS = [A * (GPT2_XL**-a - GPT3**-a) for A, _, a, _ in chinchilla()]
DATA_GAINS = [B * (D**-b - TOKENS**-b) for _, B, _, b in chinchilla() for D in (9e9, 100e9)]
HOFFMANNS = (HOFFMANN, HOFFMANN_UNROUNDED, BESIROGLU)


def doubled(law):
    """By which share twice the parameters lower the loss of GPT-3 as it was trained."""
    n = law.n_of(catalog.find("gpt3-175b").config)
    return 1 - law.loss(2 * n, TOKENS) / law.loss(n, TOKENS)


def fall_of_gain(law):
    """How many times less a parameter brings at GPT-3's size than at GPT-2's."""
    small, large = (law.n_of(catalog.find(slug).config) for slug in ("gpt2-xl", "gpt3-175b"))
    return law.gain_per_parameter(small, TOKENS) / law.gain_per_parameter(large, TOKENS)


def from_parameters(law):
    """How far parameters without end would lower the loss of GPT-3, in nats."""
    n = law.n_of(catalog.find("gpt3-175b").config)
    return law.loss(n, TOKENS) - law.loss(inf, TOKENS)


def from_text(law):
    """How far text without end would lower the loss of GPT-3, in nats."""
    n = law.n_of(catalog.find("gpt3-175b").config)
    return law.loss(n, TOKENS) - law.loss(n)


def growth(n_layers, d_model, vocab_size=50257, pairs=4, n=2048, m=32768):
    """How much more work m tokens are than n: F(n) = 2 N n + pairs L D n^2."""
    weights = 12 * n_layers * d_model**2 + vocab_size * d_model

    def flops(n):
        return 2 * weights * n + pairs * n_layers * d_model * n**2

    return flops(m) / flops(n)


def kv_bytes(n_layers, n_kv_heads, d_head, bytes_per_number=2):
    """Bytes of keys and values per token."""
    return 2 * n_layers * n_kv_heads * d_head * bytes_per_number


def read_bytes(users, n, weights=LLAMA2, n_kv_heads=32):
    """Bytes that one decoding step of Llama 2 7B or Llama 3.1 8B reads, at 16 bits."""
    return 2 * weights + users * kv_bytes(32, n_kv_heads, 128) * n


def slowdown(users, **model):
    return read_bytes(users, 32768, **model) / read_bytes(users, 2048, **model)


def pair_share(n, weights, n_layers, d_model):
    """Share of the pairs in the multiply-adds of n tokens, masked ones left out."""
    pairs = n_layers * d_model * n * (n + 1)
    return pairs / (weights * n + pairs)


GPT3_SHAPE = (12 * 96 * 12288**2 + 50257 * 12288, 96, 12288)
LLAMA31_SHAPE = (LLAMA3 - 128256 * 4096 - 65 * 4096, 32, 4096)


def gemma_cache_bytes(n, n_global):
    per_layer = kv_bytes(1, 16, 128)
    return per_layer * (n_global * n + (62 - n_global) * min(n, 1024))


GB, GIB = 1e9, 2**30
COMPUTED = {
    "A1": (f"{SMOLLM2:,}", f"{2 * SMOLLM2 / 1e6:.1f}", f"{859520964 + 123060480 + 83653863:,}"),
    "A4": (
        f"{GPT3 / GPT2_XL:.1f}",
        f"{GPT3 / GPT2:,.0f}",
        f"{175 / 1.5:.1f}",
        f"{GPT2_XL:,}",
        f"{GPT2:,}",
        f"{GPT3 / 1e9:.1f}",
    ),
    "A5": (
        f"{min(PARAMETER_GAINS):.2f}",
        f"{max(PARAMETER_GAINS):.2f}",
        f"{min(DATA_GAINS):.2f}",
        f"{max(DATA_GAINS):.2f}",
    ),
    "A6": (f"{kv_bytes(96, 96, 128):,}",),
    "A7": (f"{58 * 256:,}",),
    "A8": (
        f"{12 * 96 * 12288**2 / GPT3:.2%}",
        f"{9 * 96 * 12288 / GPT3:.4%}",
        f"{50257 * 12288 / GPT3:.2%}",
    ),
    "A10": (f"{96 * 96 * 2048 * 2049 // 2:,}",),
    "A11": (f"{12 * 96 * 12288**2 / 1e9:.0f}", f"{2048 * 12 * 96 * 12288**2 / 1e12:.0f}"),
    "A16": (f"{MIXTRAL_ACTIVE / 1e9:.2f}", f"{MIXTRAL / 1e9:.2f}"),
    "A22": (
        f"{1 - 2**-0.076:.1%}",
        f"{doubled(KAPLAN_JOINT):.1%}",
        *(f"{percent(map(doubled, HOFFMANNS)):.1%}" for percent in (min, max)),
        *(f"{1 - law.loss(2 * GPT3) / law.loss(GPT3):.1%}" for law in HOFFMANNS),
    ),
    "A24": (
        f"{6 * LLAMA3 * 15e12 / 1e23:.1f}e23",
        f"{6 * LLAMA3 * 15e12 / (6 * GPT3 * TOKENS):.1f}",
        f"{6 * GPT3 * TOKENS / 1e23:.2f}e23",
        f"{GPT3 / 1e9:.1f}",
    ),
    "A25": (
        *(f"{times(map(fall_of_gain, HOFFMANNS)):.0f}" for times in (min, max)),
        f"{fall_of_gain(KAPLAN_JOINT):.0f}",
        f"{fall_of_gain(KAPLAN):.0f}",
    ),
    "A26": (
        *(f"{nats(map(from_parameters, HOFFMANNS)):.2f}" for nats in (min, max)),
        *(f"{nats(map(from_text, HOFFMANNS)):.2f}" for nats in (min, max)),
        f"{from_parameters(KAPLAN_JOINT):.2f}",
        f"{from_text(KAPLAN_JOINT):.2f}",
    ),
    "A30": (
        f"{1e3 * 2 * GPT3 / (8 * 2.04e12):.1f}",
        f"{2 * GPT3 / GB:.0f}",
        f"{312e12 / 2.04e12:.0f}",
    ),
    "A31": (f"{DEEPSEEK_V3_ACTIVE / 1e9:.1f}", f"{DEEPSEEK_V3 / 1e9:.1f}"),
    "A32": (f"{2 * GPT3 / GB:.0f}", f"{16 * GPT3 / 1e12:.2f}", f"{LLAMA2 / 2 / GB:.1f}"),
    "A33": (
        f"{2 * LLAMA2 / GB:.1f}",
        f"{2 * LLAMA2_13B / GB:.1f}",
        f"{2 * LLAMA2_70B / GB:.1f}",
        f"{kv_bytes(32, 32, 128) * 4096 / GB:.1f}",
    ),
    "B1": (
        f"{LLAMA3:,}",
        f"{(32768 - 1024) * 768:,}",
        f"{(32768 - 1024) * 768 / GPT2:.1%}",
        f"{(32768 - 2048) * 12288 / GPT3:.2%}",
    ),
    "B2": (
        f"{50257 * 12288:,}",
        f"{GPT3 / 1e9:.1f}",
        f"{round(GPT3 / 1e6, -2):,.0f}",
        f"{12 * 96 * 12288**2 + 2 * 50257 * 12288:,}",  # matrices, and the table for each use
    ),
    "B6": (f"{kv_bytes(32, 8, 128):,}", f"{kv_bytes(32, 8, 128) * 131072 / GB:.1f}"),
    "B7": (f"{FALCON_180B / LLAMA32_1B:.0f}", f"{131072 / 2048:.0f}"),
    "B8": (f"{2 * 2048**2 / 2**20:.0f}", f"{2 * 32768**2 / GIB:.0f}"),
    "B9": (
        f"{(32 / 2) ** 2:.0f}",
        f"{growth(96, 12288):.1f}",
        f"{growth(12, 768):.1f}",
        f"{growth(96, 12288, pairs=2):.1f}",
        f"{growth(12, 768, pairs=2):.1f}",
        f"{growth(96, 12288, pairs=2) / 16:.1f}",
        f"{growth(96, 12288) / 16:.1f}",
        f"{growth(12, 768, pairs=2) / 16:.1f}",
        f"{growth(12, 768) / 16:.1f}",
    ),
    "B10": (
        f"{kv_bytes(32, 32, 128) * 32768 / GB:.1f}",
        f"{2 * LLAMA2 / GB:.1f}",
        f"{(32 // 2) ** 2}",
    ),
    "B11": (
        f"{read_bytes(1, 32768) / GB:.1f}",
        f"{read_bytes(1, 2048) / GB:.1f}",
        f"{slowdown(1):.1f}",
        f"{slowdown(16):.1f}",
        f"{slowdown(64):.1f}",
        *(f"{slowdown(n, weights=LLAMA3, n_kv_heads=8):.2f}" for n in (1, 16, 64)),
    ),
    "B16": (f"{2 * 80 * 8192 * (64 - 8) * 128:,}",),
    "B17": (
        f"{gemma_cache_bytes(131072, n_global=62) / GIB:.1f}",
        f"{gemma_cache_bytes(131072, n_global=10) / GIB:.1f}",
    ),
    "B22": (f"{MIXTRAL / 1e9:.2f}", f"{8 * 7}"),
    "B24": (f"{2 * 131072**2 / GIB:.0f}", f"{LLAMA32_1B / 1e9:.2f}"),
    "B25": (
        f"{gpt(32, 4096, 2048) / 1e9:.2f}",
        f"{count(catalog.find('qwen3.5-9b').config).total / 1e9:.2f}",
        f"{MIXTRAL / 1e9:.2f}",
        f"{PALM_8B / gpt(32, 4096, 2048):.2f}",
        f"{LLAMA3 / MISTRAL:.2f}",
    ),
    "B27": (
        *(f"{pair_share(n, *LLAMA31_SHAPE):.0%}" for n in (2**15, 2**17, 2**20)),
        f"{growth(96, 12288, pairs=2) / 16:.1f}",
        f"{growth(12, 768, pairs=2) / 16:.1f}",
    ),
    "B29": (
        *(f"{pair_share(n, *GPT3_SHAPE):.0%}" for n in (2**15, 2**17)),
        *(f"{1 - pair_share(n, *GPT3_SHAPE):.0%}" for n in (2**15, 2**17)),
    ),
}

# Figures of the sources, and the sizes of which the computed ones are made.
QUOTED = {
    "A2": "175",
    "A3": "5,140 128 2,048",
    "A4": "1.5",
    "A5": "100 175 1.3",
    "A9": "300",
    "A10": "2,048",
    "A11": "2,048",
    "A15": "175 3.6 200",
    "A17": "50,257",
    "A18": "300 100 3.4 0.44",
    "A21": "200",
    "A22": "300",
    "A23": "280 175 1.3",
    "A24": "300",
    "A25": "280 300 580",
    "A26": "300",
    "A33": "4,096",
    "A34": "260 100",
    "A35": "128,000",
    "B1": "8,192 131,072 1,024 32,768 2,048",
    "B2": "175",
    "B5": "128,000 4,096 32,000",
    "B7": "2,048 131,072",
    "B8": "2,048 32,768",
    "B10": "32,768 2,048",
    "B11": "32,768 2,048",
    "B12": "32,768 1,000",
    "B13": "4,000 128,000 77.0 66.6 85.6",
    "B14": "1,024 2,048 4,096 131,072 405",  # looked up in the catalog below
    "B17": "1,024 131,072",
    "B19": "4,096 16,385",
    "B20": "131,072",
    "B21": "175",
    "B22": "220 1.8",
    "B24": "131,072",
    "B25": "4,096",
    "B26": "2,048 32,768",
    "B27": "2,048 32,768 131,072 1,048,576 57,000",
    "B29": "32,768 131,072",
}


def correction(claim) -> str:
    """Return the part of a record that the ledger itself asserts."""
    return " ".join((claim.right, claim.stops, claim.better))


def numbers(text: str) -> set[str]:
    return set(NUMBER.findall(VERSION.sub("", text)))


def is_precise(token: str) -> bool:
    """Say whether a number has a decimal point or three digits and is not a year."""
    is_year = re.fullmatch(r"(19[5-9]|20[0-2])\d", token)
    return "." in token or (len(re.sub(r"\D", "", token)) >= 3 and not is_year)


@pytest.mark.parametrize("claim_id", COMPUTED)
def test_the_ledger_prints_what_the_formulas_give(claim_id):
    printed = numbers(correction(claims.by_id(claim_id)))
    assert {token.rstrip("%") for token in COMPUTED[claim_id]} <= printed


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_no_precise_number_is_typed_without_a_computation_or_a_source(claim):
    known = {token.rstrip("%") for token in COMPUTED.get(claim.id, ())}
    known |= set(QUOTED.get(claim.id, "").split())
    assert {token for token in numbers(correction(claim)) if is_precise(token)} <= known


def test_gpt3_without_any_bias_still_rounds_to_the_published_size():
    biases = 9 * 96 * 12288 + (2 * 96 + 1) * 12288
    assert GPT3 - biases == 174_591_270_912
    assert round((GPT3 - biases) / 1e6, -2) == round(GPT3 / 1e6, -2) == 174_600


def test_chinchilla_is_predicted_to_beat_gopher_by_every_fit():
    for A, B, a, b in chinchilla():
        small_much_text = A * 70e9**-a + B * 1.4e12**-b
        large_little_text = A * 280e9**-a + B * 300e9**-b
        assert small_much_text < large_little_text


def decoders():
    """Yield the catalog's decoders whose context is known, with their counts."""
    for model in catalog.published():
        if model.kind == "decoder" and model.config and model.config.n_ctx:
            yield model, count(model.config).total


def test_the_largest_models_and_the_small_ones_got_longer_windows():
    windows = {
        slug: catalog.find(slug).config.n_ctx
        for slug in (
            "gpt2-xl", "gpt3-175b", "llama2-70b", "llama3.1-405b", "llama-7b", "llama3.1-8b"
        )
    }  # fmt: skip
    assert list(windows.values()) == [1024, 2048, 4096, 131072, 2048, 131072]
    right = numbers(claims.by_id("B14").right)
    assert {f"{n:,}" for n in list(windows.values())[:4]} <= right


def test_most_families_give_models_of_different_sizes_one_window():
    groups = defaultdict(list)
    for model, _ in decoders():
        groups[model.family, model.year].append(model.config.n_ctx)
    windows = [set(contexts) for contexts in groups.values() if len(contexts) > 1]
    shared = sum(len(contexts) == 1 for contexts in windows)
    assert len(windows) / 2 < shared < len(windows), "the ledger says so of B14 and B28"


def test_within_a_family_and_year_only_llama_4_gives_the_larger_model_the_shorter_window():
    groups = defaultdict(list)
    for model, total in decoders():
        groups[model.family, model.year].append((total, model.config.n_ctx))
    for group, pairs in groups.items():
        windows = [window for _, window in sorted(pairs)]
        rises = windows == sorted(windows)
        assert rises == (group[0] != "Llama 4"), f"the ledger says otherwise of B14: {group}"


def test_models_of_one_depth_and_width_differ_by_their_experts():
    totals = [
        total
        for model, total in decoders()
        if (model.config.n_layers, model.config.d_model) == (32, 4096)
    ]
    assert (min(totals), max(totals)) == (gpt(32, 4096, 2048), MIXTRAL)
    assert LLAMA3 in totals


def test_systems_whose_size_is_undisclosed_have_no_count():
    for name in ("GPT-4", "GPT-3.5 Turbo"):
        model = catalog.find(name)
        assert model.published_total == "not disclosed"
        assert model.config is None and model.quoted_params is None
