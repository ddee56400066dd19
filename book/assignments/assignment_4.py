"""Parameters and context

Chapters 11 to 13.
Work in any order; no answer is needed for another.
Positions are counted from 0, and a token looks at itself and at those before it.
"""

from paramlab_course import Choice, Function, Number, Written

points, minutes, chapters = 25, 90, (11, 12, 13)


class q1(Number):
    """Rows for more places

    A model of `n_layers` layers and width `d_model` has a learned row for each of `old_window` places.
    It is to accept `new_window` places.
    How many parameters does it need in addition?
    """

    points, minutes, chapter = 1, 4, 11
    objective = "count what a longer window costs where places are learned"
    hint = "How many rows are added, and how long is each?"

    def given(rng):
        old = rng.choice([512, 1024, 2048])
        return {
            "n_layers": rng.randrange(6, 49),
            "d_model": 64 * rng.randrange(8, 33),
            "old_window": old,
            "new_window": old * rng.choice([3, 4, 8, 16]),
        }

    def solution(n_layers, d_model, old_window, new_window):
        return (new_window - old_window) * d_model

    def alternate(n_layers, d_model, old_window, new_window):
        return new_window * d_model - old_window * d_model

    class wrong:
        def whole_table(n_layers, d_model, old_window, new_window):
            """This is the new table. A part of it was there before."""
            return new_window * d_model

        def in_each_layer(n_layers, d_model, old_window, new_window):
            """The row of a place is added once, below the first layer."""
            return (new_window - old_window) * d_model * n_layers

        def one_number_each(n_layers, d_model, old_window, new_window):
            """A place has a row of numbers, as long as the model is wide."""
            return new_window - old_window


class q2(Function):
    """Turn a vector

    RoPE in the form that turns neighbors: numbers 0 and 1 of `vector` are one pair, 2 and 3 the next, and so on.
    At `position` the pair number `i` is turned counterclockwise by position / base^(2·i/H) radians, where H is the length of the vector, an even number.
    Return the turned vector as a list.
    """

    points, minutes, chapter = 3, 10, 11
    objective = "write the rotation of RoPE from its formula"
    hint = "Turn (a, b) by the angle t, first for a single pair."
    tolerance = 1e-6
    public = [([3.0, 1.0], 1, 100.0), ([1.0, 2.0, 3.0, 4.0], 2, 100.0)]
    edge = [([2.0, 5.0, 1.0, 1.0], 0, 10.0), ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 7, 1000.0)]

    def draw(rng):
        half = rng.randrange(2, 5)
        return [rng.uniform(0.5, 3) for _ in range(2 * half)], rng.randrange(1, 60), 10_000.0

    def solution(vector, position, base):
        from math import cos, sin

        turned = []
        for i in range(len(vector) // 2):
            angle = position / base ** (2 * i / len(vector))
            a, b = vector[2 * i], vector[2 * i + 1]
            turned += [a * cos(angle) - b * sin(angle), a * sin(angle) + b * cos(angle)]
        return turned

    def alternate(vector, position, base):
        from cmath import rect

        turned = []
        for i in range(0, len(vector), 2):
            z = complex(vector[i], vector[i + 1]) * rect(1, position * base ** (-i / len(vector)))
            turned.extend((z.real, z.imag))
        return turned

    class wrong:
        def clockwise(vector, position, base):
            """You turn clockwise: look at the signs of the sines."""
            from cmath import rect

            turned = []
            for i in range(0, len(vector), 2):
                z = complex(vector[i], vector[i + 1])
                z *= rect(1, -position * base ** (-i / len(vector)))
                turned += [z.real, z.imag]
            return turned

        def counted_from_one(vector, position, base):
            """Positions are counted from 0: at position 0 nothing is turned."""
            from cmath import rect

            turned = []
            for i in range(0, len(vector), 2):
                z = complex(vector[i], vector[i + 1])
                z *= rect(1, (position + 1) * base ** (-i / len(vector)))
                turned += [z.real, z.imag]
            return turned

        def one_speed(vector, position, base):
            """Each pair turns at a speed of its own; yours all turn like the first."""
            from cmath import rect

            turned = []
            for i in range(0, len(vector), 2):
                z = complex(vector[i], vector[i + 1]) * rect(1, position)
                turned += [z.real, z.imag]
            return turned

        def half_the_exponent(vector, position, base):
            """Check the exponent: for the last pair it should be nearly 1, and yours is nearly one half."""
            from cmath import rect

            turned = []
            for i in range(0, len(vector), 2):
                z = complex(vector[i], vector[i + 1])
                z *= rect(1, position * base ** (-i / 2 / len(vector)))
                turned += [z.real, z.imag]
            return turned

        def halves_as_pairs(vector, position, base):
            """You pair the first half with the second, another form of RoPE. Here neighbors are pairs."""
            from cmath import rect

            half = len(vector) // 2
            turned = [0.0] * len(vector)
            for i in range(half):
                z = complex(vector[i], vector[i + half])
                z *= rect(1, position * base ** (-2 * i / len(vector)))
                turned[i], turned[i + half] = z.real, z.imag
            return turned


class q3(Number):
    """Notes on a text

    A model has `n_layers` layers with `n_heads` heads of width `d_head`; the heads share `n_kv_heads` key-value heads.
    How many bytes does its cache take for `n_tokens` tokens, at 16 bits a number?
    """

    points, minutes, chapter = 1, 4, 12
    objective = "compute the bytes of a key-value cache"
    hint = "What is kept of one token in one layer?"

    def given(rng):
        shared = rng.choice([4, 8])
        n_kv_heads = rng.randrange(2, 11)
        return {
            "n_layers": rng.randrange(20, 90),
            "n_heads": shared * n_kv_heads,
            "d_head": rng.choice([64, 96, 128]),
            "n_kv_heads": n_kv_heads,
            "n_tokens": rng.randrange(3_000, 99_000),
        }

    def solution(n_layers, n_heads, d_head, n_kv_heads, n_tokens):
        return 2 * n_layers * n_kv_heads * d_head * n_tokens * 2

    def alternate(n_layers, n_heads, d_head, n_kv_heads, n_tokens):
        keys = values = n_kv_heads * d_head
        return n_tokens * n_layers * (keys + values) * 16 // 8

    class wrong:
        def keys_only(n_layers, n_heads, d_head, n_kv_heads, n_tokens):
            """A key alone says where to look. What does the look take over?"""
            return n_layers * n_kv_heads * d_head * n_tokens * 2

        def every_head(n_layers, n_heads, d_head, n_kv_heads, n_tokens):
            """Heads that share their keys and values keep them once."""
            return 4 * n_layers * n_heads * d_head * n_tokens

        def one_layer(n_layers, n_heads, d_head, n_kv_heads, n_tokens):
            """Each layer has keys and values of its own."""
            return 4 * n_kv_heads * d_head * n_tokens

        def at_32_bits(n_layers, n_heads, d_head, n_kv_heads, n_tokens):
            """16 bits are two bytes."""
            return 8 * n_layers * n_kv_heads * d_head * n_tokens


class q4(Function):
    """How much of the work is comparing?

    For each token a model does `per_token` multiply-adds in its matrices, and for each pair that it looks at `per_pair`.
    It reads `n` tokens, and computes no pair that looks ahead.
    Return the share of the pairs in all its multiply-adds.
    """

    points, minutes, chapter = 3, 10, 12
    objective = "set the work of attention against that of the matrices"
    hint = "How many tokens does token number i look at, itself included? Add up."
    public = [(10, 2, 4), (12, 1, 1)]
    edge = [(100, 1, 2), (7, 3, 50), (1, 5, 3)]

    def draw(rng):
        return rng.randrange(1, 2_000), rng.randrange(1, 40), rng.randrange(2, 400)

    def solution(per_token, per_pair, n):
        pairs = per_pair * n * (n + 1) / 2
        return pairs / (pairs + per_token * n)

    def alternate(per_token, per_pair, n):
        matrices = attention = 0
        for i in range(n):
            matrices += per_token
            attention += per_pair * (i + 1)
        return attention / (matrices + attention)

    class wrong:
        def ahead_too(per_token, per_pair, n):
            """You count pairs that look ahead: every token then looks at as many as the last one."""
            return per_pair * n * n / (per_pair * n * n + per_token * n)

        def not_itself(per_token, per_pair, n):
            """A token looks at itself, too."""
            pairs = per_pair * n * (n - 1) / 2
            return pairs / (pairs + per_token * n)

        def against_the_matrices(per_token, per_pair, n):
            """This compares the pairs with the matrices. Asked is their share of the whole."""
            return per_pair * (n + 1) / 2 / per_token


class q5(Function):
    """One key at a time

    A key with the score s counts 2 to the power s; the mixture is the mean of the values, so weighted.
    Go through the keys in order and keep only the largest score so far and sums relative to it.
    Return a list: after each key, the sum of the counts relative to the largest score so far; and as its last element the mixture.
    """

    points, minutes, chapter = 3, 12, 12
    objective = "compute a softmax in one pass with two running sums"
    hint = "What must happen to the sums when a larger score arrives?"
    tolerance = 1e-6
    public = [([1, 3], [4, 8]), ([2, 2, 2], [3, 6, 9])]
    edge = [([5], [7]), ([3, 1, 4], [1, 2, 9]), ([1000, 1003, 1001], [4, 8, 2])]

    def draw(rng):
        n = rng.randrange(4, 8)
        return [rng.randrange(0, 9) for _ in range(n)], [rng.randrange(1, 30) for _ in range(n)]

    def solution(scores, values):
        largest, counts, weighted, sums = scores[0], 0.0, 0.0, []
        for score, value in zip(scores, values):
            new = max(largest, score)
            shrink = 2.0 ** (largest - new)
            counts = counts * shrink + 2.0 ** (score - new)
            weighted = weighted * shrink + value * 2.0 ** (score - new)
            largest = new
            sums.append(counts)
        return sums + [weighted / counts]

    def alternate(scores, values):
        sums = []
        for n in range(1, len(scores) + 1):
            top = max(scores[:n])
            sums.append(sum(2.0 ** (s - top) for s in scores[:n]))
        top = max(scores)
        weights = [2.0 ** (s - top) for s in scores]
        mixture = sum(w * v for w, v in zip(weights, values)) / sum(weights)
        return [*sums, mixture]

    class wrong:
        def never_shrunk(scores, values):
            """When a larger score arrives, what was summed before is still relative to the old one."""
            largest, counts, weighted, sums = scores[0], 0.0, 0.0, []
            for score, value in zip(scores, values):
                largest = max(largest, score)
                counts += 2.0 ** (score - largest)
                weighted += value * 2.0 ** (score - largest)
                sums.append(counts)
            return sums + [weighted / counts]

        def relative_to_the_last(scores, values):
            """You keep the sums relative to the newest score. Take the largest so far."""
            last, counts, weighted, sums = scores[0], 0.0, 0.0, []
            for score, value in zip(scores, values):
                counts = counts * 2.0 ** (last - score) + 1
                weighted = weighted * 2.0 ** (last - score) + value
                last = score
                sums.append(counts)
            return sums + [weighted / counts]

        def not_divided(scores, values):
            """The last element is a mean: what must the weighted sum be divided by?"""
            sums = []
            for n in range(1, len(scores) + 1):
                top = max(scores[:n])
                sums.append(sum(2.0 ** (s - top) for s in scores[:n]))
            top = max(scores)
            return sums + [sum(2.0 ** (s - top) * v for s, v in zip(scores, values))]

        def powers_of_e(scores, values):
            """Counts are powers of 2 here, not of e."""
            from math import exp

            sums = []
            for n in range(1, len(scores) + 1):
                top = max(scores[:n])
                sums.append(sum(exp(s - top) for s in scores[:n]))
            top = max(scores)
            weighted = sum(exp(s - top) * v for s, v in zip(scores, values))
            return sums + [weighted / sums[-1]]


class q6(Number):
    """The bill of a chat

    A chat goes through `turns` turns; in each you ask `asked` tokens and get `answered`.
    With every question the program sends all that was said before, and nothing is cached.
    How many tokens does the provider read in all turns together?
    """

    points, minutes, chapter = 2, 6, 12
    objective = "sum what a growing conversation makes a provider read"
    hint = "What is sent in the third turn?"

    def given(rng):
        return {
            "turns": rng.randrange(5, 40),
            "asked": rng.randrange(20, 300),
            "answered": rng.randrange(301, 700),
        }

    def solution(turns, asked, answered):
        return turns * asked + (asked + answered) * turns * (turns - 1) // 2

    def alternate(turns, asked, answered):
        read = said = 0
        for _ in range(turns):
            read += said + asked
            said += asked + answered
        return read

    class wrong:
        def each_once(turns, asked, answered):
            """So many would be read if the model remembered. What must be sent again?"""
            return turns * asked

        def written_is_read(turns, asked, answered):
            """The answer of a turn is written in it, and read from the next turn on."""
            return (asked + answered) * turns * (turns + 1) // 2

        def questions_only(turns, asked, answered):
            """The model's answers are a part of the conversation, too."""
            return asked * turns * (turns + 1) // 2

        def last_turn(turns, asked, answered):
            """This is what the last turn reads."""
            return (turns - 1) * (asked + answered) + asked


class q7(Choice):
    """Find the error

    (a) RoPE has no table: it turns queries and keys by an angle.
    (b) An angle can be computed for any position.
    (c) So a model with RoPE reads a text of any length as well as one of its trained length.
    (d) In a real model a longer window takes a change of the rule or further training.
    Which step is wrong?
    """

    points, minutes, chapter = 1, 4, 13
    objective = "tell what can be computed from what was trained"
    options = {"a": "step a", "b": "step b", "c": "step c", "d": "step d"}
    answer = "c"
    wrong = {
        "a": "That is what RoPE does; it holds no parameter.",
        "b": "Any number can be put into the rule; what the model makes of the result is another matter.",
        "d": "This is how windows were stretched in the models of chapter 13.",
    }


class q8(Function):
    """Pairs in a window

    A token looks at itself and at those before it, at most at `window` tokens together.
    Return how many pairs a text of `n` tokens has.
    """

    points, minutes, chapter = 2, 8, 12
    objective = "count the pairs of a sliding window"
    hint = "The first tokens have fewer to look at than the window holds."
    public = [(4, 2), (6, 3)]
    edge = [(3, 8), (5, 5), (9, 1)]

    def draw(rng):
        return rng.randrange(20, 400), rng.randrange(2, 60)

    def solution(n, window):
        return sum(min(i + 1, window) for i in range(n))

    def alternate(n, window):
        w = min(n, window)
        return w * (w + 1) // 2 + (n - w) * w

    class wrong:
        def full_windows(n, window):
            """The first tokens cannot fill their window."""
            return n * window

        def itself_besides(n, window):
            """The token itself is one of the tokens in its window."""
            return sum(min(i, window) + 1 for i in range(n))

        def without_itself(n, window):
            """A token looks at itself, too."""
            return sum(min(i, window - 1) for i in range(n))

        def no_window(n, window):
            """These are all pairs; the window leaves out the far ones."""
            return n * (n + 1) // 2


class q9(Number):
    """A larger base

    The pair number i of a head of width `d_head` turns by position / base^(2·i/d_head), where i runs from 0 to d_head/2 − 1.
    To which base must `base` be raised so that the *slowest* pair turns `factor` times more slowly than before?
    """

    points, minutes, chapter = 2, 6, 13
    objective = "derive the base that stretches the slowest pair by a factor"
    hint = "What is the exponent of the slowest pair? It is not 1."
    tolerance = 1e-4

    def given(rng):
        return {
            "d_head": rng.choice([32, 40, 48, 64, 80, 96]),
            "base": rng.choice([10_000, 500_000]),
            "factor": rng.randrange(3, 65),
        }

    def solution(d_head, base, factor):
        return base * factor ** (d_head / (d_head - 2))

    def alternate(d_head, base, factor):
        last = d_head / 2 - 1
        slowest = base ** (2 * last / d_head)
        return (slowest * factor) ** (d_head / (2 * last))

    class wrong:
        def base_times_factor(d_head, base, factor):
            """So the slowest pair is slowed down by a little less than the factor."""
            return base * factor

        def exponent_upside_down(d_head, base, factor):
            """Check by putting your base in: the slowest pair should turn `factor` times more slowly."""
            return base * factor ** ((d_head - 2) / d_head)

        def to_the_factor(d_head, base, factor):
            """A base so large would slow the slowest pair down far more than asked."""
            return base * factor**2

        def squeezed(d_head, base, factor):
            """A smaller base turns the pairs faster."""
            return base / factor


class q10(Function):
    """Effective length

    A model was tested at `lengths` (in rising order), with `scores` in percent.
    Its effective length is the longest tested length up to which every score is above `threshold`.
    Return it, or 0 if there is none.
    """

    points, minutes, chapter = 3, 10, 13
    objective = "turn a table of scores into a claim about a window"
    hint = "What if a score falls below the threshold and the next one rises again?"
    public = [([4, 8, 16], [95, 90, 70], 85), ([4, 8], [80, 70], 85)]
    edge = [
        ([4, 8, 16, 32], [90, 84, 88, 80], 85),
        ([4, 8, 16], [90, 85, 84], 85),
        ([4, 8], [90, 95], 85),
        ([4, 8, 16], [60, 90, 95], 85),
    ]

    def draw(rng):
        n = rng.randrange(4, 9)
        top = rng.randrange(70, 90)
        return [4 * 2**i for i in range(n)], [rng.randrange(65, 99) for _ in range(n)], top

    def solution(lengths, scores, threshold):
        effective = 0
        for length, score in zip(lengths, scores):
            if score <= threshold:
                break
            effective = length
        return effective

    def alternate(lengths, scores, threshold):
        passed = [n for i, n in enumerate(lengths) if min(scores[: i + 1]) > threshold]
        return max(passed, default=0)

    class wrong:
        def longest_that_passes(lengths, scores, threshold):
            """A length does not count if a shorter one has failed."""
            return max((n for n, s in zip(lengths, scores) if s > threshold), default=0)

        def first_that_fails(lengths, scores, threshold):
            """This is the first length that fails; asked is the last before it."""
            for length, score in zip(lengths, scores):
                if score <= threshold:
                    return length
            return lengths[-1]

        def how_many_pass(lengths, scores, threshold):
            """This says how many lengths pass. Which is the last of them?"""
            n = 0
            while n < len(scores) and scores[n] > threshold:
                n += 1
            return n

        def at_the_threshold(lengths, scores, threshold):
            """A score that equals the threshold is not above it."""
            effective = 0
            for length, score in zip(lengths, scores):
                if score < threshold:
                    break
                effective = length
            return effective


class q11(Number):
    """How many windows?

    A tokenizer makes `tokens` tokens of a sample of `characters` characters.
    How many windows of 8,192 tokens does a text of `long` characters of the same kind fill or begin?
    """

    points, minutes, chapter = 1, 4, 13
    objective = "turn characters into tokens and tokens into windows"
    hint = "How many tokens has the long text, about? A window that is begun counts."

    def given(rng):
        return {
            "tokens": rng.randrange(230, 390),
            "characters": rng.randrange(120, 200),
            "long": rng.randrange(120, 990) * 1000,
        }

    def solution(tokens, characters, long):
        from math import ceil

        return ceil(long * tokens / characters / 8192)

    def alternate(tokens, characters, long):
        return -(-long * tokens // (characters * 8192))

    class wrong:
        def full_ones_only(tokens, characters, long):
            """The last window is only begun, but it is needed."""
            return long * tokens // (characters * 8192)

        def ratio_upside_down(tokens, characters, long):
            """You divided by the tokens of a character instead of multiplying."""
            from math import ceil

            return ceil(long * characters / tokens / 8192)

        def a_character_a_token(tokens, characters, long):
            """A character is not a token: what does the sample say?"""
            from math import ceil

            return ceil(long / 8192)


class q12(Written):
    """Accepted or used?

    A colleague writes: "This model has a window of 128,000 tokens, so we give it the whole handbook, and it will know everything in it."
    In 60 to 150 words: say what the window promises and what not, describe a test with a control that would find out, and name one way to work that does not depend on it.
    """

    points, minutes, chapter = 3, 12, 13
    objective = "plan a test of what a window is good for"
    words = (60, 150)
    rubric = [
        (1, "a window says what is accepted, not what is used; nothing warns"),
        (1, "a test on the own text, at several places and lengths, with a control"),
        (1, "a way that does not depend on it: search first, shorter pieces, what matters last"),
    ]
    anchors = {
        "full": "The window only says that a text so long is not refused; a model that overlooks a page answers as surely as ever. Put fifty facts that are in no other source at random places of the handbook, ask for each, and ask the same with only the page of the fact in the text: that is the control. If far places do worse than the control, the window is not used. Meanwhile search the handbook first and give the model the three best pages, the question last. All three points.",
        "half": "The model accepts it but may not find everything, as the test with the magic words showed. One should test it by asking some questions whose answers one knows. One point for the promise, a half for a test that has no places, lengths or control.",
        "none": "128,000 tokens are about 300 pages, so the handbook fits and the model knows it. No point: that it fits was not the question.",
    }
