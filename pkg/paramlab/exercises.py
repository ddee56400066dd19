"""Exercises that judge an answer: what is right by any route, and a hint for the likely slips.

The answers are computed from the catalog when somebody asks, so no page has to contain them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from paramlab import catalog, conventions
from paramlab.config import ModelConfig
from paramlab.costs import kv_cache_bytes, weight_bytes, weight_bytes_read
from paramlab.memory_fit import rounded_weight_bytes
from paramlab.params import count
from paramlab.training_costs import rule_of_six, step_memory


@dataclass(frozen=True)
class Exercise:
    """One checked exercise; every number is a function, so that nothing is computed in vain."""

    right: Callable[[], float]
    hint: str  # for an answer that is none of the slips
    slips: tuple[tuple[Callable[[], float], str], ...] = ()  # likely answers, what to say to each


def check(name: str, answer: object) -> str:
    """Judge the answer to an exercise: "right", or a hint that does not give the number away.

    Parameters
    ----------
    name
        Chapter and number of the exercise, such as ``"4.2"``.
    answer
        A number; ``None`` says that there is none yet.

    Raises
    ------
    LookupError
        When no exercise of that name is checked.

    Examples
    --------
    >>> check("1.1", 34), check("1.1", None)
    ('right', 'no answer yet: replace None by your expression')
    >>> check("1.1", 28)
    'not yet: each layer has a bias for every number that comes out'
    >>> check("1.1", "34")
    'not yet: this is text; leave out the quotation marks'
    """
    if name not in EXERCISES:
        known = ", ".join(EXERCISES)
        raise LookupError(f"no exercise {name!r} is checked; there are {known}")
    if answer is None:
        return "no answer yet: replace None by your expression"
    exercise = EXERCISES[name]
    hint = _of_another_type(answer) or _of_another_value(exercise, answer)
    return f"not yet: {hint}" if hint else "right"


def _of_another_type(answer: object) -> str:
    if isinstance(answer, str):
        return "this is text; leave out the quotation marks"
    if hasattr(answer, "total"):
        return "this is a whole count; the number you want is one of its parts or its total"
    is_number = isinstance(answer, Real) or getattr(answer, "size", 0) == 1  # or one of NumPy
    if isinstance(answer, bool) or not is_number:
        return f"one number is asked for, and this is a {type(answer).__name__}"
    return ""


def _of_another_value(exercise: Exercise, answer: object) -> str:
    value: Any = answer.item() if hasattr(answer, "item") else answer  # of NumPy
    right = exercise.right()
    if value == right:
        return ""
    for slip, said in exercise.slips:
        if value == slip():
            return said
    if abs(value - right) <= 0.005 * right:
        return "close, but rounded; the exact number is asked for"
    return exercise.hint


def _gpt3(**changes: Any) -> int:
    return count(replace(_config("gpt3-175b"), **changes)).total


def _config(slug: str) -> ModelConfig:
    config = catalog.find(slug).config
    assert config, f"the catalog has no sizes of {slug}"
    return config


def _bits(n: int) -> Callable[[], int]:
    return lambda: count(_config("llama2-7b")).total * n // 8


def _llama2_bytes() -> int:
    return weight_bytes(_config("llama2-7b"))


_SMALL_GPT2 = ModelConfig(n_layers=4, d_model=80, n_heads=4, d_ff=320, vocab_size=512, n_ctx=128)


def _texts_in_a_gigabyte() -> int:
    n = 1
    while step_memory(_SMALL_GPT2, 128, n + 1).peak_bytes <= 10**9:
        n += 1
    return n


def _first_step(kept_alone: bool) -> float:
    """Return the texts that fit if a step of one text told it all, or if its activations did."""
    one = step_memory(_SMALL_GPT2, 128)
    return 10**9 // (one.kept_bytes if kept_alone else one.peak_bytes)


def _texts_beside_llama(bits: float, program: int) -> int:
    """Return how many texts of 8,192 tokens fit beside Llama 3.1 8B into 24 GB."""
    llama = _config("llama3.1-8b")
    spare = 24 * 10**9 - program - rounded_weight_bytes(llama, bits)
    return spare // kv_cache_bytes(llama, 8192)


_D_XL = 48 * 1600  # layers of GPT-2 XL times its width

EXERCISES = {
    "1.1": Exercise(
        lambda: 5 * 4 + 4 + 4 * 2 + 2,
        "count the weights of each layer, inputs times outputs, then its biases",
        ((lambda: 5 * 4 + 4 * 2, "each layer has a bias for every number that comes out"),),
    ),
    "1.2": Exercise(
        _bits(4),
        "the number of parameters, times the bits of each, divided by the bits of a byte",
        (
            (_bits(32), "this takes 4 bytes for each parameter, or counts bits; a byte is 8 bits"),
            (_bits(8), "this takes a whole byte for each parameter"),
        ),
    ),
    "2.2": Exercise(
        lambda: count(_config("gpt2-xl")).bias,
        "how many times its width has one block, and how many blocks are there?",
        (
            (lambda: 9 * 1600, "this is one block"),
            (lambda: 13 * _D_XL, "this includes the gains and biases of the norms"),
            (lambda: 11 * _D_XL, "this includes the biases of the norms"),
            (lambda: 4 * _D_XL, "this is attention alone; the MLP has biases too"),
            (lambda: 5 * _D_XL, "this is the MLP alone; attention has biases too"),
        ),
    ),
    "3.1": Exercise(
        lambda: 10 * 2 / (2 + 1 + 1),
        "which powers of 2 do the scores 1, 0 and 0 give, and what share of them is tea's?",
        (
            (lambda: 8, "this is the head as it was; its query is now (1, 0)"),
            (lambda: 50, "this is the share in percent; it multiplies the value of tea, (10, 0)"),
            (lambda: 0.5, "this is the share; it multiplies the value of tea, (10, 0)"),
            (lambda: 10 / 3, "the score of tea is 1, that of the others 0: it still gets more"),
            (lambda: 2.5, "this is the second number, what comes from milk"),
        ),
    ),
    "3.2": Exercise(
        lambda: count(_config("llama2-7b")).by_role["weight"],
        "which parameters are in no matrix product?",
        (
            (lambda: count(_config("llama2-7b")).total, "one table is only looked up"),
            (
                lambda: count(_config("llama2-7b")).active_without_input_table,
                "the gains of the norms multiply too, but they are no matrix",
            ),
            (
                lambda: count(_config("llama2-7b")).by_role["weight"] - 32_000 * 4_096,
                "the table that scores the next token is a matrix like the others",
            ),
        ),
    ),
    "4.1": Exercise(
        lambda: 92 + 4 - 8,
        "which array grows, and which one goes?",
        (
            (lambda: 92 + 4, "computed positions need no table"),
            (lambda: 92 - 8, "the token table has a row for each of the 5 tokens"),
            (lambda: 98, "this takes the token table twice; first count it once"),
        ),
    ),
    "4.2": Exercise(
        lambda: conventions.total(_config("gpt3-175b"), tied_twice=True),
        "which array would be stored a second time?",
        (
            (_gpt3, "this is the model as it is, with one table"),
            (lambda: _gpt3() - count(_config("gpt3-175b")).tied, "this has no token table at all"),
            (lambda: count(_config("gpt3-175b")).tied, "this is the table alone"),
            (lambda: 175_181_291_520, "this leaves out positions, norms and biases"),
        ),
    ),
    "5.1": Exercise(
        lambda: 2 * (2 * 2 * 2 - 10) * (2 * 2),
        "what is the slope at the seconds, and by what does b multiply it?",
        (
            (lambda: 16, "it has another sign: what does the loss do when b grows?"),
            (lambda: -4, "this is the slope at the seconds"),
            (lambda: -8, "this is the slope at the letters, or the square without its 2"),
            (lambda: 4, "this is the loss"),
        ),
    ),
    "5.2": Exercise(
        lambda: 16 * count(_config("llama2-7b")).total,
        "four numbers of how many bytes for each parameter?",
        (
            (lambda: count(_config("llama2-7b")).total, "these are the parameters"),
            (_bits(32), "this is enough to run it, or counts numbers and not bytes"),
            (_bits(64), "this is the weights and the gradient; AdamW keeps two numbers more"),
            (_bits(96), "one of the four numbers is missing"),
            (lambda: 128 * count(_config("llama2-7b")).total, "these are bits"),
        ),
    ),
    "6.2": Exercise(
        lambda: 96 * 4 * 12288,
        "how many units has a block, and how many blocks are there?",
        (
            (lambda: 4 * 12288, "this is one block"),
            (lambda: 96 * 12288, "the units stand in the MLP, which is wider than the model"),
            (lambda: 96 * 96, "these are its heads"),
        ),
    ),
    "7.1": Exercise(
        lambda: 3 * 4 * 5 * 6,
        "how many multiply-adds has one product, and how many such products are there?",
        (
            (lambda: 4 * 5 * 6, "this is the way there alone"),
            (lambda: 2 * 4 * 5 * 6, "this is the way back alone, or the way there in FLOPs"),
            (lambda: 6 * 4 * 5 * 6, "these are FLOPs; a multiply-add is two of them"),
        ),
    ),
    "7.2": Exercise(
        _texts_in_a_gigabyte,
        "which part of the memory grows with the texts, and which does not?",
        (
            (lambda: _texts_in_a_gigabyte() + 1, "with this many the peak is above 10^9 bytes"),
            (
                lambda: _first_step(kept_alone=False),
                "this divides by a step on one text; weights and moments are needed once, not for "
                "each text",
            ),
            (
                lambda: _first_step(kept_alone=True),
                "the activations are not all: what is there besides them?",
            ),
        ),
    ),
    "7.3": Exercise(
        lambda: rule_of_six(count(_config("llama2-7b")).total, 4 * 10**6),
        "six for each parameter and each token",
        (
            (lambda: 6 * 7 * 10**9 * 4 * 10**6, "this takes the 7B of its name for a count"),
            (
                lambda: 2 * count(_config("llama2-7b")).total * 4 * 10**6,
                "this is the way there alone",
            ),
            (lambda: 6 * count(_config("llama2-7b")).total, "this is one token"),
        ),
    ),
    "7.4": Exercise(
        lambda: 72 * 10**20 // (4 * 10**14) // 3600 * 2,
        "how many seconds does one device need, and how many hours are that?",
        (
            (
                lambda: 72 * 10**20 // (4 * 10**14) // 3600,
                "these are the hours; an hour has a price",
            ),
            (lambda: 72 * 10**20 // (4 * 10**14) * 2, "this takes the price for that of a second"),
            (lambda: 4000, "this is at the peak; which rate is reached?"),
        ),
    ),
    "8.1": Exercise(
        lambda: 12,
        "what is left above the floor of 1, and at how many parameters is it half as much?",
        (
            (lambda: 6, "this is where the loss is 3"),
            (lambda: 24, "this is one doubling too many"),
        ),
    ),
    "8.2": Exercise(
        lambda: 3 * (12 * 256**2 + 2 * 256) + 256,
        "which arrays has a block, how many blocks are there, and what stands after the last?",
        (
            (lambda: 3 * (12 * 256**2 + 2 * 256) + 256 + 512 * 256, "this includes the table"),
            (lambda: 3 * 12 * 256**2, "the norms have gains, too"),
            (lambda: 3 * (12 * 256**2 + 2 * 256), "a norm stands after the last block"),
            (lambda: 12 * 256**2 + 2 * 256, "this is one block"),
        ),
    ),
    "9.1": Exercise(
        lambda: 5**4,
        "every setting of the first dial goes with every setting of the others",
        (
            (lambda: 5 * 4, "this tries one dial at a time and leaves the others where they are"),
            (lambda: 4**5, "the settings and the dials have changed places"),
        ),
    ),
    "9.2": Exercise(
        lambda: -(-16 * count(_config("llama3.1-405b")).total // (80 * 10**9)),
        "bytes of the state, divided by the bytes of a device; a part of a device is a device too",
        (
            (
                lambda: -(-16 * count(_config("llama3.1-405b")).total // (80 * 2**30)),
                "this takes 2^30 bytes for a GB; here it is 10^9",
            ),
            (
                lambda: 16 * count(_config("llama3.1-405b")).total // (80 * 10**9),
                "the last bytes need a device too: round up",
            ),
            (
                lambda: -(-2 * count(_config("llama3.1-405b")).total // (80 * 10**9)),
                "this holds the weights alone, at two bytes each",
            ),
            (
                lambda: -(-4 * count(_config("llama3.1-405b")).total // (80 * 10**9)),
                "this holds one of the numbers of each parameter; there are more",
            ),
        ),
    ),
    "9.3": Exercise(
        lambda: 60,
        "where do the examples just determine the weights?",
        (
            (lambda: 100, "this is where it was; there are fewer examples now"),
            (lambda: 20, "this is the number of inputs"),
        ),
    ),
    "9.4": Exercise(
        lambda: 16 - 1,
        "in how many of the groups does every start fail?",
        (
            (lambda: 8, "this is one start for each group"),
            (lambda: 1, "in so many groups all of them fail"),
            (lambda: 16, "four starts can all fail, as a coin can fall the same way four times"),
        ),
    ),
    "10.1": Exercise(
        lambda: 6,
        "fetching takes 3 seconds; how long does it multiply for one token?",
        (
            (lambda: 2, "this is the machine as it was"),
            (lambda: 3, "these are the seconds of fetching"),
        ),
    ),
    "10.2": Exercise(
        lambda: 10**11 // weight_bytes_read(_config("llama2-7b"), 1, "int4"),
        "bytes per second, divided by the bytes that one token needs",
        (
            (lambda: 10**11 // _bits(4)(), "the input table is looked up, not read through"),
            (lambda: 10**11 // _bits(16)(), "this is at 16 bits"),
            (lambda: 10**11 // _bits(8)(), "this takes a whole byte for each weight"),
            (
                lambda: 10**11 / weight_bytes_read(_config("llama2-7b"), 1, "int4"),
                "right but for the rounding: a whole number is asked for, rounded down",
            ),
        ),
    ),
    "10.3": Exercise(
        lambda: 6,
        "3 seconds of fetching, and how many of multiplying?",
        (
            (lambda: 3, "this is with both at the same time"),
            (lambda: 9, "the weights are fetched once for both"),
        ),
    ),
    "11.2": Exercise(
        lambda: _llama2_bytes() // kv_cache_bytes(_config("llama2-7b"), 1),
        "what does one token leave in the cache, and how many times does it fit into the weights?",
        (
            (lambda: _config("llama2-7b").n_ctx, "this is its window; the cache could hold more"),
            (
                lambda: (
                    count(_config("llama2-7b")).total // kv_cache_bytes(_config("llama2-7b"), 1)
                ),
                "this divides parameters by bytes; at 16 bits a parameter takes two bytes",
            ),
        ),
    ),
    "12.2": Exercise(
        lambda: 24 * 2**30 // (2 * 40 * 8 * 128 * 2),
        "how many numbers does a token leave in all layers, and how many bytes has each?",
        (
            (
                lambda: 24 * 2**30 // (2 * 40 * 8 * 128),
                "a token leaves a key and a value, and a number of 16 bits takes two bytes",
            ),
            (lambda: 24 * 2**30 // (2 * 8 * 128 * 2), "this is one layer"),
            (lambda: 24 * 10**9 // (2 * 40 * 8 * 128 * 2), "a GiB is a power of two"),
        ),
    ),
    "13.2": Exercise(
        lambda: 200_000 * 345 // 190 // 8192,
        "how many tokens are the characters, and how many windows fill these?",
        (
            (lambda: 200_000 * 190 // 345 // 8192, "tokens per character, or the inverse?"),
            (lambda: 200_000 * 345 // 190, "these are the tokens"),
            (lambda: 200_000 // 8192, "a character of Chinese is more than one token here"),
        ),
    ),
    "14.1": Exercise(
        lambda: (64 * 3 + 2 * 16) // 8,
        "the bits of all codes and of the grid, divided by the bits of a byte",
        (
            (lambda: 64 * 3 // 8, "these are the codes; the grid is stored too"),
            (lambda: (64 * 3 + 16) // 8, "the grid is a step and a minimum"),
            (lambda: 64 * 3 + 2 * 16, "these are bits"),
        ),
    ),
    "14.2": Exercise(
        lambda: _texts_beside_llama(8.5, 10**9),
        "what do weights and program leave, and how many times does the cache of a text fit in?",
        (
            (lambda: _texts_beside_llama(8.5, 0), "the program needs memory too"),
            (lambda: _texts_beside_llama(16, 10**9), "this is the model in 16 bits"),
        ),
    ),
    "14.3": Exercise(
        lambda: 3,
        "how far apart are the points now, and which point is next to each weight?",
        (
            (lambda: 4, "the farthest weight keeps its value"),
            (lambda: 1, "this is how many were zero before"),
        ),
    ),
    "14.4": Exercise(
        lambda: 500 * sum(range(1, 9)),
        "how long is the conversation at the first turn, at the second, at the eighth?",
        (
            (lambda: 500 * 8, "this is the conversation; it passes through at every turn again"),
            (lambda: 500 * sum(range(8)), "the turn that is being answered belongs to it"),
        ),
    ),
}
