"""Inside a transformer, and how it is trained

Chapters 3, 5, and 6.
Work in any order; no answer is needed for another.
Matrices and lists of vectors are lists of lists; a token looks at itself and at those before it.
"""

from paramlab_course import Choice, Function, Number, Written

points, minutes, chapters = 25, 90, (3, 5, 6)


class q1(Number):
    """Shares of a look

    A token's scores for three tokens are `first`, `second` and `third`, and shares go by powers of 2.
    What share, from 0 to 1, does the first one get?
    """

    points, minutes, chapter = 1, 4, 3
    objective = "turn scores into shares by hand"
    hint = "How much does a token with the score s count before anything is divided?"

    def given(rng):
        first, second, third = rng.sample(range(1, 12), 3)
        return {"first": first, "second": second, "third": third}

    def solution(first, second, third):
        return 2**first / (2**first + 2**second + 2**third)

    def alternate(first, second, third):
        return 1 / (1 + 2.0 ** (second - first) + 2.0 ** (third - first))

    class wrong:
        def shared_by_score(first, second, third):
            """Scores are not shared out themselves: a token with the score s counts 2 to the power s."""
            return first / (first + second + third)

        def powers_of_e(first, second, third):
            """Here a score is an exponent of 2."""
            from math import exp

            return exp(first) / (exp(first) + exp(second) + exp(third))

        def against_the_others(first, second, third):
            """A share is taken of all three, the first included."""
            return 2**first / (2**second + 2**third)


class q2(Function):
    """A head

    `queries`, `keys` and `values` hold a list of numbers for each token; queries and keys have H numbers each.
    Return a list: for each token the mixture of values that it takes over, with powers of e and scores divided by the root of H.
    """

    points, minutes, chapter = 3, 12, 3
    objective = "write causal attention from its definition"
    hint = "Begin with the last token alone. Which tokens does it look at, and what divides the scores?"
    tolerance = 1e-6
    public = [
        ([[1.0], [2.0]], [[1.0], [1.0]], [[4.0], [8.0]]),
        ([[3.0, 0.0], [1.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]], [[1.0], [5.0]]),
    ]
    edge = [
        ([[2.0, 1.0, 0.0, 1.0]], [[1.0, 1.0, 1.0, 1.0]], [[3.0, 7.0]]),
        (
            [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]],
            [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
            [[1.0, 2.0], [3.0, 1.0], [5.0, 9.0]],
        ),
    ]

    def draw(rng):
        n, width = rng.randrange(3, 6), rng.choice([2, 4])
        return tuple(
            [[rng.uniform(0.2, 3) for _ in range(width)] for _ in range(n)] for _ in range(3)
        )

    def solution(queries, keys, values):
        import numpy as np

        q, k, v = np.array(queries), np.array(keys), np.array(values)
        counts = np.tril(np.exp(q @ k.T / np.sqrt(q.shape[1])))
        return (counts / counts.sum(axis=1, keepdims=True) @ v).tolist()

    def alternate(queries, keys, values):
        from math import exp, sqrt

        mixtures = []
        for i, q in enumerate(queries):
            counts = [exp(sum(a * b for a, b in zip(q, k)) / sqrt(len(q))) for k in keys[: i + 1]]
            columns = zip(*values[: i + 1])
            mixtures.append(
                [sum(c * x for c, x in zip(counts, column)) / sum(counts) for column in columns]
            )
        return mixtures

    class wrong:
        def looks_ahead(queries, keys, values):
            """Your tokens look ahead, at what a writer does not know yet."""
            import numpy as np

            q, k, v = np.array(queries), np.array(keys), np.array(values)
            counts = np.exp(q @ k.T / np.sqrt(q.shape[1]))
            return (counts / counts.sum(axis=1, keepdims=True) @ v).tolist()

        def not_divided(queries, keys, values):
            """The scores are to be divided by the root of the width of queries and keys."""
            import numpy as np

            q, k, v = np.array(queries), np.array(keys), np.array(values)
            counts = np.tril(np.exp(q @ k.T))
            return (counts / counts.sum(axis=1, keepdims=True) @ v).tolist()

        def divided_by_the_width(queries, keys, values):
            """Divide by the root of the width, not by the width."""
            import numpy as np

            q, k, v = np.array(queries), np.array(keys), np.array(values)
            counts = np.tril(np.exp(q @ k.T / q.shape[1]))
            return (counts / counts.sum(axis=1, keepdims=True) @ v).tolist()

        def masked_after_sharing(queries, keys, values):
            """The shares of a token must add up to 1: leave out the tokens ahead before you divide."""
            import numpy as np

            q, k, v = np.array(queries), np.array(keys), np.array(values)
            counts = np.exp(q @ k.T / np.sqrt(q.shape[1]))
            return (np.tril(counts / counts.sum(axis=1, keepdims=True)) @ v).tolist()

        def zeros_before_the_power(queries, keys, values):
            """A score of zero still counts 1. A token ahead must not count at all."""
            import numpy as np

            q, k, v = np.array(queries), np.array(keys), np.array(values)
            counts = np.exp(np.tril(q @ k.T / np.sqrt(q.shape[1])))
            return (counts / counts.sum(axis=1, keepdims=True) @ v).tolist()


class q3(Number):
    """Looking back

    A model has `n_layers` layers with `n_heads` heads, each `d_head` wide.
    A new token looks at `looked_at` tokens, itself included.
    How many multiplications does it take for the scores and the mixtures alone?
    """

    points, minutes, chapter = 1, 4, 3
    objective = "count the multiplications that grow with the text"
    hint = "How many for one head and one token looked at: for its score, and for its part of the mixture?"

    def given(rng):
        return {
            "n_layers": rng.randrange(41, 90),
            "n_heads": rng.randrange(5, 40),
            "d_head": rng.choice([48, 64, 96, 128]),
            "looked_at": rng.randrange(100, 5_000),
        }

    def solution(n_layers, n_heads, d_head, looked_at):
        return 2 * n_layers * n_heads * d_head * looked_at

    def alternate(n_layers, n_heads, d_head, looked_at):
        score = mixture = d_head * looked_at
        return n_layers * n_heads * (score + mixture)

    class wrong:
        def scores_only(n_layers, n_heads, d_head, looked_at):
            """These are the scores. The shares must still be multiplied with the values."""
            return n_layers * n_heads * d_head * looked_at

        def one_layer(n_layers, n_heads, d_head, looked_at):
            """Every layer looks back."""
            return 2 * n_heads * d_head * looked_at

        def one_head(n_layers, n_heads, d_head, looked_at):
            """Every head looks back by itself."""
            return 2 * n_layers * d_head * looked_at

        def all_pairs(n_layers, n_heads, d_head, looked_at):
            """One new token is asked for, not the whole text."""
            return 2 * n_layers * n_heads * d_head * looked_at**2


class q4(Function):
    """From scores to a token

    `logits` holds a score for each token; the temperature divides them, and probabilities go by powers of e.
    To draw, go through the tokens in order and add up their probabilities; the token is the first at which the sum is above `u`, a number from 0 to 1 drawn by somebody else.
    Return its index.
    """

    points, minutes, chapter = 3, 10, 3
    objective = "sample with a temperature"
    hint = "Print the probabilities first, and check that they add up to 1."
    public = [([0.0, 0.0, 0.0, 0.0], 1.0, 0.6), ([0.0, 3.0, 1.0], 1.0, 0.01)]
    edge = [
        ([1.0, 2.0, 0.0, 2.0], 0.5, 0.7),
        ([1.0, 2.0, 0.0, 2.0], 3.0, 0.2),
        ([2.0, 1.0, 1.5], 2.0, 0.0),
        ([3.0, 1.0, 2.0, 2.5], 4.0, 0.9),
        ([2.0, 0.0, 3.0], 2.0, 0.2),
    ]

    def draw(rng):
        logits = [rng.uniform(-2, 4) for _ in range(rng.randrange(5, 9))]
        return logits, rng.choice([0.3, 0.5, 2.0, 4.0]), rng.random() * 0.98

    def solution(logits, temperature, u):
        from math import exp

        counts = [exp(x / temperature) for x in logits]
        total = 0.0
        for i, count in enumerate(counts):
            total += count / sum(counts)
            if total > u:
                return i
        return len(logits) - 1

    def alternate(logits, temperature, u):
        import numpy as np

        scaled = np.array(logits) / temperature
        p = np.exp(scaled - scaled.max())
        return int(np.searchsorted(np.cumsum(p / p.sum()), u, side="right"))

    class wrong:
        def multiplied(logits, temperature, u):
            """A temperature above 1 should give the unlikely a chance; yours takes it away."""
            import numpy as np

            p = np.exp(np.array(logits) * temperature)
            return int(np.searchsorted(np.cumsum(p / p.sum()), u, side="right"))

        def greedy(logits, temperature, u):
            """This is greedy choice: it never draws."""
            return logits.index(max(logits))

        def temperature_ignored(logits, temperature, u):
            """Your answer does not depend on the temperature."""
            import numpy as np

            p = np.exp(np.array(logits))
            return int(np.searchsorted(np.cumsum(p / p.sum()), u, side="right"))

        def likeliest_first(logits, temperature, u):
            """Go through the tokens in their own order, not from the most probable one down."""
            import numpy as np

            p = np.exp(np.array(logits) / temperature)
            order = np.argsort(-p, kind="stable")
            place = int(np.searchsorted(np.cumsum(p[order] / p.sum()), u, side="right"))
            return int(order[place])


class q5(Number):
    """One step downhill

    A model guesses `words` · a · b, where a is `a` and b is `b`; the right answer is `target`, and the loss is the square of the error.
    Take one step of gradient descent with the step size `step`.
    What is b then?
    """

    points, minutes, chapter = 2, 6, 5
    objective = "find a slope by the chain rule and take a step"
    hint = "Write down the error, then how fast the guess changes with b."

    def given(rng):
        words, a, b = rng.randrange(3, 8), rng.randrange(2, 6), rng.randrange(6, 11)
        return {
            "words": words,
            "a": a,
            "b": b,
            "target": words * a * b + rng.choice([-1, 1]) * rng.randrange(3, 30),
            "step": rng.choice([0.001, 0.002, 0.005]),
        }

    def solution(words, a, b, target, step):
        return b - step * 2 * (words * a * b - target) * words * a

    def alternate(words, a, b, target, step):
        letters = words * a
        slope_of_guess = 2 * (letters * b - target)
        return b - step * (slope_of_guess * letters)

    class wrong:
        def uphill(words, a, b, target, step):
            """The loss grows with this step: go against the slope."""
            return b + step * 2 * (words * a * b - target) * words * a

        def without_the_two(words, a, b, target, step):
            """The slope of a square has a factor of 2."""
            return b - step * (words * a * b - target) * words * a

        def words_forgotten(words, a, b, target, step):
            """How fast does the guess change with b? Not only a stands before it."""
            return b - step * 2 * (words * a * b - target) * a

        def slope_of_the_guess(words, a, b, target, step):
            """This is the slope of the guess; multiply it by how fast the guess changes with b."""
            return b - step * 2 * (words * a * b - target)

        def slope_of_a(words, a, b, target, step):
            """This takes the slope of a."""
            return b - step * 2 * (words * a * b - target) * words * b


class q6(Function):
    """A pass back

    A model multiplies `x` by all `weights`, one after the other; the loss is the square of the difference to `target`.
    Return the slopes of the loss in all weights, as a list.
    A weight may be zero.
    """

    points, minutes, chapter = 3, 12, 5
    objective = "find all slopes of a chain of products"
    hint = (
        "How fast does the guess change with one weight? Try it with weights of which one is zero."
    )
    tolerance = 1e-9
    public = [(2, [3, 1], 10), (1, [2, 2, 2], 9)]
    edge = [(2, [0, 3], 5), (3, [2, 0, 4, 1], 7), (5, [], 3), (1, [4], 4)]

    def draw(rng):
        n = rng.randrange(2, 6)
        return rng.randrange(1, 5), [rng.randrange(-4, 6) for _ in range(n)], rng.randrange(1, 50)

    def solution(x, weights, target):
        before = [x]
        for w in weights:
            before.append(before[-1] * w)
        slope = 2 * (before[-1] - target)
        slopes = []
        for w, came_in in zip(reversed(weights), reversed(before[:-1])):
            slopes.insert(0, slope * came_in)
            slope *= w
        return slopes

    def alternate(x, weights, target):
        from math import prod

        error = 2 * (x * prod(weights) - target)
        return [error * x * prod(weights[:i] + weights[i + 1 :]) for i in range(len(weights))]

    class wrong:
        def by_division(x, weights, target):
            """Dividing the guess by a weight fails where the weight is zero."""
            from math import prod

            guess = x * prod(weights)
            return [2 * (guess - target) * guess / w for w in weights]

        def without_the_two(x, weights, target):
            """The slope of a square has a factor of 2."""
            from math import prod

            error = x * prod(weights) - target
            return [error * x * prod(weights[:i] + weights[i + 1 :]) for i in range(len(weights))]

        def only_what_came_in(x, weights, target):
            """What follows a weight multiplies its slope as well."""
            from math import prod

            error = 2 * (x * prod(weights) - target)
            return [error * x * prod(weights[:i]) for i in range(len(weights))]

        def only_what_follows(x, weights, target):
            """What comes into a weight multiplies its slope as well."""
            from math import prod

            error = 2 * (x * prod(weights) - target)
            return [error * prod(weights[i + 1 :]) for i in range(len(weights))]

        def of_the_guess(x, weights, target):
            """These are the slopes of the guess, not of the loss."""
            from math import prod

            return [x * prod(weights[:i] + weights[i + 1 :]) for i in range(len(weights))]


class q7(Function):
    """What an optimizer remembers

    Adam, for one weight: after each of the `slopes` it updates two means that begin at 0, m to 0.9·m + 0.1·slope and s to 0.99·s + 0.01·slope².
    After step number t, counted from 1, it divides m by 1 − 0.9^t and s by 1 − 0.99^t, and moves the weight by −`rate` times the first over the root of the second.
    Return how far the weight has moved in all; no slope is zero.
    """

    points, minutes, chapter = 2, 8, 5
    objective = "write an optimizer from its formula"
    hint = "Do the first step by hand: it should have the size of the rate, whatever the slope."
    tolerance = 1e-6
    public = [([5.0], 0.1), ([1.0, -2.0], 0.1)]
    edge = [([-3.0], 0.01), ([4.0, 4.0, 4.0], 0.5)]

    def draw(rng):
        n = rng.randrange(3, 9)
        return [rng.choice([-1, 1]) * rng.uniform(0.1, 9) for _ in range(n)], rng.uniform(0.001, 1)

    def solution(slopes, rate):
        from math import sqrt

        moved = m = s = 0.0
        for t, slope in enumerate(slopes, 1):
            m = 0.9 * m + 0.1 * slope
            s = 0.99 * s + 0.01 * slope**2
            moved -= rate * (m / (1 - 0.9**t)) / sqrt(s / (1 - 0.99**t))
        return moved

    def alternate(slopes, rate):
        moved = 0.0
        for t in range(1, len(slopes) + 1):
            newest_first = slopes[:t][::-1]
            m = sum(0.1 * 0.9**i * g for i, g in enumerate(newest_first)) / (1 - 0.9**t)
            s = sum(0.01 * 0.99**i * g * g for i, g in enumerate(newest_first)) / (1 - 0.99**t)
            moved += -rate * m * s**-0.5
        return moved

    class wrong:
        def uncorrected(slopes, rate):
            """The means begin at 0 and are too small at first: divide as the question says."""
            from math import sqrt

            moved = m = s = 0.0
            for slope in slopes:
                m = 0.9 * m + 0.1 * slope
                s = 0.99 * s + 0.01 * slope**2
                moved -= rate * m / sqrt(s)
            return moved

        def no_root(slopes, rate):
            """Divide by the root of the mean of squares."""
            moved = m = s = 0.0
            for t, slope in enumerate(slopes, 1):
                m = 0.9 * m + 0.1 * slope
                s = 0.99 * s + 0.01 * slope**2
                moved -= rate * (m / (1 - 0.9**t)) / (s / (1 - 0.99**t))
            return moved

        def uphill(slopes, rate):
            """The weight should move against its slopes."""
            from math import sqrt

            moved = m = s = 0.0
            for t, slope in enumerate(slopes, 1):
                m = 0.9 * m + 0.1 * slope
                s = 0.99 * s + 0.01 * slope**2
                moved += rate * (m / (1 - 0.9**t)) / sqrt(s / (1 - 0.99**t))
            return moved

        def last_move(slopes, rate):
            """This is the last move; all of them are to be added."""
            from math import sqrt

            moved = m = s = 0.0
            for t, slope in enumerate(slopes, 1):
                m = 0.9 * m + 0.1 * slope
                s = 0.99 * s + 0.01 * slope**2
                moved = -rate * (m / (1 - 0.9**t)) / sqrt(s / (1 - 0.99**t))
            return moved

        def counted_from_zero(slopes, rate):
            """The first step has the number 1."""
            from math import sqrt

            moved = m = s = 0.0
            for t, slope in enumerate(slopes):
                m = 0.9 * m + 0.1 * slope
                s = 0.99 * s + 0.01 * slope**2
                correct = (1 - 0.9**t) / sqrt(1 - 0.99**t) if t else 1.0
                moved -= rate * m / sqrt(s) / correct
            return moved


class q8(Choice):
    """Find the error

    (a) In texts on music we looked for the 500 units that are loudest.
    (b) Silenced, they cost such texts two nats.
    (c) So these units hold what the model knows of music.
    (d) Other texts were not tried.
    Which step does not follow from what was done?
    """

    points, minutes, chapter = 1, 4, 6
    objective = "name the control that an inference lacks"
    options = {"a": "step a", "b": "step b", "c": "step c", "d": "step d"}
    answer = "c"
    wrong = {
        "a": "This says what was done. What it can show is another question.",
        "b": "This is a measurement, and may well be right.",
        "d": "This says what was not done; it is the reason why another step does not follow.",
    }


class q9(Function):
    """An effect and its interval

    For each subject, `own` is what it loses when its units are silenced, and `others` what other subjects lose then; `loud_own` and `loud_others` are the same for equally loud units.
    The effect on a subject is how much larger the difference between own and others is for its units than for the loud ones.
    Return a list of two: the mean effect over the subjects, and 1.96 times its standard error (with n − 1 for n subjects).
    """

    points, minutes, chapter = 3, 12, 6
    objective = "compute an effect against two controls, with an interval over subjects"
    hint = "Write one number for each subject first; the interval is that of their mean."
    tolerance = 1e-6
    public = [
        ([3.0, 5.0], [1.0, 2.0], [2.0, 2.0], [1.0, 2.0]),
        ([2.0, 4.0, 9.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]),
    ]
    edge = [
        ([1.0, 1.5, 4.0], [2.0, 0.5, 1.0], [1.0, 2.0, 0.0], [0.5, 3.0, 1.0]),
        ([1.0, 3.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0]),
    ]

    def draw(rng):
        n = rng.randrange(4, 12)
        return tuple([rng.uniform(0, 3) for _ in range(n)] for _ in range(4))

    def solution(own, others, loud_own, loud_others):
        from math import sqrt
        from statistics import mean, stdev

        effects = [(a - b) - (c - d) for a, b, c, d in zip(own, others, loud_own, loud_others)]
        return [mean(effects), 1.96 * stdev(effects) / sqrt(len(effects))]

    def alternate(own, others, loud_own, loud_others):
        import numpy as np

        effects = np.array(own) - others - loud_own + np.array(loud_others)
        return [float(effects.mean()), float(1.96 * effects.std(ddof=1) * len(own) ** -0.5)]

    class wrong:
        def no_loud_control(own, others, loud_own, loud_others):
            """Loud units matter for everything: the second control is missing."""
            from statistics import mean, stdev

            effects = [a - b for a, b in zip(own, others)]
            return [mean(effects), 1.96 * stdev(effects) / len(effects) ** 0.5]

        def no_other_subjects(own, others, loud_own, loud_others):
            """Compare with what other subjects lose, too."""
            from statistics import mean, stdev

            effects = [a - c for a, c in zip(own, loud_own)]
            return [mean(effects), 1.96 * stdev(effects) / len(effects) ** 0.5]

        def spread_of_the_subjects(own, others, loud_own, loud_others):
            """This says how far subjects differ. The error of their mean is smaller."""
            from statistics import mean, stdev

            effects = [(a - b) - (c - d) for a, b, c, d in zip(own, others, loud_own, loud_others)]
            return [mean(effects), 1.96 * stdev(effects)]

        def divided_by_n(own, others, loud_own, loud_others):
            """The standard deviation of a sample divides by n - 1."""
            from statistics import mean, pstdev

            effects = [(a - b) - (c - d) for a, b, c, d in zip(own, others, loud_own, loud_others)]
            return [mean(effects), 1.96 * pstdev(effects) / len(effects) ** 0.5]

        def controls_added(own, others, loud_own, loud_others):
            """Look at the signs: what other subjects lose by loud units is subtracted twice."""
            from statistics import mean, stdev

            effects = [a - b - c - d for a, b, c, d in zip(own, others, loud_own, loud_others)]
            return [mean(effects), 1.96 * stdev(effects) / len(effects) ** 0.5]


class q10(Number):
    """Room for facts

    Suppose that a model of `million_parameters` holds 2 bits per parameter and nothing else.
    A fact is an answer of `tokens` tokens, each one of `vocabulary` that are all equally likely.
    How many such facts are there room for? (A fraction may remain.)
    """

    points, minutes, chapter = 2, 5, 6
    objective = "turn bits per parameter into a number of facts"
    hint = "How many bits name one token of so many?"
    tolerance = 1e-4

    def given(rng):
        return {
            "million_parameters": rng.randrange(100, 990),
            "tokens": rng.randrange(2, 9),
            "vocabulary": 1000 * rng.randrange(30, 200),
        }

    def solution(million_parameters, tokens, vocabulary):
        from math import log2

        return 2 * million_parameters * 1e6 / (tokens * log2(vocabulary))

    def alternate(million_parameters, tokens, vocabulary):
        from math import log

        return 2e6 * million_parameters * log(2) / log(vocabulary**tokens)

    class wrong:
        def nats(million_parameters, tokens, vocabulary):
            """You measured a token in nats; the room is given in bits."""
            from math import log

            return 2e6 * million_parameters / (tokens * log(vocabulary))

        def one_token(million_parameters, tokens, vocabulary):
            """An answer has several tokens."""
            from math import log2

            return 2e6 * million_parameters / log2(vocabulary)

        def a_bit_for_each_choice(million_parameters, tokens, vocabulary):
            """To name one of n things takes the logarithm of n bits, not n bits."""
            return 2e6 * million_parameters / (tokens * vocabulary)

        def one_bit_each(million_parameters, tokens, vocabulary):
            """How many bits does a parameter hold here?"""
            from math import log2

            return 1e6 * million_parameters / (tokens * log2(vocabulary))


class q11(Number):
    """What a nat is

    A change to a model raises its loss on a text by `nats` nats.
    By what factor does the (geometric) mean chance of the right token change?
    """

    points, minutes, chapter = 1, 3, 5
    objective = "read a difference of losses as a factor of chances"
    hint = "The loss is minus the natural logarithm of a chance. The factor here is below 1."
    tolerance = 1e-4

    def given(rng):
        return {"nats": rng.randrange(11, 290) / 100}

    def solution(nats):
        from math import exp

        return exp(-nats)

    def alternate(nats):
        from math import e

        return 1 / e**nats

    class wrong:
        def a_share_lost(nats):
            """A loss is a logarithm: a nat is not a hundred percent."""
            return 1 - nats

        def bits(nats):
            """This takes the loss for bits."""
            return 2**-nats

        def it_rises(nats):
            """A higher loss is a lower chance."""
            from math import exp

            return exp(nats)


class q12(Written):
    """Where is it kept?

    "We removed layer 20, and the model no longer knew any capital; so that is where capitals are kept."
    In 60 to 150 words: say what the experiment shows and what not, and describe one further measurement that could decide between "kept there" and "only passing through", with the result that each view expects.
    """

    points, minutes, chapter = 3, 10, 6
    objective = "tell harm from place, and plan a deciding measurement"
    words = (60, 150)
    rubric = [
        (1, "harm shows that something needed was removed, not that knowledge lay there"),
        (
            1,
            "a measurement with a control: another layer, other questions, an exchange between two inputs",
        ),
        (1, "what each of the two views expects of it, so that it can decide"),
    ]
    anchors = {
        "full": "Removing a layer breaks whatever passes through it, so capitals would also be lost if layer 20 only carried them. Control: remove other layers one by one, and ask other questions. To decide, exchange at the entry of layer 20 the column of France with that of Japan. If the answer is kept in layer 20 and fetched by the name, little below matters, and the exchanged columns bring the other capital only if they carry the name; if the answer was made below, exchanging the last word's column just above is what brings it. All three points.",
        "half": "It does not prove it, because removing a layer is always harmful. One should also remove layer 19 and see whether capitals are lost then. One point for harm, a half for a control without saying what follows from it.",
        "none": "It shows that layer 20 contains the capitals, but larger models may keep them elsewhere. No point: the inference itself was to be questioned.",
    }
