"""The components of the site: what they compute is what Python computes, and they stand without."""

import re

import component_memory_fit as memory_fit
import components
import pytest
from checks import ROOT
from paramlab import hardware
from paramlab.costs import decode_operations, kv_cache_bytes, state_bytes
from paramlab.memory_fit import (
    least_seconds_per_token,
    longest_context,
    rounded_bytes_read,
    rounded_weight_bytes,
)
from sphinx.errors import ExtensionError

PAGE = "reference/calculators.html"
MODULES = sorted((ROOT / "book" / "_static" / "components").glob("*.mjs"))
TEXTS = (1, 7, 1000)


def test_the_example_of_the_host_holds():
    text = components.classic("a-b", "export const one = 1;\nexport default { render };")
    assert (
        text
        == '{\nconst one = 1;\nconst component = { render };\nhostComponent("a-b", component);\n}\n'
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_stands_alone_and_exports_what_anywidget_asks_for(visit, module):
    assert components.NAME.fullmatch(module.stem)
    assert not re.search(r"https?:|^\s*import\b", module.read_text("utf-8"), re.MULTILINE)
    page = visit().open("index.html")
    exported = f"import('./_static/components/{module.name}').then(m => typeof m.default.render)"
    assert page.evaluate(exported) == "function"


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
            asked.append((model.slug, int(4 * float(bits)), bool(only), contexts(c.n_ctx)))
            wanted.append([
                rounded_weight_bytes(c, *options),
                *(rounded_bytes_read(c, *options, n) for n in TEXTS),
                longest_context(c, 80 * 10**9, *options, 7, 10**9),
                *(kv_cache_bytes(c, n) + state_bytes(c) for n in contexts(c.n_ctx)),
                *(decode_operations(c, n).flops for n in contexts(c.n_ctx)),
                least_seconds_per_token(c, device, min(4096, c.n_ctx), *options, 7),
            ])  # fmt: skip
    script = """(c, {data, asked, texts}) =>
    asked.map(([slug, quarters, onlyExperts, contexts]) => {
      const m = data.models[slug], bits = {quarters: BigInt(quarters), onlyExperts};
      const tokens = contexts.map(BigInt), many = texts.map(BigInt);
      const short = BigInt(Math.min(4096, m.n_ctx)), device = data.devices["h100-sxm-80gb"];
      return [c.weightBytes(m, bits), ...many.map((n) => c.bytesRead(m, bits, n)),
        c.longestContext(m, 80_000_000_000n, bits, 7n, 1_000_000_000n),
        ...tokens.map((n) => c.cacheBytes(m, n)), ...tokens.map((n) => c.stepFlops(m, n)),
        c.secondsPerToken(m, device, short, bits, 7n)];
    })"""
    sent = {"data": data, "asked": asked, "texts": TEXTS}
    found = computed(visit().open(PAGE), "memory-fit", sent, script)
    texts = [[str(n) if type(n) is int else n for n in row] for row in wanted]
    assert found == texts


def test_the_answer_reads_as_python_writes_it_for_every_model(visit):
    window = visit()
    page = window.open(PAGE)
    options = page.evaluate(
        """() => {
          const fit = document.querySelector("memory-fit");
          const model = fit.querySelector("[name=model]");
          return [...model.options].map(({ value }) => {
            model.value = value;
            model.dispatchEvent(new Event("input", { bubbles: true }));
            const text = (name) => fit.querySelector(`[data-value=${name}]`).textContent;
            const bytes = ["weights", "cache", "program", "needed", "memory", "spare"];
            return [value, `${text("answer")} ${text("more")}`,
                    bytes.map((name) => text(`${name}-bytes`))];
          });
        }"""
    )
    default = (memory_fit.DEVICE, memory_fit.CONTEXT)
    for slug, words, numbers in options:
        sentences, table = memory_fit.answer(slug, *default)
        assert words == sentences
        assert numbers == [f"{abs(n):,}" for n in table.values()]
    assert len(options) == len(memory_fit.costed())
    assert window.faults == []


def test_without_a_script_the_first_answer_and_the_table_of_all_models_stand(visit):
    page = visit(java_script_enabled=False).open(PAGE)
    fit = page.locator("memory-fit")
    assert not fit.locator("form").is_visible()
    words, table = memory_fit.answer("llama3.1-8b", memory_fit.DEVICE, memory_fit.CONTEXT)
    shown = [fit.locator(f"[data-value={name}]").inner_text() for name in ("answer", "more")]
    assert " ".join(shown) == words
    fit.locator("summary").click()
    rows = fit.locator("details tbody tr")
    assert rows.count() == len(memory_fit.costed())
    row = rows.filter(has_text="Llama-3.1-8B").inner_text().split()
    assert row[-2] == memory_fit.gigabytes(table["weights"] + table["cache"])


def test_a_component_takes_its_script_up_without_moving_anything(visit):
    places = []
    for blocked in (True, False):
        window = visit("phone")
        if blocked:
            window.context.route("**/components/host.js", lambda route: route.fulfill(body=""))
            window.context.route("**/components/*-*.js", lambda route: route.fulfill(body=""))
        page = window.open(PAGE)
        page.evaluate("document.fonts.ready")
        places.append(page.evaluate(
            """() => [...document.querySelectorAll("[data-component] *")].map((part) => {
              const box = part.getBoundingClientRect();
              return [part.tagName, part.textContent, box.x, box.y, box.height];
            })"""
        ))  # fmt: skip
        assert window.faults == []
    assert places[0] == places[1]


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


def test_an_address_with_nonsense_leaves_the_first_answer(visit):
    window = visit()
    page = window.open(f"{PAGE}#model=nothing&context=-5&bits=x&device=&texts=0&find=1&zzz=2")
    answer = page.locator("memory-fit [data-value=answer]").inner_text()
    wanted, _ = memory_fit.answer("llama3.1-8b", memory_fit.DEVICE, memory_fit.CONTEXT)
    assert wanted.startswith(answer)
    assert window.faults == []
