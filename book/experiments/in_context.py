"""Measure what the real model takes from its context while no weight changes.

Chapter 11 loads what this script writes: ``data/in_context.json``. Run it from the root of the
repository, on one thread so that it disturbs nobody and gives the same digits again::

    OPENBLAS_NUM_THREADS=1 python book/experiments/in_context.py

1. repeat: fifty random tokens, then the same fifty again; and, to compare, fifty others, and the
   same fifty backward. The loss at every place.
2. capitals: a prompt says that another city is the capital. Which city does the model name?
"""

import json
import platform
import time
import unicodedata
from pathlib import Path

import numpy as np
from paramlab import __version__, generate, load_model
from paramlab.files.real_model import FILE_SHA256
from paramlab.layers import cross_entropy, softmax
from paramlab.transformer import forward
from paramlab.tree import Model
from recording import short

DATA = Path(__file__).parent / "data" / "in_context.json"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/in_context.py"
SEED, N_DRAWS, N_TOKENS = 11, 100, 50
FIRST_ORDINARY_TOKEN = 17  # those before it are marks, such as the end of a text

# A country, its capital, and another city of it.
COUNTRIES = """
France Paris Lyon; Germany Berlin Hamburg; Italy Rome Milan; Spain Madrid Barcelona;
Portugal Lisbon Porto; Poland Warsaw Krakow; Russia Moscow Kazan; Japan Tokyo Osaka;
China Beijing Shanghai; India New_Delhi Mumbai; Egypt Cairo Alexandria; Turkey Ankara Istanbul;
Greece Athens Thessaloniki; Sweden Stockholm Gothenburg; Norway Oslo Bergen;
Denmark Copenhagen Aarhus; Finland Helsinki Tampere; Austria Vienna Salzburg;
Switzerland Bern Zurich; Belgium Brussels Antwerp; the_Netherlands Amsterdam Rotterdam;
Ireland Dublin Cork; Scotland Edinburgh Glasgow; Wales Cardiff Swansea; England London Manchester;
Hungary Budapest Debrecen; Romania Bucharest Cluj; Bulgaria Sofia Varna; Serbia Belgrade Novi_Sad;
Croatia Zagreb Split; Slovenia Ljubljana Maribor; Canada Ottawa Toronto;
Mexico Mexico_City Guadalajara;
Brazil Brasilia Salvador; Argentina Buenos_Aires Rosario; Chile Santiago Valparaiso;
Peru Lima Cusco; Colombia Bogota Medellin; Venezuela Caracas Maracaibo; Ecuador Quito Guayaquil;
Cuba Havana Santiago; Australia Canberra Sydney; New_Zealand Wellington Auckland;
South_Korea Seoul Busan; Vietnam Hanoi Hue; Thailand Bangkok Phuket; Indonesia Jakarta Surabaya;
the_Philippines Manila Cebu; Pakistan Islamabad Karachi; Bangladesh Dhaka Chittagong;
Nepal Kathmandu Pokhara; Iran Tehran Isfahan; Iraq Baghdad Mosul; Syria Damascus Aleppo;
Saudi_Arabia Riyadh Mecca; Morocco Rabat Casablanca; Algeria Algiers Oran; Kenya Nairobi Mombasa;
Nigeria Abuja Lagos; Ghana Accra Kumasi
"""
CONTEXTS = {
    "nothing": "",
    "mentioned": "{told} is a city in {country}. ",
    "told": "The capital of {country} is {told}. ",
    "told, another between": "The capital of {country} is {told}. The capital of {other} is "
    "{other_capital}. ",
    "in a story": "In this story, the capital of {country} is {told}. A traveler comes home and "
    "says: ",
    "in a story, mentioned": "In this story, {told} is a city in {country}. A traveler comes home "
    "and says: ",
    "in a story, no city": "In this story, a traveler comes home and says: ",
    # The same two names in the same order, and each time the other one is said to be the capital.
    "story: capital Lyon, city Paris": "In this story, the capital of {country} is {told}, and "
    "{capital} is a city in {country}. A traveler comes home and says: ",
    "story: city Lyon, capital Paris": "In this story, {told} is a city in {country}, and the "
    "capital of {country} is {capital}. A traveler comes home and says: ",
    "story: city Paris, capital Lyon": "In this story, {capital} is a city in {country}, and the "
    "capital of {country} is {told}. A traveler comes home and says: ",
    "story: capital Paris, city Lyon": "In this story, the capital of {country} is {capital}, and "
    "{told} is a city in {country}. A traveler comes home and says: ",
    "in a game": "We play a game. In it, the capital of {country} is {told}. I ask, you answer: ",
    "moved": "{country} has moved its government to {told}. ",
}
QUESTION = "The capital of {country} is"


def repeat(model: Model) -> dict[str, object]:
    """Measure the loss at every place of random tokens that are repeated, and of some that are not.

    Place p holds the loss of token p, so place 0 has none: nothing stands before it.
    """
    rng = np.random.default_rng(SEED)
    losses: dict[str, list] = {"repeated": [], "others": [], "backward": []}
    for _ in range(N_DRAWS):
        first, second = rng.integers(FIRST_ORDINARY_TOKEN, model.config.vocab_size, (2, N_TOKENS))
        for kind, then in (("repeated", first), ("others", second), ("backward", first[::-1])):
            tokens = np.concatenate((first, then))
            logits = forward(model.params, model.config, tokens[:-1])
            losses[kind].append(cross_entropy(logits, tokens[1:]))
    record: dict[str, object] = {"n_draws": N_DRAWS, "n_tokens": N_TOKENS}
    for kind, rows in losses.items():
        by_place = np.array(rows)  # (draws, 99)
        record[kind] = {
            "first half": by_place[:, : N_TOKENS - 1].mean(axis=1).tolist(),  # of each draw
            "second half": by_place[:, N_TOKENS:]
            .mean(axis=1)
            .tolist(),  # its first cannot be known
            "by place": by_place.mean(axis=0).tolist(),
            "tenth": np.quantile(by_place, 0.1, axis=0).tolist(),
            "nine tenths": np.quantile(by_place, 0.9, axis=0).tolist(),
        }
    return record


def capitals(model: Model) -> dict[str, object]:
    """Ask for every capital in every context; note the likelier of the two cities, and the top."""
    rows = [
        [part.replace("_", " ") for part in line.split()]
        for line in COUNTRIES.replace("\n", " ").split(";")
    ]
    record: dict[str, object] = {"countries": rows, "contexts": CONTEXTS, "question": QUESTION}
    for name, context in CONTEXTS.items():
        answers = []
        for i, (country, capital, told) in enumerate(rows):
            other, other_capital, _ = rows[i - 1]
            prompt = (context + QUESTION).format(
                country=country,
                capital=capital,
                told=told,
                other=other,
                other_capital=other_capital,
            )
            answers.append(_answer(model, prompt[0].upper() + prompt[1:], capital, told))
        record[name] = answers
    return record


def _answer(model: Model, prompt: str, capital: str, told: str) -> dict[str, object]:
    """Return how the most probable continuation begins, and how probable each city's start is.

    ``top`` is "capital" or "told" if it spells out the whole name of that city, else its first
    token: many names begin with a token that other words share, as Porto and Portugal do.
    """
    encode = model.tokenizer.encode
    names = {"capital": encode(f" {capital}"), "told": encode(f" {told}")}
    starts = {kind: tokens[0] for kind, tokens in names.items()}
    if starts["capital"] == starts["told"]:
        raise ValueError(f"{capital} and {told} begin with the same token")
    p = softmax(forward(model.params, model.config, encode(prompt), last_only=True))
    top = int(p.argmax())
    answer = model.tokenizer.decode([top])
    for kind, city in (("capital", capital), ("told", told)):
        if top == starts[kind]:
            length = len(names[kind])
            # One token is the whole name; of more, two in reserve for accents.
            said = answer if length == 1 else "".join(generate(prompt, model, n_tokens=length + 2))
            if _plain(said).startswith(f" {city}"):
                answer = kind
    return {"top": answer, **{kind: float(p[start]) for kind, start in starts.items()}}


def _plain(text: str) -> str:
    """Return a text without accents: Bogota is Bogotá."""
    parts = unicodedata.normalize("NFD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))


def main() -> None:
    """Measure, and write the record."""
    start = time.perf_counter()
    model = load_model()
    record = {
        "command": COMMAND,
        "seed": SEED,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "paramlab": __version__,
        "model_sha256": FILE_SHA256,
        "capitals": capitals(model),
        "repeat": repeat(model),
    }
    record["minutes"] = round((time.perf_counter() - start) / 60, 1)
    DATA.write_text(json.dumps(short(record), indent=None, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
