"""The components of the site: what they compute is what Python computes, and they stand without."""

import doctest
import json
import random
import re
from dataclasses import replace

import component_attention_head as attention_head
import component_context_cost as context_cost
import component_ledger_verdicts as ledger_verdicts
import component_memory_fit as memory_fit
import component_parameter_count as parameter_count
import component_reader_guess as reader_guess
import component_token_temperature as token_temperature
import components
import mentions
import pytest
from bs4 import BeautifulSoup
from checks import ROOT
from paramlab import catalog, claims, conventions, hardware
from paramlab.costs import decode_operations, forward_operations, kv_cache_bytes, state_bytes
from paramlab.memory_fit import (
    least_seconds_per_token,
    rounded_bytes_read,
    rounded_weight_bytes,
)
from sphinx.errors import ExtensionError

PAGE = "reference/calculators.html"
CHAPTER_3 = "parameters/03.html"
LEDGER = "reference/ledger.html"
ABOUT = {"reader-guess": (9,)}  # what a component is about, if it is about something
MODULES = sorted((ROOT / "book" / "_static" / "components").glob("*.mjs"))
TEXTS = (1, 1000)


@pytest.mark.parametrize(
    "module",
    [components, memory_fit, context_cost, attention_head, token_temperature, reader_guess,
     ledger_verdicts],
)  # fmt: skip
def test_examples_in_the_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_stands_alone_and_exports_what_anywidget_asks_for(visit, module):
    assert components.NAME.fullmatch(module.stem)
    assert not re.search(r"https?:|^\s*import\b", module.read_text("utf-8"), re.MULTILINE)
    page = visit().open("index.html")
    exported = f"import('./_static/components/{module.name}').then(m => typeof m.default.render)"
    assert page.evaluate(exported) == "function"


@pytest.mark.parametrize("name", sorted(path.stem for path in MODULES))
def test_a_calculator_renders_into_an_empty_element_as_in_jupyterlab(visit, name):
    markup, data = components.parts(name, *ABOUT.get(name, ()))
    window = visit()
    page = window.open("index.html")
    same = page.evaluate(
        """async ([name, markup, data]) => {
          const { default: component } = await import(`./_static/components/${name}.mjs`);
          const [el, state] = [document.createElement("div"), new Map()];
          const fixed = { markup, data };
          document.body.append(el);
          component.render({ el, model: { get: (name) => fixed[name] ?? state.get(name),
            set: (name, value) => state.set(name, value), on() {}, save_changes() {} } });
          const written = document.createElement("div");
          written.innerHTML = markup;
          const words = (of) => of.textContent.replace(/\\s/g, "");
          return words(written) === words(el);
        }""",
        [name, markup, data],
    )
    assert same and window.faults == []


def test_from_a_folder_of_files_an_address_gives_its_answer(browser, site):
    page = browser.new_page()
    page.goto(f"{(site / PAGE).as_uri()}#model=phi4&context=16000")
    wanted, _ = memory_fit.answer("phi4", memory_fit.DEVICE, 16_000)
    assert wanted.startswith(page.locator("memory-fit [data-value=answer]").inner_text())
    page.close()


@pytest.mark.parametrize("text", ["import a from 'b';\nexport default {};", "export const a = 1;"])
def test_a_module_that_imports_or_exports_no_component_is_refused(text: str):
    with pytest.raises(ExtensionError):
        components.classic("a-b", text)


def computed(page, module: str, data: dict, script: str) -> list:
    """Run a function of the module's exports and the data in the browser, on big integers."""
    return page.evaluate(
        f"""async (data) => {{
          const c = await import("../_static/components/{module}.mjs");
          const n = (value) => typeof value === "bigint" ? String(value) : value;
          return ({script})(c, data).map((row) => row.map(n));
        }}""",
        data,
    )


def choose(page, component: str, name: str, values: list[str], read: list[str]) -> list[list[str]]:
    """Set a control to one value after the other; return what the component then says."""
    return page.evaluate(
        """([component, name, values, read]) => {
          const el = document.querySelector(component);
          const control = el.querySelector(`[name=${name}]`);
          return values.map((value) => {
            control.value = value;
            control.dispatchEvent(new Event("input", { bubbles: true }));
            return read.map((name) => el.querySelector(`[data-value=${name}]`).textContent);
          });
        }""",
        [component, name, values, read],
    )


def contexts(n_ctx: int) -> list[int]:
    return sorted({1, 2, 4096, 32_768, 1_000_001, n_ctx} & set(range(1, n_ctx + 1)))


def test_memory_and_speed_of_every_model_are_those_of_python_to_the_digit(visit):
    data = components.parts("memory-fit").data
    models = memory_fit.costed()
    assert len(models) > 100
    kinds = ["16", "4.5", "4.25 experts"]
    device = hardware.device("h100-sxm-80gb")
    wanted, asked = [], []
    for model in models:
        c = model.config
        for kind in kinds:
            bits, _, only = kind.partition(" ")
            if only and not c.experts:
                continue
            options = (float(bits), only)
            lengths = contexts(c.n_ctx) if kind == "16" else []
            asked.append((model.slug, int(4 * float(bits)), bool(only), lengths))
            wanted.append([
                rounded_weight_bytes(c, *options),
                *(rounded_bytes_read(c, *options, n) for n in TEXTS),
                *(kv_cache_bytes(c, n) + state_bytes(c) for n in lengths),
                *(decode_operations(c, n).flops for n in lengths),
                least_seconds_per_token(c, device, min(4096, c.n_ctx), *options, 7),
            ])  # fmt: skip
    script = """(c, {data, asked, texts}) =>
    asked.map(([slug, quarters, onlyExperts, contexts]) => {
      const m = data.models[slug], bits = {quarters: BigInt(quarters), onlyExperts};
      const tokens = contexts.map(BigInt), many = texts.map(BigInt);
      const short = BigInt(Math.min(4096, m.n_ctx)), device = data.devices["h100-sxm-80gb"];
      return [c.weightBytes(m, bits), ...many.map((n) => c.bytesRead(m, bits, n)),
        ...tokens.map((n) => c.cacheBytes(m, n)), ...tokens.map((n) => c.stepFlops(m, n)),
        c.secondsPerToken(m, device, short, bits, 7n)];
    })"""
    sent = {"data": data, "asked": asked, "texts": TEXTS}
    found = computed(visit().open(PAGE), "memory-fit", sent, script)
    texts = [[str(n) if type(n) is int else n for n in row] for row in wanted]
    assert found == texts


@pytest.mark.parametrize(
    ("choice", "asked"),
    [("", (memory_fit.DEVICE, memory_fit.CONTEXT)),
     ("#device=h100-sxm-80gb&context=9000&bits=4.5&texts=7", ("h100-sxm-80gb", 9000, "4.5", 7))],
    ids=["first", "other"],
)  # fmt: skip
def test_the_answer_reads_as_python_writes_it_for_every_model(visit, choice, asked):
    window = visit()
    page = window.open(PAGE + choice)
    slugs = [model.slug for model in memory_fit.costed()]
    bytes_of = ["weights", "cache", "program", "needed", "memory", "spare"]
    read = ["answer", "more", *(f"{name}-bytes" for name in bytes_of)]
    found = choose(page, "memory-fit", "model", slugs, read)
    for slug, (answer, more, *numbers) in zip(slugs, found, strict=True):
        sentences, table = memory_fit.answer(slug, *asked)
        assert f"{answer} {more}" == sentences
        assert numbers == [f"{abs(n):,}" for n in table.values()]
    assert window.faults == []


def test_without_a_script_the_first_answer_and_the_table_of_all_models_stand(visit):
    page = visit(java_script_enabled=False).open(PAGE)
    fit = page.locator("memory-fit")
    assert not fit.locator("form").is_visible()
    words, table = memory_fit.answer("llama3.1-8b", memory_fit.DEVICE, memory_fit.CONTEXT)
    shown = [fit.locator(f"[data-value={name}]").inner_text() for name in ("answer", "more")]
    assert " ".join(shown) == words
    fit.locator("summary").click()
    for fold in page.locator("[data-component] summary").all()[1:]:
        fold.click()
    rows = fit.locator("details tbody tr")
    assert rows.count() == len(memory_fit.costed())
    assert page.locator("context-cost details tbody tr").count() == rows.count()
    counts = page.locator("parameter-count details tbody tr")
    assert counts.count() == len(parameter_count.counted())
    assert "124,439,808" in counts.filter(has_text="GPT-2 small").inner_text()
    assert not page.locator("[data-component] form").first.is_visible()
    row = rows.filter(has_text="Llama-3.1-8B").inner_text().split()
    assert row[-2] == memory_fit.gigabytes(table["weights"] + table["cache"])


@pytest.mark.parametrize("path", [PAGE, CHAPTER_3, LEDGER])
def test_a_component_takes_its_script_up_without_moving_anything(visit, path):
    places = []
    for script in ("customElements.define = () => {};", ""):
        window = visit("phone")
        window.context.add_init_script(script)
        page = window.open(path)
        # The face of the book may come late
        page.add_style_tag(content="* { font-family: sans-serif !important; }")
        places.append(page.evaluate(
            """() => [...document.querySelectorAll("[data-component] *")].map((part) => {
              const box = part.getBoundingClientRect();
              return [part.tagName, part.textContent.replace(/\\s/g, ""), box.x, box.y, box.height];
            })"""
        ))  # fmt: skip
        assert window.faults == []
    for before, after in zip(*places, strict=True):
        assert before[:2] == after[:2]
        assert before[2:] == pytest.approx(after[2:], abs=0.2), before  # a bar's share is rounded


def test_an_answer_is_found_by_name_and_keyboard_and_its_address_gives_it_again(visit):
    window = visit("phone")
    page = window.open("index.html")
    page.get_by_role("link", name="calculator").first.click()
    page.wait_for_url(f"**/{PAGE}")
    page.get_by_role("searchbox", name="Find a model").focus()
    page.keyboard.type("qwen3 8b")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("16000")
    page.keyboard.press("Tab")
    wanted, _ = memory_fit.answer("qwen3-8b", memory_fit.DEVICE, 16_000)
    answer = page.locator("memory-fit [data-value=answer]").inner_text()
    assert wanted.startswith(answer) and "Qwen3-8B" in answer
    assert page.locator("memory-fit [role=status]").inner_text() == answer
    assert page.url.endswith("#model=qwen3-8b&context=16000")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert page.locator("memory-fit [data-value=answer]").inner_text() == answer
    page.evaluate("location.hash = 'model=Llama-2-7B&bits=4.5&texts=3&context=99999'")
    wanted, _ = memory_fit.answer("llama2-7b", memory_fit.DEVICE, 99_999, "4.5", 3)
    page.wait_for_function(
        "document.querySelector('memory-fit').textContent.includes('Llama-2-7B')"
    )
    shown = page.locator("memory-fit [data-value]").all_inner_texts()
    assert " ".join((shown[0], shown[-1])) == wanted
    assert window.faults == []


def test_a_name_that_no_model_has_is_told_and_changes_no_answer(visit):
    page = visit().open(PAGE)
    name = page.get_by_role("searchbox", name="Find a model")
    first, _ = memory_fit.answer("llama3.1-8b", memory_fit.DEVICE, memory_fit.CONTEXT)
    name.press_sequentially("chatgpt")
    answer = page.locator("memory-fit [data-value=answer]").inner_text()
    told, answer = answer.split(". ", 1)
    assert told == "No model here is called “chatgpt”" and first.startswith(answer)
    name.fill("Qwen/Qwen3-8B-Base")
    context = page.get_by_role("spinbutton", name="Context, tokens").first
    context.fill("")
    context.press_sequentially("16k")
    wanted, _ = memory_fit.answer("qwen3-8b", memory_fit.DEVICE, 2**14)
    assert wanted.startswith(page.locator("memory-fit [data-value=answer]").inner_text())


def test_an_address_with_nonsense_leaves_the_first_answer(visit):
    window = visit()
    nonsense = (
        "model=nothing&context=-5&bits=x&device=&texts=0&find=1&zzz=2&d_model=0.5&n_layers=1e99"
    )
    page = window.open(f"{PAGE}#{nonsense}")
    answer = page.locator("memory-fit [data-value=answer]").inner_text()
    wanted, _ = memory_fit.answer("llama3.1-8b", memory_fit.DEVICE, memory_fit.CONTEXT)
    assert wanted.startswith(answer)
    counted = page.locator("parameter-count [data-value=answer]")
    assert counted.inner_text() == "GPT-2 small has 124,439,808 parameters."
    page.locator("parameter-count [name=n_layers]").fill("1.2e1")
    page.locator("parameter-count [name=vocab_size]").fill("1e9")
    assert "would have 768,085,842,432 parameters" in counted.inner_text()
    page.locator("memory-fit [name=texts]").fill("1e300")
    assert window.faults == []


def test_operations_and_caches_of_every_model_are_those_of_python_to_the_digit(visit):
    data = components.parts("context-cost").data
    lengths = (1, 2, 511, 4097, 1_000_001)
    wanted, asked = [], []
    for model in memory_fit.costed():
        for kind in context_cost.KINDS:
            asked.append((model.slug, kind == "full"))
            row = []
            for n in lengths:
                for found in (
                    forward_operations(model.config, n, attention=kind, last_only=True),
                    decode_operations(model.config, n, kind),
                ):
                    row += context_cost.by_part(found).values()
                row.append((kv_cache_bytes(model.config, n) + state_bytes(model.config)) // 2)
            wanted.append([str(n) for n in row])
    script = """(c, {data, asked, lengths}) => asked.map(([slug, full]) => {
      const m = data.models[slug];
      return lengths.map(BigInt).flatMap((n) => [
        ...Object.values(c.operations(m, n, 0n, full)),
        ...Object.values(c.operations(m, 1n, n - 1n, full)), c.numbersKept(m, n)]);
    })"""
    sent = {"data": data, "asked": asked, "lengths": lengths}
    assert computed(visit().open(PAGE), "context-cost", sent, script) == wanted


def test_the_numbers_around_the_calculators_are_computed():
    tokens, n_words = context_cost.tokens_per_page()
    page = (ROOT / "book" / "reference" / "calculators.md").read_text("utf-8")
    assert f"{n_words} words in {tokens // context_cost.WORDS_PER_PAGE} tokens" in page
    assert f"a page is {context_cost.WORDS_PER_PAGE} words" in page
    first = context_cost.answer(context_cost.MODEL, context_cost.CONTEXT, context_cost.COMPARED)
    assert "19.3 times" in page and "19.3 times the operations" in first


def test_what_a_longer_text_costs_reads_as_python_writes_it(visit):
    window = visit()
    page = window.open(f"{PAGE}#context=70000&compared=900&attention=full")
    slugs = [model.slug for model in memory_fit.costed()]
    found = choose(page, "context-cost", "model", slugs, ["answer", "more"])
    for slug, words in zip(slugs, found, strict=True):
        assert " ".join(words) == context_cost.answer(slug, 70_000, 900, "full")
    assert window.faults == []


def test_every_model_is_counted_as_python_counts_it_by_every_convention(visit):
    data = components.parts("parameter-count").data
    slugs = [model.slug for model in parameter_count.counted()]
    choices = [[], *([name] for name in conventions.SWITCHES), list(conventions.SWITCHES)[:3]]
    script = """(c, {data, slugs, choices}) => slugs.map((slug) => {
      const [template, sizes, switches] = data.models[slug];
      const big = Object.fromEntries(Object.entries(sizes).map(([name, n]) => [name, BigInt(n)]));
      const terms = data.templates[template], noTokens = data.no_tokens;
      const found = c.count(terms, big, switches, { noTokens });
      return [found.active, found.biases, ...choices.flatMap((leftOut) => [false, true].map(
        (tiedTwice) => c.count(terms, big, switches, { leftOut, tiedTwice }).total))];
    })"""
    wanted = []
    for slug in slugs:
        config = catalog.find(slug).config
        found = parameter_count.count(config)
        row = [found.active, found.bias + found.by_role["norm bias"]]
        for left_out in choices:
            row += (conventions.total(config, left_out, twice) for twice in (False, True))
        wanted.append([str(n) for n in row])
    sent = {"data": data, "slugs": slugs, "choices": choices}
    assert computed(visit().open(PAGE), "parameter-count", sent, script) == wanted


def test_every_part_has_a_name_for_readers():
    templates = components.parts("parameter-count").data["templates"]
    assert {term.part for terms in templates for term in terms} <= set(parameter_count.PARTS)
    models = components.parts("context-cost").data["models"].values()
    assert {part for model in models for part in model["by_part"]} <= set(context_cost.PARTS)


def test_the_counter_has_the_ten_counts_of_chapter_4_and_an_address_for_each(visit):
    window = visit()
    config = catalog.find("gpt2-small").config
    page = window.open(PAGE)
    box = page.locator("parameter-count")
    answer = box.locator("[data-value=answer]")
    for printed in conventions.printed_counts():
        box.get_by_role("button", name="As published").click()
        assert answer.inner_text() == "GPT-2 small has 124,439,808 parameters."
        names = [f"without_{name.replace(' ', '_').replace(',', '')}" for name in printed.left_out]
        for name in names + ["tied_twice"] * printed.tied_twice:
            box.locator(f"[name={name}]").check()
        if printed.vocab_size:
            box.get_by_label("Vocabulary").fill(str(printed.vocab_size))
            box.get_by_label("Vocabulary").press("Tab")
        assert f"{printed.count(config):,}" in answer.inner_text()
    box.get_by_label("Vocabulary").fill("1000")
    box.get_by_label("Vocabulary").press("Tab")
    words, link = answer.inner_text(), page.url
    assert words.startswith("Changed and counted like this")
    page.goto("about:blank")
    page.goto(link)
    assert answer.inner_text() == words
    assert window.faults == []


def test_a_moved_size_moves_what_follows_it_and_another_model_starts_anew(visit):
    window = visit("phone")
    page = window.open(PAGE)
    box = page.locator("parameter-count")
    config = replace(catalog.find("gpt2-small").config, n_heads=24, n_kv_heads=24)
    wanted = f"would have {parameter_count.count(config).total:,} parameters"
    box.get_by_label("Heads", exact=True).fill("24")
    assert box.get_by_label("Key-value heads").input_value() == "24"
    assert wanted in box.locator("[data-value=answer]").inner_text()
    box.get_by_label("Layers", exact=True).fill("-1")
    assert wanted in box.locator("[data-value=answer]").inner_text()
    box.locator("[name=model]").select_option("mixtral-8x7b")
    answer = box.locator("[data-value=answer]").inner_text()
    assert answer == "Mixtral-8x7B has 46,702,792,704 parameters."
    assert box.get_by_label("Chosen per token").is_visible()
    assert not box.get_by_label("Encoder layers").is_visible()
    fit = page.locator("memory-fit [name=model]")
    assert fit.input_value() == "mixtral-8x7b"
    box.get_by_label("Width", exact=True).fill("5000")
    fit.select_option("gemma-2b")
    answer = box.locator("[data-value=answer]").inner_text()
    assert answer == "Gemma-2B has 2,506,172,416 parameters."
    fit.select_option("mixtral-8x7b")
    assert page.url.endswith("#model=mixtral-8x7b")
    assert window.faults == []


def heads() -> list[attention_head.Head]:
    """Return the head of the chapter and a hundred of random numbers."""
    rng = random.Random(0)

    def pair(kind: str) -> tuple[int, int]:
        most = attention_head.LIMITS[kind]
        return rng.randint(-most, most), rng.randint(-most, most)

    return [attention_head.Head()] + [
        attention_head.Head(
            pair("query"),
            tuple(pair("key") for _ in range(3)),
            tuple(pair("value") for _ in range(3)),
            1 + i % 9,
        )
        for i in range(100)
    ]


def test_a_head_of_any_numbers_looks_and_mixes_as_in_python_to_the_digit(visit):
    script = """(c, heads) => heads.map(([query, keys, values, base]) => {
      const big = (pair) => pair.map(BigInt);
      const found = c.look(big(query), keys.map(big), values.map(big), BigInt(base));
      return Object.values(found).flat();
    })"""
    wanted = []
    for head in heads():
        words, rows = attention_head.answer(head)
        scores, powers, shares = zip(*rows, strict=True)
        mixture = re.search(r"\((.*)\)", words)[1].split(", ")
        wanted.append([*scores, *powers, *(share.rstrip("%") for share in shares), *mixture])
    assert computed(visit().open(CHAPTER_3), "attention-head", heads(), script) == wanted


def test_the_head_starts_with_the_numbers_of_the_chapter_and_moves_by_key_and_by_finger(visit):
    window = visit("phone")
    page = window.open(f"{CHAPTER_3}#query_hot_1=3")  # which leads into the folded evidence
    box = page.locator("attention-head")
    answer = box.locator("[data-value=answer]")
    words, _ = attention_head.answer(attention_head.Head())
    assert answer.inner_text() == words and "(8.00, 1.00)" in words
    box.get_by_label("query of hot, number 1").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    words, _ = attention_head.answer(attention_head.Head(query=(2, 0)))
    assert answer.inner_text() == words == box.locator("[role=status]").inner_text()
    key = box.get_by_label("key of milk, number 1").bounding_box()
    x, y = key["x"] + key["width"] / 2, key["y"] + key["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y)
    page.mouse.up()
    box.get_by_label("Base").press("ArrowRight")
    moved = attention_head.Head((2, 0), ((1, 0), (3, 1), (0, 0)), base=3)
    assert answer.inner_text() == attention_head.answer(moved)[0]
    assert page.url.endswith("#query_hot_1=2&key_milk_1=3&base=3")
    page.reload()
    assert answer.inner_text() == attention_head.answer(moved)[0]
    box.get_by_role("button", name="As in the text").click()
    assert "(8.00, 1.00)" in answer.inner_text()
    assert window.faults == []


def test_every_temperature_gives_the_chances_of_python(visit):
    window = visit()
    page = window.open(CHAPTER_3)
    box = page.locator("token-temperature")
    slider = box.get_by_role("slider", name="Temperature")
    slider.press("Home")
    for tenths in map(int, token_temperature.record()["others"]):
        words, row = token_temperature.answer(tenths)
        assert box.locator("[data-value=answer]").inner_text() == words
        assert box.locator("td").all_inner_texts() == row
        slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "3.0"
    assert window.faults == []


def test_the_recorded_chances_are_those_that_the_chapter_prints():
    book = ROOT / "book" / "parameters" / "03-from-prompt-to-next-token.ipynb"
    cells = json.loads(book.read_text("utf-8"))["cells"]
    cell = next(cell for cell in cells if cell["metadata"].get("name") == "temperature")
    head, *rows = "".join(cell["outputs"][0]["text"]).strip().splitlines()
    printed = [row.split()[-3:] for row in rows]
    for column, temperature in enumerate(head.split()[1:]):
        _, row = token_temperature.answer(int(10 * float(temperature)))
        assert row == [line[column] for line in printed]


def test_without_a_script_a_chapter_shows_the_head_and_the_chances_at_first(visit):
    page = visit(java_script_enabled=False).open(CHAPTER_3)
    for name in ("attention-head", "token-temperature"):
        box = page.locator(name)
        assert not box.locator("form").is_visible()
        assert box.locator("[data-value=answer]").is_visible() and box.locator("td").count() >= 6
    assert "80.0%" in page.locator("attention-head .looks").inner_text()


NUMBER = re.compile(r"\d[\d,]*\.?\d*")


@pytest.mark.parametrize("record", mentions.ASKED)
def test_a_calculator_gives_a_number_of_the_claim_that_links_to_it(visit, record):
    window = visit("phone")
    page = window.open(LEDGER)
    page.locator(f"#{record}").get_by_role("link", name="calculator").click()
    page.wait_for_url("**/calculators.html#*")
    page.wait_for_function("scrollY > 0")
    asked = mentions.ASKED[record].split("=")[0]
    box = page.locator(f"[data-component]:has([name={asked}])").first
    assert abs(box.bounding_box()["y"]) < 100
    claim = claims.by_id(record.upper())
    said = f"{claim.right} {claim.stops} {claim.better}"
    wanted = {n.rstrip(".,") for n in NUMBER.findall(said) if len(n.rstrip(".,")) > 3}
    assert wanted & {n.rstrip(".,") for n in NUMBER.findall(box.inner_text())}
    assert window.faults == []


def test_the_ledger_is_filtered_and_a_link_finds_its_claim(visit):
    window = visit()
    page = window.open(LEDGER)
    shown = page.locator(".record:visible")
    box = page.locator("ledger-verdicts")
    n = len(claims.load())
    assert shown.count() == n and f"{n} of {n}" in box.inner_text()
    for verdict in ("holds", "holds if", "cannot be checked"):
        box.locator(f"[value='{verdict}']").uncheck()
    assert shown.count() == len(claims.by_verdict("misleading"))
    box.get_by_role("searchbox").fill("drawers")
    assert 0 < shown.count() < len(claims.by_verdict("misleading"))
    page.evaluate("location.hash = 'a1'")
    page.wait_for_function("!document.querySelector('#a1').hidden")
    assert window.faults == []


def test_a_reader_judges_before_the_book_does_by_keyboard_and_it_is_kept(visit):
    window = visit("phone")
    page = window.open(LEDGER)
    page.get_by_role("checkbox", name="Hide the book").press("Space")
    claim, other = page.locator("#a2"), page.locator("#a3")
    assert "misleading" not in claim.locator("h3").inner_text()
    assert not claim.get_by_text("A better sentence").is_visible()
    assert page.locator("#a1").get_by_text("A better sentence").is_visible()  # a question
    page.get_by_role("searchbox", name="mention").fill("GPT-3.5 series")
    assert not claim.is_visible()  # that would tell what is hidden
    page.get_by_role("searchbox", name="mention").fill("")
    claim.get_by_role("button", name="holds, with a condition").press("Enter")
    result = claim.locator("p.yours")
    wanted = "You said: holds, with a condition. The book says: misleading."
    assert result.inner_text().startswith(wanted)
    assert result.evaluate("el => el === document.activeElement")
    assert claim.get_by_text("A better sentence").is_visible()
    other.get_by_role("button", name="holds", exact=True).click()
    n = len(ledger_verdicts.judgeable())
    score = f"You have judged 2 of {n} claims, 1 of them as the book does."
    assert score in page.locator(".score").inner_text()
    page.reload()
    assert result.inner_text().startswith(wanted)
    assert score in page.locator("ledger-verdicts [role=status]").inner_text()
    page.emulate_media(media="print")
    assert page.locator("#a4").get_by_text("A better sentence").is_visible()
    page.emulate_media(media="screen")
    result.get_by_role("button", name="Change").click()
    assert not result.is_visible()
    page.get_by_role("button", name="Forget my verdicts").click()
    page.get_by_role("checkbox", name="Hide the book").uncheck()
    assert "misleading" in claim.locator("h3").inner_text()
    assert window.faults == []


def test_the_score_counts_as_python_does(visit):
    books = {claim.id.lower(): claim.verdict for claim in ledger_verdicts.judgeable()}
    rng = random.Random(1)
    said = {key: rng.choice(claims.VERDICTS) for key in list(books)[::2]}
    usual = ledger_verdicts.usual()
    assert max(map(list(books.values()).count, claims.VERDICTS)) == list(books.values()).count(
        usual
    )
    script = """(c, {said, books, usual}) => [Object.values(c.score(said, books, usual))]"""
    sent = {"said": said, "books": books, "usual": usual}
    found = computed(visit().open(LEDGER), "ledger-verdicts", sent, script)
    same = sum(verdict == books[key] for key, verdict in said.items())
    assert found == [[len(said), same, sum(books[key] == usual for key in said)]]


def test_a_guess_is_compared_as_python_compares_it(visit):
    tried = [
        (guess._asdict(), yours, reader_guess.outcome(guess, yours))
        for guesses in reader_guess.GUESSES.values()
        for guess in guesses
        for yours in guess.choices or ("0", "0.5", "1.25", "5", "31", "1300", "1000000000", "50")
    ]
    script = """(c, {tried, words}) =>
      tried.map(([guess, yours]) => [c.outcome(guess, yours, words)])"""
    sent = {"tried": tried, "words": components.parts("reader-guess", 1).data["words"]}
    found = computed(visit().open(CHAPTER_3), "reader-guess", sent, script)
    assert found == [[sentence] for *_, sentence in tried]


@pytest.mark.parametrize("chapter", reader_guess.GUESSES)
def test_the_answer_to_a_guess_stands_where_it_is_compared(site, chapter):
    (path,) = site.glob(f"*/{chapter:02}.html")
    page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    text = " ".join(page.find(id=f"answer-{chapter}").get_text().split())
    assert page.select(".guess reader-guess")
    for guess in reader_guess.GUESSES[chapter]:
        answer = IN_WORDS.get((chapter, guess.answer), guess.answer + guess.unit.split(" of")[0])
        assert answer in text, (answer, text)


IN_WORDS = {  # how the chapter says it
    (3, "both the same"): "both prompts take the same work",
    (6, "5"): "Five of ten",
    (7, "100"): "about 120",
    (10, "seventy"): "74 DVDs",
    (13, "5"): "about five of the 32",
    (14, "13 billion with 4 bits"): "the larger model with fewer bits wins",
}


def test_a_guess_is_kept_and_stands_beside_the_answer(visit):
    window = visit("phone")
    page = window.open("parameters/01.html")
    box = page.locator("reader-guess")
    compared = page.locator(".compared")
    assert not compared.is_visible()
    box.get_by_role("spinbutton").fill("20")
    page.keyboard.press("Enter")
    box.get_by_role("link", name="the answer").press("Enter")
    page.wait_for_function("scrollY > 500")
    assert compared.inner_text() == reader_guess.outcome(reader_guess.GUESSES[1][0], "20")
    window.open(CHAPTER_3)
    page.get_by_label("both the same").check()
    page.get_by_role("button", name="Keep my guess").click()
    assert compared.inner_text() == "You chose “both the same”, and so it is."
    window.open("parameters/01.html")
    assert box.get_by_role("spinbutton").input_value() == "20"
    assert "by a factor of 65" in compared.inner_text()
    assert window.faults == []


def test_without_a_script_a_guess_is_a_question_as_it_was(visit):
    page = visit(java_script_enabled=False).open("parameters/01.html")
    assert page.locator(".guess").is_visible()
    assert not page.locator(".guess form").is_visible()
    assert page.locator(".compared").count() == 0
