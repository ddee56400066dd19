"""What does size cost, and what does it bring?

Chapters 7 to 10.
Work in any order; no answer is needed for another.
Operations count a multiplication and an addition as two; GB is 1e9 bytes.
"""

from paramlab_course import Choice, Function, Number, Written

points, minutes, chapters = 25, 90, (7, 8, 9, 10)


class q1(Number):
    """The work of a training

    A dense model of `million_parameters` reads `billion_tokens`, each once.
    How many operations does its training take, by the rule for texts much shorter than the model is wide?
    """

    points, minutes, chapter = 1, 4, 7
    objective = "estimate the operations of a training from parameters and tokens"
    hint = "Count the products in which a weight takes part, on the way there and on the way back."
    tolerance = 1e-6

    def given(rng):
        return {
            "million_parameters": rng.randrange(110, 990),
            "billion_tokens": rng.randrange(11, 99),
        }

    def solution(million_parameters, billion_tokens):
        return 6 * million_parameters * 10**6 * billion_tokens * 10**9

    def alternate(million_parameters, billion_tokens):
        there = 2 * million_parameters * billion_tokens
        back = 2 * there
        return (there + back) * 10**15

    class wrong:
        def the_way_there_only(million_parameters, billion_tokens):
            """This is the work of reading the text. A training also goes back, to find the slopes."""
            return 2 * million_parameters * billion_tokens * 10**15

        def the_way_back_only(million_parameters, billion_tokens):
            """Two products on the way back stand for each one on the way there: did you count both ways?"""
            return 4 * million_parameters * billion_tokens * 10**15

        def multiply_adds(million_parameters, billion_tokens):
            """You counted multiply-adds. An addition is an operation of its own here."""
            return 3 * million_parameters * billion_tokens * 10**15


class q2(Function):
    """There and back through a stack

    `tokens` tokens pass through matrices one after another; matrix number `i` takes `widths[i]` numbers in and gives `widths[i + 1]`.
    `learned[i]` says whether matrix `i` is learned, or frozen.
    Return a list of two: the multiply-adds of the way there, and of the way back.
    On the way back a learned matrix needs its own slopes; and what came into a matrix needs slopes only if some matrix before it is learned.
    """

    points, minutes, chapter = 3, 10, 7
    objective = "count the products of a pass there and back, with parts frozen"
    hint = "For each matrix ask two questions: does it need slopes itself, and does anything before it?"
    public = [
        (2, [3, 4], [True]),
        (2, [3, 4, 5], [True, True]),
    ]
    edge = [
        (5, [2, 3, 7, 4], [False, False, True]),
        (3, [4, 6, 2], [True, False]),
        (4, [3, 5], [False]),
        (1, [9], []),
    ]

    def draw(rng):
        n = rng.randrange(2, 5)
        widths = [rng.randrange(1, 12) for _ in range(n + 1)]
        return rng.randrange(1, 9), widths, [rng.random() < 0.5 for _ in range(n)]

    def solution(tokens, widths, learned):
        there = back = 0
        below = False
        for i in range(len(learned)):
            product = tokens * widths[i] * widths[i + 1]
            there += product
            back += product * (learned[i] + below)
            below = below or learned[i]
        return [there, back]

    def alternate(tokens, widths, learned):
        products = [tokens * a * b for a, b in zip(widths, widths[1:])]
        own = sum(p for p, is_learned in zip(products, learned) if is_learned)
        passed_on = sum(p for i, p in enumerate(products) if any(learned[:i]))
        return [sum(products), own + passed_on]

    class wrong:
        def always_twice(tokens, widths, learned):
            """Twice the way there is right only where everything needs slopes. What is frozen, and what lies before everything learned?"""
            there = sum(tokens * a * b for a, b in zip(widths, widths[1:]))
            return [there, 2 * there]

        def slopes_of_the_text(tokens, widths, learned):
            """You find slopes for what comes into every matrix. Who needs those of what comes into the first one?"""
            products = [tokens * a * b for a, b in zip(widths, widths[1:])]
            own = sum(p for p, is_learned in zip(products, learned) if is_learned)
            return [sum(products), own + sum(products)]

        def frozen_is_free(tokens, widths, learned):
            """A frozen matrix needs no slopes of its own, but may have to pass slopes on to a learned one before it."""
            products = [tokens * a * b for a, b in zip(widths, widths[1:])]
            back = 0
            for i, is_learned in enumerate(learned):
                if is_learned:
                    back += products[i] * (1 + any(learned[:i]))
            return [sum(products), back]

        def frozen_is_learned(tokens, widths, learned):
            """You compute slopes for frozen matrices too."""
            products = [tokens * a * b for a, b in zip(widths, widths[1:])]
            passed_on = sum(p for i, p in enumerate(products) if any(learned[:i]))
            return [sum(products), sum(products) + passed_on]

        def operations(tokens, widths, learned):
            """A multiply-add counts once here."""
            products = [2 * tokens * a * b for a, b in zip(widths, widths[1:])]
            own = sum(p for p, is_learned in zip(products, learned) if is_learned)
            passed_on = sum(p for i, p in enumerate(products) if any(learned[:i]))
            return [sum(products), own + passed_on]


class q3(Number):
    """What stays in memory

    A model of `million_parameters` is trained with weights and gradients of 16 bits.
    Beside them stand, at 32 bits, a copy of the weights and AdamW's two averages.
    How many bytes stay in memory between two steps, the gradients included?
    """

    points, minutes, chapter = 1, 5, 7
    objective = "add up the state of a training in mixed precision"
    hint = "List what is kept for one parameter, with its bytes."

    def given(rng):
        return {"million_parameters": rng.randrange(110, 9_900)}

    def solution(million_parameters):
        return 16 * million_parameters * 10**6

    def alternate(million_parameters):
        halves, singles = 2, 3
        return (2 * halves + 4 * singles) * million_parameters * 1_000_000

    class wrong:
        def weights_only(million_parameters):
            """These are the weights, as in use. A training keeps more for each of them."""
            return 2 * million_parameters * 10**6

        def one_average(million_parameters):
            """AdamW keeps two averages: of the slopes, and of their squares."""
            return 12 * million_parameters * 10**6

        def gradients_at_32_bits(million_parameters):
            """Look again at the bits of the gradients."""
            return 18 * million_parameters * 10**6

        def bits_for_bytes(million_parameters):
            """This is in bits."""
            return 128 * million_parameters * 10**6


class q4(Function):
    """A bill

    A training takes `operations`.
    A device does `peak` operations per second at most, of which a share `reached` (from 0 to 1) is reached; its hour costs `price` dollars; it draws `watts`.
    For each kilowatt-hour that the device draws, the building takes `building` of them in all (1.1, say).
    Return a dict with the device hours, `"hours"`, the rent, `"dollars"`, and the electricity of the building, `"kwh"`.
    """

    points, minutes, chapter = 3, 12, 7
    objective = (
        "turn operations into hours, money and electricity, with each assumption in its place"
    )
    hint = "Begin with the operations that the device really does in one hour."
    public = [(3.6e18, 1e15, 0.5, 2.0, 1000, 1.5), (7.2e21, 2e15, 0.4, 3.0, 500, 1.2)]
    edge = [
        (7.2e18, 1e14, 1.0, 0.0, 400, 1.0),
        (3.14e23, 1.25e14, 0.2, 1.5, 330, 1.1),
        (0, 1e15, 0.4, 2.0, 700, 1.1),
    ]

    def draw(rng):
        return (
            rng.randrange(1, 999) * 1e20,
            rng.randrange(1, 20) * 1e14,
            rng.randrange(20, 61) / 100,
            rng.randrange(50, 600) / 100,
            rng.randrange(250, 1200),
            rng.randrange(105, 160) / 100,
        )

    def solution(operations, peak, reached, price, watts, building):
        hours = operations / (peak * reached) / 3600
        return {"hours": hours, "dollars": hours * price, "kwh": hours * watts / 1000 * building}

    def alternate(operations, peak, reached, price, watts, building):
        in_one_hour = 3600 * peak * reached
        hours = operations / in_one_hour
        joules = operations / (peak * reached) * watts * building
        return {"kwh": joules / 3.6e6, "dollars": price * hours, "hours": hours}

    class wrong:
        def at_the_peak(operations, peak, reached, price, watts, building):
            """No device reaches its peak: use the share that is reached."""
            hours = operations / peak / 3600
            return {
                "hours": hours,
                "dollars": hours * price,
                "kwh": hours * watts / 1000 * building,
            }

        def share_upside_down(operations, peak, reached, price, watts, building):
            """A lower share should make the bill longer, not shorter."""
            hours = operations * reached / peak / 3600
            return {
                "hours": hours,
                "dollars": hours * price,
                "kwh": hours * watts / 1000 * building,
            }

        def without_the_building(operations, peak, reached, price, watts, building):
            """The building's share of the electricity is missing."""
            hours = operations / (peak * reached) / 3600
            return {"hours": hours, "dollars": hours * price, "kwh": hours * watts / 1000}

        def watt_hours(operations, peak, reached, price, watts, building):
            """This is in watt-hours; a kilowatt is 1,000 watts."""
            hours = operations / (peak * reached) / 3600
            return {"hours": hours, "dollars": hours * price, "kwh": hours * watts * building}

        def seconds(operations, peak, reached, price, watts, building):
            """These are seconds of the device; an hour has 3,600."""
            hours = operations / (peak * reached)
            return {
                "hours": hours,
                "dollars": hours * price,
                "kwh": hours * watts / 1000 * building,
            }


class q5(Number):
    """What a doubling brings

    By a law the loss of a model of N parameters is `floor` + `scale` / N to the power `exponent`.
    By how many nats does it fall if a model of `million_parameters` is doubled?
    """

    points, minutes, chapter = 2, 6, 8
    objective = "evaluate the gain of a doubling under a law with a floor"
    hint = "Write down the loss before and after, and subtract."
    tolerance = 1e-3

    def given(rng):
        return {
            "floor": rng.randrange(150, 199) / 100,
            "scale": rng.randrange(300, 500),
            "exponent": rng.randrange(30, 38) / 100,
            "million_parameters": rng.randrange(100, 900),
        }

    def solution(floor, scale, exponent, million_parameters):
        n = million_parameters * 1e6
        return scale / n**exponent - scale / (2 * n) ** exponent

    def alternate(floor, scale, exponent, million_parameters):
        above_the_floor = scale * (million_parameters * 1e6) ** -exponent
        return above_the_floor * (1 - 2**-exponent)

    class wrong:
        def halved_above_the_floor(floor, scale, exponent, million_parameters):
            """The part above the floor is halved only if the exponent is 1."""
            return scale / (million_parameters * 1e6) ** exponent / 2

        def floor_shrinks_too(floor, scale, exponent, million_parameters):
            """The floor is the same before and after: it must not take part."""
            return (floor + scale / (million_parameters * 1e6) ** exponent) * (1 - 2**-exponent)

        def slope_times_step(floor, scale, exponent, million_parameters):
            """You went along the slope at the start; over a whole doubling the curve flattens."""
            return exponent * scale / (million_parameters * 1e6) ** exponent

        def loss_after(floor, scale, exponent, million_parameters):
            """This is the loss after the doubling, and not by how much it fell."""
            return floor + scale / (2e6 * million_parameters) ** exponent


class q6(Function):
    """Read an exponent

    Models with `n` parameters (a list) ended at `losses` (a list as long).
    Above a known `floor` they follow a power law, up to noise.
    Return its exponent, a positive number if the loss falls: the least-squares slope of the logarithms.
    """

    points, minutes, chapter = 3, 10, 8
    objective = "fit a power law above a floor"
    hint = "Which two logarithms lie on a straight line here?"
    tolerance = 1e-6
    public = [([1, 10, 100], [3.0, 2.0, 1.5], 1.0), ([1, 4, 9, 16], [3.0, 2.1, 1.6, 1.5], 1.0)]
    edge = [
        ([1, 4], [2.0, 1.5], 1.0),
        ([2, 8, 16, 64], [5.0, 3.1, 2.4, 1.6], 0.0),
        ([10, 20, 80], [1.5, 1.7, 1.9], 1.0),
    ]

    def draw(rng):
        n = [9_000 * 3**i for i in range(rng.randrange(4, 7))]
        floor, scale, exponent = rng.uniform(1, 2), rng.uniform(30, 60), rng.uniform(0.2, 0.5)
        return n, [floor + scale * rng.uniform(0.9, 1.1) / m**exponent for m in n], floor

    def solution(n, losses, floor):
        import numpy as np

        slope, _ = np.polyfit(np.log(n), np.log(np.array(losses) - floor), 1)
        return -float(slope)

    def alternate(n, losses, floor):
        from math import log

        x, y = [log(m) for m in n], [log(loss - floor) for loss in losses]
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        products = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
        return -products / sum((a - mean_x) ** 2 for a in x)

    class wrong:
        def floor_forgotten(n, losses, floor):
            """You took the logarithm of the whole loss; the law speaks of what lies above the floor."""
            import numpy as np

            return -float(np.polyfit(np.log(n), np.log(losses), 1)[0])

        def sign(n, losses, floor):
            """A falling loss has a positive exponent, by the way the question is put."""
            import numpy as np

            return float(np.polyfit(np.log(n), np.log(np.array(losses) - floor), 1)[0])

        def first_and_last(n, losses, floor):
            """Two points make a line, but all points should have a say."""
            from math import log

            return -log((losses[-1] - floor) / (losses[0] - floor)) / log(n[-1] / n[0])

        def axes_exchanged(n, losses, floor):
            """Which of the two is to be explained by the other? Your line gives sizes for losses."""
            import numpy as np

            return -float(np.polyfit(np.log(np.array(losses) - floor), np.log(n), 1)[0])

        def one_logarithm(n, losses, floor):
            """With only one axis in logarithms a power law is not straight."""
            import numpy as np

            return -float(np.polyfit(np.log(n), np.array(losses) - floor, 1)[0])


class q7(Choice):
    """Find the error

    Somebody writes:
    (a) Three curves were fitted to the losses of five small models.
    (b) The one with most constants passes nearest to the five points.
    (c) So it is the one that will foretell a larger model best.
    (d) Whether it does can be seen by training one.
    Which step does not follow?
    """

    points, minutes, chapter = 1, 4, 8
    objective = "tell a close fit from a good prediction"
    options = {"a": "step a", "b": "step b", "c": "step c", "d": "step d"}
    answer = "c"
    wrong = {
        "a": "Any number of curves may be fitted; that is only a beginning.",
        "b": "A further constant never makes the best fit worse, so this is what one must expect.",
        "d": "This is the way to find out, if the prediction was written down before.",
    }


class q8(Number):
    """A corner of a cube

    Examples are spread evenly over a cube with sides of 1 and `inputs` dimensions.
    A smaller cube is to hold the share `share` of them.
    How long are its sides?
    """

    points, minutes, chapter = 1, 4, 9
    objective = "compute how a covered share shrinks with the number of inputs"
    hint = "What is the volume of a cube whose side is s?"
    tolerance = 1e-4

    def given(rng):
        return {"inputs": rng.randrange(5, 40), "share": rng.randrange(1, 20) / 1000}

    def solution(inputs, share):
        return share ** (1 / inputs)

    def alternate(inputs, share):
        from math import exp, log

        return exp(log(share) / inputs)

    class wrong:
        def share_of_the_side(inputs, share):
            """That would be so on a line. With each further dimension the same side holds less."""
            return share

        def shared_out(inputs, share):
            """A share is not divided among dimensions: a volume is a product of sides."""
            return share / inputs

        def to_the_power(inputs, share):
            """This is the volume of a cube with the side `share`; you need the way back."""
            return share**inputs

        def square_root(inputs, share):
            """The square root is right for two dimensions."""
            return share**0.5


class q9(Function):
    """One reader, and the machine

    In one step a machine writes one token for each of `batch` readers.
    It fetches `weight_bytes` once for all, and `cache_bytes` for each; for each reader it does `operations`.
    It fetches `bandwidth` bytes and does `rate` operations per second, both at the same time.
    Return a dict: `"reader"` and `"machine"`, the tokens per second of one reader and of the whole machine.
    """

    points, minutes, chapter = 3, 10, 10
    objective = "compute the roof of decoding, for one reader and for all"
    hint = "How long does one step take? Only then ask how many tokens it wrote, and for whom."
    public = [(100, 10, 20, 1, 50, 100), (100, 10, 20, 10, 50, 100)]
    edge = [(12, 0, 12, 1, 4, 8), (12, 1, 24, 16, 4, 8), (7, 3, 0, 5, 2, 1)]

    def draw(rng):
        return tuple(rng.randrange(1, 400) for _ in range(3)) + (
            rng.randrange(1, 65),
            rng.randrange(1, 90),
            rng.randrange(1, 900),
        )

    def solution(weight_bytes, cache_bytes, operations, batch, bandwidth, rate):
        fetching = (weight_bytes + batch * cache_bytes) / bandwidth
        seconds = max(fetching, batch * operations / rate)
        return {"reader": 1 / seconds, "machine": batch / seconds}

    def alternate(weight_bytes, cache_bytes, operations, batch, bandwidth, rate):
        by_memory = bandwidth / (weight_bytes + batch * cache_bytes)
        reader = min(by_memory, rate / (batch * operations)) if operations else by_memory
        return {"machine": reader * batch, "reader": reader}

    class wrong:
        def one_after_the_other(weight_bytes, cache_bytes, operations, batch, bandwidth, rate):
            """Both go on at the same time, so a step takes as long as the slower of the two."""
            fetching = (weight_bytes + batch * cache_bytes) / bandwidth
            seconds = fetching + batch * operations / rate
            return {"reader": 1 / seconds, "machine": batch / seconds}

        def weights_for_each(weight_bytes, cache_bytes, operations, batch, bandwidth, rate):
            """The weights are fetched once for all readers."""
            fetching = batch * (weight_bytes + cache_bytes) / bandwidth
            seconds = max(fetching, batch * operations / rate)
            return {"reader": 1 / seconds, "machine": batch / seconds}

        def one_cache(weight_bytes, cache_bytes, operations, batch, bandwidth, rate):
            """Each reader has a cache of his own."""
            fetching = (weight_bytes + cache_bytes) / bandwidth
            seconds = max(fetching, batch * operations / rate)
            return {"reader": 1 / seconds, "machine": batch / seconds}

        def operations_once(weight_bytes, cache_bytes, operations, batch, bandwidth, rate):
            """The products must be done for each reader."""
            fetching = (weight_bytes + batch * cache_bytes) / bandwidth
            seconds = max(fetching, operations / rate)
            return {"reader": 1 / seconds, "machine": batch / seconds}

        def shared_out(weight_bytes, cache_bytes, operations, batch, bandwidth, rate):
            """In each step every reader gets a token: you divided among them twice."""
            fetching = (weight_bytes + batch * cache_bytes) / bandwidth
            seconds = max(fetching, batch * operations / rate)
            return {"reader": 1 / seconds / batch, "machine": 1 / seconds}


class q10(Number):
    """Where multiplying takes over

    A card fetches `gb_per_second` and does `tflops` trillion operations per second.
    A dense model keeps `bytes_each` bytes for each parameter; the caches are left out.
    For how many readers at a time does multiplying take as long as fetching the weights?
    """

    points, minutes, chapter = 2, 6, 10
    objective = "find the batch at which arithmetic binds"
    hint = "Set the two times of one step equal. What falls out of the equation?"

    def given(rng):
        return {
            "gb_per_second": rng.randrange(900, 4_000),
            "tflops": rng.randrange(110, 990),
            "bytes_each": rng.choice([2, 4]),
        }

    def solution(gb_per_second, tflops, bytes_each):
        return bytes_each * tflops * 1e12 / (2 * gb_per_second * 1e9)

    def alternate(gb_per_second, tflops, bytes_each):
        seconds_to_fetch_one = bytes_each / (gb_per_second * 1e9)
        seconds_to_use_one = 2 / (tflops * 1e12)
        return seconds_to_fetch_one / seconds_to_use_one

    class wrong:
        def one_operation(gb_per_second, tflops, bytes_each):
            """A parameter is multiplied and the product is added: how many operations are that?"""
            return bytes_each * tflops * 1e3 / gb_per_second

        def bytes_forgotten(gb_per_second, tflops, bytes_each):
            """How many bytes must be fetched for a parameter?"""
            return tflops * 1e3 / (2 * gb_per_second)

        def bytes_below(gb_per_second, tflops, bytes_each):
            """More bytes for each parameter make fetching longer, so multiplying takes over later."""
            return tflops * 1e3 / (2 * gb_per_second * bytes_each)

        def upside_down(gb_per_second, tflops, bytes_each):
            """A card that multiplies faster needs more readers to be busy, not fewer."""
            return 2 * gb_per_second / (bytes_each * tflops * 1e3)


class q11(Function):
    """Drafts

    A small model drafts `n` tokens, and the large one checks them in one pass.
    Each is accepted with probability `p`, if all before it were; at the first refusal the rest is dropped.
    The pass itself writes one token more, whatever was accepted.
    Return the mean number of tokens that a pass of the large model writes.
    """

    points, minutes, chapter = 2, 8, 10
    objective = "compute what speculative decoding gains in the mean"
    hint = "With what probability is draft number k accepted?"
    public = [(1, 0.5), (2, 0.5)]
    edge = [(0, 0.7), (5, 1.0), (4, 0.0)]

    def draw(rng):
        return rng.randrange(3, 10), rng.randrange(30, 95) / 100

    def solution(n, p):
        return sum(p**k for k in range(n + 1))

    def alternate(n, p):
        mean, alive = 1.0, 1.0
        for _ in range(n):
            alive *= p
            mean += alive
        return mean

    class wrong:
        def each_for_itself(n, p):
            """A draft counts only if all before it were accepted."""
            return 1 + n * p

        def all_accepted(n, p):
            """That is the best case."""
            return n + 1

        def own_token_forgotten(n, p):
            """The pass writes one token even if no draft is accepted."""
            return sum(p**k for k in range(1, n + 1))

        def one_too_few(n, p):
            """Look at the last draft: can it be accepted?"""
            return sum(p**k for k in range(max(n, 1)))


class q12(Written):
    """A better sentence

    "The more parameters, the slower the answer."
    In 60 to 150 words: say under which conditions this holds, name one case in which it does not, and write a better sentence of about the same length.
    """

    points, minutes, chapter = 3, 11, 10
    objective = "state a rule about speed with its conditions"
    words = (60, 150)
    rubric = [
        (1, "a condition: same kind of model and precision, same machine, same number of readers"),
        (1, "a case outside it: experts of which few are active, fewer bits, more cards, drafts"),
        (1, "a sentence that is true as it stands and of about the same length"),
    ]
    anchors = {
        "full": 'One reader waits at least as long as it takes to fetch the weights in use. So of two dense models with the same bits on the same machine the larger is slower. DeepSeek-V3 has more parameters than Llama 3.1 405B and fetches fewer for one reader, since it uses few of its experts. Better: "For one reader on one machine, an answer takes longer the more bytes of parameters each token uses." All three points: condition, case, sentence.',
        "half": 'It holds because more numbers must be read. But with a better graphics card a large model can be fast, so it is not always true. Better: "More parameters are usually slower." One point for the case of another machine, and a half for the condition, which is implied only; the sentence still has none.',
        "none": "It is true because the model must search through more parameters until it finds the best answer. No point: nothing is searched, and no condition is named.",
    }
