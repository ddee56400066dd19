"""The component ``token-temperature``: the chances of the next token at a temperature to choose."""

import json
from html import escape
from math import exp
from pathlib import Path

from components import Parts, field, table, value
from paramlab.display import rounded
from words import translated

RECORD = Path(__file__).parents[1] / "experiments" / "data" / "next_token.json"
FIRST = 10  # the temperature at first, in tenths
LEAST = 0.001  # percent, below which no digits are shown
WORDS = {
    "form": "The temperature",
    "temperature": "Temperature",
    "answer": "At temperature {temperature}, {token} has a chance of {chance} and all {n} others "
    "together {others}.",
    "table": "What comes after “{prompt}”?",
    "token": "token",
    "chance": "chance",
    "others": "{n} others",
    "tiny": "under {least}%",
}
WORDS = translated(WORDS)


def record() -> dict:
    """Return the logits as they were recorded."""
    return json.loads(RECORD.read_text("utf-8"))


def chances(tenths: int) -> list[float]:
    """Return the probability of each named token, then of all others, at tenths of a temperature.

    Examples
    --------
    >>> [round(100 * p) for p in chances(10)][:2], round(100 * chances(20)[-1])
    ([77, 6], 91)
    """
    found = record()
    weights = [exp(10 * logit / tenths) for logit in found["logits"]]
    weights.append(exp(found["others"][str(tenths)]))
    return [weight / sum(weights) for weight in weights]


def percent(p: float) -> str:
    """Return a probability in percent, two digits of it.

    Examples
    --------
    >>> percent(0.0517), percent(1e-9), percent(0.9999)
    ('5.2%', 'under 0.001%', '100%')
    """
    if 100 * p < LEAST:
        return WORDS["tiny"].format(least=LEAST)
    return f"{rounded(100 * p, 2)}%"


def answer(tenths: int) -> tuple[str, list[str]]:
    """Return the sentence of an answer, and the chance of each row."""
    found, row = record(), [percent(p) for p in chances(tenths)]
    return WORDS["answer"].format(
        temperature=f"{tenths / 10:.1f}",
        token=found["tokens"][0].strip(),
        chance=row[0],
        n=f"{found['n_others']:,}",
        others=row[-1],
    ), row


def build() -> Parts:
    """Return the slider, the sentence and the table at temperature 1, and the logits."""
    w, found = WORDS, record()
    words, row = answer(FIRST)
    temperatures = [int(t) for t in found["others"]]
    slider = (
        f'<input type="range" name="temperature" value="{FIRST}" min="{min(temperatures)}" '
        f'max="{max(temperatures)}" aria-valuetext="{FIRST / 10:.1f}">'
    )
    names = [token.strip() for token in found["tokens"]]
    names.append(w["others"].format(n=f"{found['n_others']:,}"))
    rows = [
        (escape(name), f'<span style="--share: {100 * p:.2f}%">{chance}</span>')
        for name, p, chance in zip(names, chances(FIRST), row, strict=True)
    ]
    markup = "\n".join((
        f'<form aria-label="{escape(w["form"])}">', field(w["temperature"], slider), "</form>",
        value("answer", words, "p"),
        table(w["table"].format(prompt=found["prompt"]), (w["token"], w["chance"]), rows, "shares",
              "chances"),
        '<p class="unseen" role="status"></p>',
    ))  # fmt: skip
    spoken = {
        "answer": w["answer"].replace("{token}", names[0]).replace("{n}", f"{found['n_others']:,}"),
        "tiny": w["tiny"].format(least=LEAST),
    }
    data = {"logits": found["logits"], "others": found["others"], "least": LEAST, "words": spoken}
    return Parts(markup, data)
