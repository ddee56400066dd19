"""What is a parameter, and how many are there?

Chapters 1, 2, and 4: counts and bytes, biases, and the conventions behind a count.
The questions can be answered in any order.
"""

from paramlab_course import Choice, Function, Number, Written

points, minutes, chapters = 25, 90, (1, 2, 4)


class q1(Number):
    """Two layers

    A network turns `n_in` numbers into `n_hidden`, and these into `n_out`.
    Each output of each layer has a bias.
    How many parameters does it have?
    """

    points, minutes, chapter = 1, 3, 1
    objective = "count the weights and biases of a network"
    hint = "What does one output of a layer need: how many weights, and what else?"

    def given(rng):
        return {
            "n_in": rng.randrange(20, 60),
            "n_hidden": rng.randrange(70, 99),
            "n_out": rng.randrange(3, 15),
        }

    def solution(n_in, n_hidden, n_out):
        return n_in * n_hidden + n_hidden + n_hidden * n_out + n_out

    def alternate(n_in, n_hidden, n_out):
        return sum((a + 1) * b for a, b in [(n_in, n_hidden), (n_hidden, n_out)])

    class wrong:
        def no_biases(n_in, n_hidden, n_out):
            """These are the weights alone; each output adds a number of its own, too."""
            return n_in * n_hidden + n_hidden * n_out

        def biases_of_inputs(n_in, n_hidden, n_out):
            """A bias belongs to an output of a layer, not to an input."""
            return n_in * n_hidden + n_in + n_hidden * n_out + n_hidden

        def one_bias_per_layer(n_in, n_hidden, n_out):
            """Not each layer has one bias, but each output."""
            return n_in * n_hidden + 1 + n_hidden * n_out + 1

        def numbers_between(n_in, n_hidden, n_out):
            """These are the numbers that pass through; they change with every input."""
            return n_in + n_hidden + n_out


class q2(Number):
    """The size of a file

    A file stores `n` parameters as codes of `bits` bits.
    Each block of 32 codes is followed by one scale of 16 bits.
    How many bytes do the parameters take?
    """

    points, minutes, chapter = 1, 3, 1
    objective = "go from a count and bits to bytes"
    hint = "How many bits does one block of 32 take, scale included?"

    def given(rng):
        return {"n": 32 * rng.randrange(20_000, 90_000), "bits": rng.choice([3, 4, 5, 6])}

    def solution(n, bits):
        return n // 32 * (32 * bits + 16) // 8

    def alternate(n, bits):
        return n * bits / 8 + n / 32 * 2

    class wrong:
        def no_scales(n, bits):
            """These are the codes alone; the scales stand in the file, too."""
            return n * bits // 8

        def bits_for_bytes(n, bits):
            """These are bits; a byte has eight of them."""
            return n // 32 * (32 * bits + 16)

        def scale_for_each(n, bits):
            """A scale is shared by the 32 codes of its block."""
            return n * (bits + 16) // 8

        def two_scales(n, bits):
            """Here a block has a scale and no minimum."""
            return n // 32 * (32 * bits + 32) // 8


class q3(Number):
    """One division

    A model has `n_parameters` parameters, stored with `bits` bits each.
    The memory of a machine delivers `gigabytes_per_second` (a gigabyte is 10^9 bytes).
    For one reader, and one token at a time, what is its ceiling in tokens per second?
    It is right within one percent.
    """

    points, minutes, chapter = 1, 3, 1
    objective = "predict a ceiling of speed with one division"
    hint = "How many bytes does the memory deliver for one token?"
    tolerance = 0.01

    def given(rng):
        return {
            "n_parameters": rng.randrange(5, 90) * 10**8,
            "bits": rng.choice([4, 16]),
            "gigabytes_per_second": rng.randrange(30, 400),
        }

    def solution(n_parameters, bits, gigabytes_per_second):
        return gigabytes_per_second * 10**9 / (n_parameters * bits / 8)

    def alternate(n_parameters, bits, gigabytes_per_second):
        seconds = n_parameters * bits / 8 / (gigabytes_per_second * 1e9)
        return 1 / seconds

    class wrong:
        def bits_for_bytes(n_parameters, bits, gigabytes_per_second):
            """This divides bytes by bits; a byte has eight bits."""
            return gigabytes_per_second * 10**9 / (n_parameters * bits)

        def byte_for_each(n_parameters, bits, gigabytes_per_second):
            """This takes one byte for each parameter; how many bits do they have here?"""
            return gigabytes_per_second * 10**9 / n_parameters

        def seconds_per_token(n_parameters, bits, gigabytes_per_second):
            """These are seconds per token; tokens per second are asked for."""
            return n_parameters * bits / 8 / (gigabytes_per_second * 10**9)

        def powers_of_two(n_parameters, bits, gigabytes_per_second):
            """This takes 2^30 bytes for a gigabyte; here it is 10^9."""
            return gigabytes_per_second * 2**30 / (n_parameters * bits / 8)


class q4(Number):
    """The share of the biases

    A block of a model like GPT-2 has width `d_model`.
    It has four square matrices in attention; an MLP that is four times as wide as the model; a bias for each output of each matrix; and two norms, each with a gain and a bias for every one of the `d_model` numbers.
    What share of the parameters of the block are the biases of its matrices?
    Give a number between 0 and 1.
    """

    points, minutes, chapter = 2, 6, 2
    objective = "compute the share of the biases"
    hint = "Write the weights, the biases, and the norms as multiples of the width."
    tolerance = 0.0005

    def given(rng):
        return {"d_model": rng.randrange(40, 200)}

    def solution(d_model):
        weights = 4 * d_model * d_model + 2 * d_model * 4 * d_model
        biases = 4 * d_model + 4 * d_model + d_model
        norms = 2 * 2 * d_model
        return biases / (weights + biases + norms)

    def alternate(d_model):
        return 9 / (12 * d_model + 13)

    class wrong:
        def norms_too(d_model):
            """This takes the norms for biases; they are of another kind."""
            return 13 / (12 * d_model + 13)

        def biases_of_norms_too(d_model):
            """The norms have biases, too, but only those of the matrices are asked for."""
            return 11 / (12 * d_model + 13)

        def per_weight(d_model):
            """This is biases for each weight; a share is taken of all parameters."""
            return 9 / (12 * d_model)

        def in_percent(d_model):
            """This is in percent; a number between 0 and 1 is asked for."""
            return 900 / (12 * d_model + 13)

        def one_per_matrix(d_model):
            """A matrix does not have one bias, but one for each output."""
            return 6 / (12 * d_model**2 + 4 * d_model + 6)


class q5(Function):
    """A file of several types

    `arrays` lists the arrays of a file, each as its shape and its type: `[[576, 1536], "Q4_1"]`.
    A number of type `"F32"` takes 32 bits.
    The other types store blocks of 32 numbers: `"Q8_0"` 32 codes of 8 bits and a scale of 16 bits; `"Q4_1"` 32 codes of 4 bits, and a scale and a minimum of 16 bits each.
    Return the bytes of all arrays.
    An array with the shape `[]` is a single number.
    """

    points, minutes, chapter = 3, 9, 1
    objective = "add up the bytes of a file of several types"
    hint = "How many numbers has each array, and how many bytes does a block of its type take?"
    public = [([[[2, 32], "F32"], [[32], "Q8_0"]],), ([[[3, 64], "Q4_1"]],)]
    edge = [
        ([],),
        ([[[], "F32"]],),
        ([[[7], "F32"], [[64, 32], "Q8_0"], [[2, 3, 32], "Q4_1"]],),
    ]

    def draw(rng):
        kinds = ["F32", "Q8_0", "Q4_1"]
        return (
            [
                [[rng.randrange(2, 9), 32 * rng.randrange(1, 9)], rng.choice(kinds)]
                for _ in range(rng.randrange(2, 6))
            ],
        )

    def solution(arrays):
        bits_of_32 = {"F32": 32 * 32, "Q8_0": 32 * 8 + 16, "Q4_1": 32 * 4 + 32}
        total = 0
        for shape, kind in arrays:
            n = 1
            for side in shape:
                n *= side
            total += n * bits_of_32[kind] // 32 // 8
        return total

    def alternate(arrays):
        import math

        each = {"F32": 4, "Q8_0": 34 / 32, "Q4_1": 20 / 32}
        return round(sum(math.prod(shape) * each[kind] for shape, kind in arrays))

    class wrong:
        def codes_alone(arrays):
            """The codes are right; what else does a block hold?"""
            import math

            each = {"F32": 4, "Q8_0": 1, "Q4_1": 0.5}
            return round(sum(math.prod(shape) * each[kind] for shape, kind in arrays))

        def no_minimum(arrays):
            """A block of Q4_1 has two numbers of 16 bits."""
            import math

            each = {"F32": 4, "Q8_0": 34 / 32, "Q4_1": 18 / 32}
            return round(sum(math.prod(shape) * each[kind] for shape, kind in arrays))

        def sides_added(arrays):
            """The sides of a shape are multiplied."""
            each = {"F32": 4, "Q8_0": 34 / 32, "Q4_1": 20 / 32}
            return round(sum(sum(shape) * each[kind] for shape, kind in arrays))

        def in_bits(arrays):
            """These are bits; bytes are asked for."""
            import math

            each = {"F32": 32, "Q8_0": 34 / 4, "Q4_1": 20 / 4}
            return round(sum(math.prod(shape) * each[kind] for shape, kind in arrays))

        def last_array(arrays):
            """This is the last array alone; is the sum kept from one array to the next?"""
            import math

            each = {"F32": 4, "Q8_0": 34 / 32, "Q4_1": 20 / 32}
            total = 0
            for shape, kind in arrays:
                total = round(math.prod(shape) * each[kind])
            return total


class q6(Function):
    """Two layers are one

    Without anything between them, two layers are one: their outputs are those of a single layer.
    The first has the biases `first_bias`.
    The second has the biases `second_bias` and the weights `second_weight`: a list for each output, with a weight for each of its inputs.
    Return the biases of the single layer, as a list.
    """

    points, minutes, chapter = 3, 9, 2
    objective = "follow biases through a layer"
    hint = "What comes out of both layers if all inputs are zero?"
    public = [([1, 2], [[3, 4], [5, 6]], [7, 8]), ([1, 0, 2], [[1, 2, 3]], [10])]
    edge = [
        ([2], [[3], [4], [5]], [1, 1, 1]),
        ([0, 0], [[1, 2], [3, 4]], [5, 6]),
        ([1, -1, 2], [[2, 0, 1], [0, 3, -2], [4, 1, 1]], [0, 0, 0]),
    ]

    def draw(rng):
        n_between, n_out = rng.randrange(2, 5), rng.randrange(2, 5)
        return (
            [rng.randrange(-9, 10) for _ in range(n_between)],
            [[rng.randrange(-9, 10) for _ in range(n_between)] for _ in range(n_out)],
            [rng.randrange(1, 10) for _ in range(n_out)],
        )

    def solution(first_bias, second_weight, second_bias):
        result = []
        for weights, bias in zip(second_weight, second_bias):
            for weight, first in zip(weights, first_bias):
                bias = bias + weight * first
            result.append(bias)
        return result

    def alternate(first_bias, second_weight, second_bias):
        import numpy as np

        return np.array(second_weight) @ np.array(first_bias) + np.array(second_bias)

    class wrong:
        def added(first_bias, second_weight, second_bias):
            """The first biases pass through the second layer before they arrive at its outputs."""
            return [a + b for a, b in zip(first_bias, second_bias)]

        def second_alone(first_bias, second_weight, second_bias):
            """These are the second biases; what becomes of the first?"""
            return second_bias

        def first_alone(first_bias, second_weight, second_bias):
            """The second layer adds its own biases, too."""
            return [sum(w * b for w, b in zip(row, first_bias)) for row in second_weight]

        def by_columns(first_bias, second_weight, second_bias):
            """Here each list in the weights belongs to an output, not to an input."""
            return [
                sum(second_weight[i][j] * first_bias[i] for i in range(len(first_bias)))
                + second_bias[j]
                for j in range(len(second_bias))
            ]


class q7(Function):
    """An MLP, with and without a gate

    An MLP widens `d_model` numbers to `d_ff` and brings them back.
    A gated one has a third matrix, of the same shape as the one that widens.
    Return the number of parameters; if `bias` is true, each output of each matrix has a bias.
    """

    points, minutes, chapter = 2, 7, 4
    objective = "count a gated MLP"
    hint = "List the matrices with their inputs and outputs, then the biases of each."
    public = [(2, 8, False, True), (3, 5, True, False)]
    edge = [(1, 1, True, True), (6, 4, True, True), (4, 16, False, False)]

    def draw(rng):
        return rng.randrange(2, 40), rng.randrange(2, 90), rng.random() < 0.6, rng.random() < 0.7

    def solution(d_model, d_ff, gated, bias):
        n_wide = 2 if gated else 1
        total = (n_wide + 1) * d_model * d_ff
        if bias:
            total += n_wide * d_ff + d_model
        return total

    def alternate(d_model, d_ff, gated, bias):
        matrices = [(d_model, d_ff), (d_ff, d_model)] + ([(d_model, d_ff)] if gated else [])
        return sum(n_in * n_out + (n_out if bias else 0) for n_in, n_out in matrices)

    class wrong:
        def gate_ignored(d_model, d_ff, gated, bias):
            """With and without a gate your count is the same."""
            return 2 * d_model * d_ff + (d_ff + d_model if bias else 0)

        def gate_without_bias(d_model, d_ff, gated, bias):
            """The gate's matrix has outputs, and they have biases, too."""
            return (3 if gated else 2) * d_model * d_ff + (d_ff + d_model if bias else 0)

        def bias_ignored(d_model, d_ff, gated, bias):
            """Your count has no biases, whether there are any or not."""
            return (3 if gated else 2) * d_model * d_ff

        def biases_of_the_wide_side(d_model, d_ff, gated, bias):
            """The matrix that leads back has as many outputs as the model is wide."""
            n = 3 if gated else 2
            return n * d_model * d_ff + (n * d_ff if bias else 0)


class q8(Function):
    """Attention whose heads share

    Attention has `n_heads` heads of width `d_head`, and a query for each of them.
    Keys and values belong to `n_kv_heads` heads, which may be fewer.
    Four matrices make the queries, the keys, and the values from `d_model` numbers, and lead the results of all heads back to `d_model` numbers.
    Return the number of parameters; if `bias` is true, each output of each matrix has a bias.
    """

    points, minutes, chapter = 3, 10, 4
    objective = "count attention with fewer key-value heads"
    hint = "How many numbers come out of each of the four matrices?"
    public = [(8, 4, 4, 2, False), (6, 4, 2, 3, True)]
    edge = [(1, 1, 1, 1, True), (10, 4, 1, 5, False), (12, 6, 2, 1, True), (4, 4, 4, 4, True)]

    def draw(rng):
        n_kv_heads = rng.randrange(1, 5)
        n_heads = n_kv_heads * rng.randrange(1, 5)
        return (
            rng.randrange(4, 60), n_heads, n_kv_heads, rng.randrange(2, 20), rng.random() < 0.6
        )  # fmt: skip

    def solution(d_model, n_heads, n_kv_heads, d_head, bias):
        queries = n_heads * d_head
        keys = n_kv_heads * d_head
        total = 2 * d_model * queries + 2 * d_model * keys
        if bias:
            total += queries + 2 * keys + d_model
        return total

    def alternate(d_model, n_heads, n_kv_heads, d_head, bias):
        outputs = [n_heads * d_head, n_kv_heads * d_head, n_kv_heads * d_head]
        total = sum((d_model + bool(bias)) * n for n in outputs)
        return total + (n_heads * d_head + bool(bias)) * d_model

    class wrong:
        def all_heads_alike(d_model, n_heads, n_kv_heads, d_head, bias):
            """This gives every head keys and values of its own."""
            q = n_heads * d_head
            return 4 * d_model * q + (3 * q + d_model if bias else 0)

        def head_width_derived(d_model, n_heads, n_kv_heads, d_head, bias):
            """This derives the width of a head from that of the model; here it is given."""
            h = d_model // n_heads
            q, k = n_heads * h, n_kv_heads * h
            return 2 * d_model * (q + k) + (q + 2 * k + d_model if bias else 0)

        def no_way_back(d_model, n_heads, n_kv_heads, d_head, bias):
            """There is a fourth matrix, which leads back to the width of the model."""
            q, k = n_heads * d_head, n_kv_heads * d_head
            return d_model * (q + 2 * k) + (q + 2 * k if bias else 0)

        def values_not_shared(d_model, n_heads, n_kv_heads, d_head, bias):
            """The heads share the values as they share the keys."""
            q, k = n_heads * d_head, n_kv_heads * d_head
            return d_model * (3 * q + k) + (2 * q + k + d_model if bias else 0)

        def bias_ignored(d_model, n_heads, n_kv_heads, d_head, bias):
            """Your count has no biases, whether there are any or not."""
            return 2 * d_model * (n_heads + n_kv_heads) * d_head


class q9(Function):
    """A mixture of experts

    In each of `n_layers` layers a mixture has `n_experts` gated MLPs: three matrices of `d_model` times `d_ff`, without biases.
    A router, one matrix without biases, gives each expert a score; `n_active` of them then work on the token.
    All else in the model has `rest` parameters.
    Return a list: the total, and what is active for one token (the router always is).
    """

    points, minutes, chapter = 3, 10, 4
    objective = "tell total from active parameters"
    hint = "What is there in eight copies, what once in a layer, and what once in the model?"
    public = [(2, 4, 8, 4, 1, 100), (1, 2, 3, 8, 2, 50)]
    edge = [(1, 1, 1, 1, 1, 0), (3, 5, 7, 6, 6, 10), (4, 6, 2, 10, 3, 1000)]

    def draw(rng):
        n_experts = rng.randrange(3, 12)
        return (
            rng.randrange(2, 9), rng.randrange(2, 20), rng.randrange(2, 40), n_experts,
            rng.randrange(1, n_experts), rng.randrange(100, 9999),
        )  # fmt: skip

    def solution(n_layers, d_model, d_ff, n_experts, n_active, rest):
        expert = 3 * d_model * d_ff
        shared = rest + n_layers * d_model * n_experts
        return [shared + n_layers * n_experts * expert, shared + n_layers * n_active * expert]

    def alternate(n_layers, d_model, d_ff, n_experts, n_active, rest):
        total = rest
        for _ in range(n_layers):
            total += d_model * n_experts
            for _ in range(n_experts):
                total += d_model * d_ff + d_model * d_ff + d_ff * d_model
        return total, total - n_layers * (n_experts - n_active) * d_model * d_ff * 3

    class wrong:
        def everything_copied(n_layers, d_model, d_ff, n_experts, n_active, rest):
            """This copies the whole model for each expert: so a name like 8x7B would be read."""
            one = rest + n_layers * 3 * d_model * d_ff
            return [n_experts * one, n_active * one]

        def no_router(n_layers, d_model, d_ff, n_experts, n_active, rest):
            """Something must choose the experts, and it has parameters."""
            expert = 3 * d_model * d_ff
            return [rest + n_layers * n * expert for n in (n_experts, n_active)]

        def router_partly_active(n_layers, d_model, d_ff, n_experts, n_active, rest):
            """To choose, the router must give every expert a score."""
            expert = 3 * d_model * d_ff + d_model
            return [rest + n_layers * n * expert for n in (n_experts, n_active)]

        def one_router(n_layers, d_model, d_ff, n_experts, n_active, rest):
            """Each layer has a router of its own."""
            expert = 3 * d_model * d_ff
            shared = rest + d_model * n_experts
            return [shared + n_layers * n * expert for n in (n_experts, n_active)]

        def two_matrices(n_layers, d_model, d_ff, n_experts, n_active, rest):
            """These experts have two matrices; a gated MLP has one more."""
            expert = 2 * d_model * d_ff
            shared = rest + n_layers * d_model * n_experts
            return [shared + n_layers * n * expert for n in (n_experts, n_active)]


class q10(Number):
    """Two changes to a count

    A model has `total` parameters.
    Its token table, `vocab_size` rows of `d_model` numbers, is stored once and used twice; another table has a row of `d_model` numbers for each of `n_ctx` positions.
    How many parameters has a model that stores a token table for each use, and computes its positions?
    """

    points, minutes, chapter = 1, 4, 4
    objective = "change the convention of a count"
    hint = "Which array comes, and which one goes?"

    def given(rng):
        return {
            "total": rng.randrange(10**8, 9 * 10**8),
            "vocab_size": rng.randrange(20_000, 60_000),
            "d_model": 64 * rng.randrange(8, 20),
            "n_ctx": 512 * rng.randrange(1, 9),
        }

    def solution(total, vocab_size, d_model, n_ctx):
        return total + vocab_size * d_model - n_ctx * d_model

    def alternate(total, vocab_size, d_model, n_ctx):
        return total + (vocab_size - n_ctx) * d_model

    class wrong:
        def positions_kept(total, vocab_size, d_model, n_ctx):
            """What is computed needs no table."""
            return total + vocab_size * d_model

        def table_not_doubled(total, vocab_size, d_model, n_ctx):
            """The total has the token table once; now it is stored for each of two uses."""
            return total - n_ctx * d_model

        def two_more_tables(total, vocab_size, d_model, n_ctx):
            """One of the two token tables is in the total already."""
            return total + 2 * vocab_size * d_model - n_ctx * d_model

        def table_left_out(total, vocab_size, d_model, n_ctx):
            """This leaves the token table out."""
            return total - vocab_size * d_model - n_ctx * d_model


class q11(Choice):
    """Find the error

    Somebody writes:

    (a) The file of GPT-2 small holds 124,439,808 learned numbers.
    (b) At the output the token table is multiplied with the last column, so a score for every token needs no further matrix.
    (c) Since the table takes part twice in a pass, a program that runs the model must hold it in memory twice.
    (d) A count that takes the table once is therefore a count of what is stored, not of what is multiplied.

    Which step is wrong?
    """

    points, minutes, chapter = 1, 4, 4
    objective = "tell what is stored from what is used"
    options = {"a": "step (a)", "b": "step (b)", "c": "step (c)", "d": "step (d)"}
    answer = "c"
    wrong = {
        "a": "This is the count with every learned array once, and the file stores each once.",
        "b": "A tied table is the matrix of the output; no other one is stored.",
        "d": "The conclusion holds without the step before it: the table is stored once.",
    }


class q12(Number):
    """How high is the pile?

    Print the 174.6 billion parameters of GPT-3, each with `characters` characters, on paper with 3,000 characters to a page and one page to a sheet.
    A sheet is `micrometers` thick (a micrometer is a millionth of a meter).
    How many kilometers high is the pile?
    It is right within five percent.
    """

    points, minutes, chapter = 1, 5, 1
    objective = "estimate a size"
    hint = "How many sheets are there?"
    tolerance = 0.05

    def given(rng):
        return {"characters": rng.randrange(5, 13), "micrometers": rng.randrange(80, 130)}

    def solution(characters, micrometers):
        return 174.6e9 * characters / 3000 * micrometers / 1e9

    def alternate(characters, micrometers):
        sheets = 174_604_259_328 * characters // 3000
        return round(sheets * micrometers / 10**6) / 1000

    class wrong:
        def meters(characters, micrometers):
            """These are meters."""
            return 174.6e9 * characters / 3000 * micrometers / 1e6

        def a_character_each(characters, micrometers):
            """This prints one character of each parameter."""
            return 174.6e9 / 3000 * micrometers / 1e9

        def a_parameter_a_sheet(characters, micrometers):
            """This prints one character on each sheet."""
            return 174.6e9 * characters * micrometers / 1e9


class q13(Written):
    """Two right counts

    One friend has read that GPT-2 small has 124 million parameters, another that it has 163 million.
    Explain to both, in 60 to 150 words, how both figures can be right, and for which question each of them is the better answer.
    """

    points, minutes, chapter = 3, 17, 4
    objective = "say which convention a printed count follows"
    words = (60, 150)
    rubric = [
        (1, "names the token table as what makes the difference"),
        (1, "says that it is stored once and used twice, or stored twice in an untied copy"),
        (1, "gives for each figure a question that it answers"),
    ]
    anchors = {
        "full": "Both counts list the same arrays; they differ in one, the token table, with a row "
        "of 768 numbers for each of 50,257 tokens. The model uses it twice: at the input, to look "
        "up a token, and at the output, to score the next one. In OpenAI's file it is stored once, "
        "and each array taken once gives 124 million: the better answer to how large the file is. "
        "Who counts the table for each of its uses, or builds the model with two separate tables, "
        "comes to 163 million: the better answer to how many parameters the untied model has that "
        "some textbooks train. (Full marks: the array, the reason, and a question for each.)",
        "half": "The difference is the token table, which one of them counted twice because it is "
        "used at the input and at the output. So it depends on how you count. (Array and reason, "
        "but no question that either figure answers: 2 of 3; without the two uses 1.)",
        "none": "One of them read about an older version, and later versions have more parameters. "
        "(It explains the difference by another model: no marks.)",
    }
