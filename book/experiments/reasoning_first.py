"""What it costs, and what it buys, if a small model writes its steps before its answer.

Chapter 10 loads what this script writes: ``data/reasoning_first.json``. Run it from the root of the
repository; it takes about a quarter of an hour of one processor::

    OPENBLAS_NUM_THREADS=1 python book/experiments/reasoning_first.py

Written before the run:

- *Question.* SmolLM2-135M-Instruct, rounded as the package holds it, adds whole numbers, within its
  chat template. Is it right more often if it writes steps first? If so, is that due to what the
  steps say, or would as many more tokens of any kind do?
- *Ways*, each with the same questions. *Direct*: the answer follows at once. *Steps*: the model
  writes first, and then answers. *Filler*: the control, as many tokens as the model wrote as steps
  on that question, all of them " .", then the answer. In every way the answer is what the model
  writes after "So " and the sum with "=": the first whole number there. Steps end where the model
  ends them, at "So" if shown, or after 120 tokens. The most probable token is taken, always.
- *Twice.* Once *asked*: the question alone, for steps and filler with "Think step by step." Once
  *shown*: after three examples of the way in question, whose steps are running totals (two
  long numbers are added place by place).
- *Pilot.* 50 questions of each of three kinds: two numbers of two or of three digits, and three
  numbers of one digit. All six ways of each are shown, and none is tested.
- *Test.* Written after the pilot, before its own run: steps, shown, seemed to help with three
  numbers of one digit, 38 of 50 right against 9 directly and 9 with filler. That is the best of
  six, so it is tested on 200 other questions of that kind, drawn with another seed.
- *Unit:* the question; differences are paired, 95% intervals by resampling questions.
- *Comparisons.* Two: steps minus direct, and steps minus filler, shown.
- *Opposite.* If writing the steps helps by what they say, steps beat both; if by more computing,
  filler beats direct as much; if it does not help, steps are no better than direct.
- *Trials*, with other questions, had shown how the model writes; that it copies numbers badly when
  it adds column by column, so that the examples are running totals; and, on eleven questions of two
  kinds, that such steps may help where they are shown.
- *Cut short.* The plan, before the pilot, had two kinds more (the other two below), and as its test
  200 questions of the kind whose direct answers are nearest to one half right. For want of time
  neither was finished; of the three that were, that kind is two numbers of two digits.
- *Cost.* Tokens that are written one after another, before the answer. Filler is known beforehand,
  so it is read in one pass.

What it cannot show: what larger models do, or models trained to reason; other tasks; other prompts.
"""

import json
import re
import time
from itertools import accumulate, takewhile
from pathlib import Path

import numpy as np
from paramlab import load_model
from paramlab.attention import attention
from paramlab.files.real_model import FILE_SHA256
from paramlab.transformer import Pass, _block, _norm, _order
from paramlab.tree import Model
from recording import about, short

DATA = Path(__file__).parent / "data" / "reasoning_first.json"
COMMAND = "OPENBLAS_NUM_THREADS=1 python book/experiments/reasoning_first.py"
KINDS = {  # how many numbers, of how many digits
    "2 of 2 digits": (2, 2), "2 of 3 digits": (2, 3),
    "3 of 1 digit": (3, 1), "4 of 1 digit": (4, 1), "5 of 1 digit": (5, 1),
}  # fmt: skip
FLAVORS, WAYS = ("asked", "shown"), ("direct", "steps", "filler")
N_PILOT, N_TEST, N_EXAMPLES, SEED = 50, 200, 3, 10
PILOT, TESTED = ("2 of 2 digits", "2 of 3 digits", "3 of 1 digit"), "3 of 1 digit"
MOST_STEPS, MOST_ANSWER = 120, 8  # tokens
AT_ONCE = 50  # questions side by side
ROOM = 512  # tokens that may be added to a beginning
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def draw(kind: str, n: int, rng: np.random.Generator, taken: set) -> list[tuple[int, ...]]:
    """Draw n questions of a kind, none of them twice and none that is taken; take them."""
    n_numbers, digits = KINDS[kind]
    lowest = 10 ** (digits - 1)
    found: list[tuple[int, ...]] = []
    while len(found) < n:
        numbers = tuple(int(x) for x in rng.integers(lowest, 10**digits, n_numbers))
        if numbers not in taken:
            taken.add(numbers)
            found.append(numbers)
    return found


def written_sum(numbers: tuple[int, ...]) -> str:
    """Return the sum as text.

    Examples
    --------
    >>> written_sum((7, 8, 5))
    '7 + 8 + 5'
    """
    return " + ".join(map(str, numbers))


def worked(numbers: tuple[int, ...]) -> str:
    """Return the steps of an example: running totals; long numbers are added place by place.

    Examples
    --------
    >>> worked((7, 8, 5))
    '7 + 8 = 15. 15 + 5 = 20.'
    >>> worked((47, 85))
    '47 + 80 = 127. 127 + 5 = 132.'
    """
    first, *rest = numbers
    parts = [
        int(digit) * 10**place
        for number in rest
        for place, digit in reversed(list(enumerate(reversed(str(number)))))
        if digit != "0"
    ]
    totals = list(accumulate([first, *parts]))
    steps = zip(totals, parts, totals[1:], strict=False)
    return " ".join(f"{total} + {part} = {then}." for total, part, then in steps)


def turn(who: str, text: str) -> str:
    """Return what somebody said, in the marks of the chat template."""
    return f"<|im_start|>{who}\n{text}<|im_end|>\n"


def question(numbers: tuple[int, ...], flavor: str, way: str) -> str:
    """Return what the user says, and the beginning of the assistant's turn."""
    hint = " Think step by step." if flavor == "asked" and way != "direct" else ""
    return turn("user", f"What is {written_sum(numbers)}?{hint}") + "<|im_start|>assistant\n"


class Texts:
    """B texts of equal length that grow together: the model reads them, and writes on.

    The package's cache holds one text; side by side, many take little more time than one.
    """

    def __init__(self, model: Model, keys: np.ndarray, values: np.ndarray):
        self.model, self.n_tokens = model, keys.shape[-2]
        room = (*keys.shape[:3], self.n_tokens + ROOM, keys.shape[-1])  # (L, B, K, capacity, H)
        self.keys, self.values = np.empty(room, keys.dtype), np.empty(room, keys.dtype)
        self.keys[..., : self.n_tokens, :], self.values[..., : self.n_tokens, :] = keys, values

    def read(self, tokens: list[list[int]]) -> None:
        """Read as many tokens (B, T) in each text."""
        params, config = self.model.params, self.model.config
        x = params["embedding"]["tokens"][np.array(tokens)]  # (B, T, D)
        positions = np.arange(self.n_tokens, self.n_tokens + x.shape[1])
        shared = Pass(config, *_order(config, positions, x.dtype), self, None, attention)
        for i, block in enumerate(params["blocks"]):
            x = _block(block, x, i, shared)
        self.n_tokens += len(positions)
        features = _norm(params, "final_norm", config, x[:, -1])
        self.logits = features @ params["embedding"]["tokens"].T  # (B, V)

    def extend(self, layer: int, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keep the keys and values (B, K, T, H) of new tokens; return all (B, K, S, H)."""
        end = self.n_tokens + k.shape[-2]
        self.keys[layer, :, :, self.n_tokens : end] = k
        self.values[layer, :, :, self.n_tokens : end] = v
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def write(self, at_most: int, stops: set[int]) -> list[list[int]]:
        """Write until every text has met a token that stops, or so many; return what is before."""
        columns: list[np.ndarray] = []
        done = np.zeros(len(self.logits), bool)
        while len(columns) < at_most:
            columns.append(self.logits.argmax(axis=-1))
            done |= np.isin(columns[-1], list(stops))
            if done.all():
                break
            self.read(columns[-1][:, None].tolist())
        rows = np.array(columns).T.tolist()
        return [list(takewhile(lambda token: token not in stops, row)) for row in rows]

    def picked(self, rows: list[int], n_tokens: int) -> "Texts":
        """Return the beginnings of some texts, or of one several times."""
        return Texts(
            self.model, self.keys[:, rows, :, :n_tokens], self.values[:, rows, :, :n_tokens]
        )


def begin(model: Model, text: str) -> Texts:
    """Return one text that has been read."""
    c = model.config
    nothing = np.empty((c.n_layers, 1, c.n_kv_heads, 0, c.d_head), np.float32)
    texts = Texts(model, nothing, nothing)
    texts.read([model.tokenizer.encode(text)])
    return texts


def beginning(kind: str, flavor: str, way: str, examples: list, model: Model) -> str:
    """Return what stands before every question: the system's words, and examples if shown."""
    text = turn("system", SYSTEM)
    for numbers in examples if flavor == "shown" else ():
        steps = worked(numbers)
        if way == "filler":
            steps = " ." * len(model.tokenizer.encode(steps))
        first = "" if way == "direct" else f"{steps} "
        answer = f"{first}So {written_sum(numbers)} = {sum(numbers)}."
        text += question(numbers, flavor, way) + f"{answer}<|im_end|>\n"
    return text


def answers(
    model: Model, kind: str, flavor: str, way: str, questions: list, examples: list, fill: list
) -> dict:
    """Answer all questions in one way.

    Return the answers (None: no number), how many tokens stood before each, and the first texts.
    """
    encode, decode = model.tokenizer.encode, model.tokenizer.decode
    so, dot = {encode("So")[0], encode(" So")[0]}, encode(" .")[0]
    ends = {*model.tokenizer.end_tokens}
    first = begin(model, beginning(kind, flavor, way, examples, model))
    found: list[tuple[int | None, int, str]] = []
    for start in range(0, len(questions), AT_ONCE):
        some = questions[start : start + AT_ONCE]
        texts = first.picked([0] * len(some), first.n_tokens)
        texts.read([encode(question(numbers, flavor, way)) for numbers in some])
        n_asked = texts.n_tokens
        before: list[list[int]] = [[] for _ in some]
        if way == "steps":
            before = texts.write(MOST_STEPS, ends | so if flavor == "shown" else ends)
        if way == "filler":
            before = [[dot] * n for n in fill[start : start + AT_ONCE]]
        made: dict[int, tuple[int | None, int, str]] = {}
        for n in {len(tokens) for tokens in before}:
            rows = [i for i, tokens in enumerate(before) if len(tokens) == n]
            here = texts.picked(rows, n_asked + (n if way == "steps" else 0))
            if way == "filler" and n:
                here.read([before[i] for i in rows])
            lead = " " if n else ""
            here.read([encode(f"{lead}So {written_sum(some[i])} =") for i in rows])
            for i, end in zip(rows, map(decode, here.write(MOST_ANSWER, ends)), strict=True):
                number = re.match(r"\D*(\d[\d,]*)", end)
                whole = f"{decode(before[i])}{lead}So {written_sum(some[i])} ={end}"
                made[i] = int(number[1].replace(",", "")) if number else None, n, whole
        found += [made[i] for i in range(len(some))]
    return {
        "answers": [answer for answer, _, _ in found],
        "tokens_before": [n for _, n, _ in found],
        "texts": [whole for _, _, whole in found[:3]],
    }


def all_ways(
    model: Model, kind: str, questions: list, examples: list, flavors: tuple = FLAVORS
) -> dict:
    """Answer all questions in every way, asked or shown or both."""
    found: dict = {}
    for flavor in flavors:
        fill: list[int] = []
        for way in WAYS:
            row = answers(model, kind, flavor, way, questions, examples, fill)
            if way == "steps":
                fill = row["tokens_before"]
            found[f"{flavor}, {way}"] = row
            print(kind, n_right({f"{flavor}, {way}": row}, questions), flush=True)
    return found


def is_right(numbers: tuple[int, ...], answer: int | None) -> bool:
    """Say whether an answer is the sum."""
    return sum(numbers) == answer


def n_right(rows: dict, questions: list) -> dict[str, int]:
    """Return how many of the questions each way answers right."""
    return {name: sum(map(is_right, questions, row["answers"])) for name, row in rows.items()}


def differences(rows: dict, questions: list) -> dict[str, list[float]]:
    """Return the two declared differences of shares right, each with its 95% interval."""
    right = {
        name: np.array(
            [is_right(*pair) for pair in zip(questions, row["answers"], strict=True)], float
        )
        for name, row in rows.items()
    }
    rng = np.random.default_rng(SEED)
    picked = rng.integers(len(questions), size=(10_000, len(questions)))
    found = {}
    for other in ("direct", "filler"):
        gain = right["shown, steps"] - right[f"shown, {other}"]
        low, high = np.quantile(gain[picked].mean(axis=1), (0.025, 0.975))
        found[f"steps - {other}"] = [float(gain.mean()), float(low), float(high)]
    return found


def main() -> None:
    """Run the pilot and the test, and write both down."""
    began, model, rng = time.process_time(), load_model(), np.random.default_rng(SEED)
    taken: set = set()
    examples = {kind: draw(kind, N_EXAMPLES, rng, taken) for kind in KINDS}
    asked = {kind: draw(kind, N_PILOT, rng, taken) for kind in KINDS}
    pilot = {
        kind: n_right(all_ways(model, kind, asked[kind], examples[kind]), asked[kind])
        for kind in PILOT
    }
    questions = draw(TESTED, N_TEST, np.random.default_rng(SEED + 1), taken)
    rows = all_ways(model, TESTED, questions, examples[TESTED], ("shown",))
    minutes = (time.process_time() - began) / 60
    write(minutes, pilot, examples[TESTED], questions, rows)


def write(minutes: float, pilot: dict, examples: list, questions: list, rows: dict) -> None:
    """Write the record, a line for each way."""
    record = {
        **about(COMMAND, time.process_time()),
        "processor_minutes": round(minutes, 1),
        "model": f"SmolLM2-135M-Instruct, file {FILE_SHA256}",
        "seed": SEED,
        "n_pilot": N_PILOT,
        "pilot": pilot,
        "kind": TESTED,
        "examples": examples,
        "questions": questions,
        "ways": rows,
        "right": n_right(rows, questions),
        "differences": differences(rows, questions),
    }
    content = json.dumps(short(record), ensure_ascii=False)
    content = re.sub(r', ("(?:pilot|kind|questions|ways|right|differences)": )', r",\n\1", content)
    content = re.sub(r', ("\w+, \w+": \{)', r",\n\1", content)
    DATA.write_text(content + "\n", encoding="utf-8")
    print(json.dumps(short(record["differences"])))


if __name__ == "__main__":
    main()
