"""Training: equal to torch's AdamW, the same after an interruption, and clear about what fails."""

import json
import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paramlab import memory
from paramlab.corpus import Characters
from paramlab.files.runs import resume, save, saving
from paramlab.files.store import read_arrays, save_arrays
from paramlab.params import shapes
from paramlab.sampling import generate
from paramlab.training import (
    Plan,
    Run,
    adamw,
    global_norm,
    initialize,
    learning_rate,
    next_token_loss,
    start,
    take_step,
    train,
)
from paramlab.tree import Model, flatten
from random_models import STYLES, random_params

ORACLE = json.loads((Path(__file__).parent / "oracles" / "gradients.json").read_text())["adamw"]
CONFIG = STYLES["gpt2"]
PLAN = Plan(n_steps=12, batch_size=4, n_tokens=10, learning_rate=0.01, warmup_steps=3)
TEXT = np.arange(200) * 7 % CONFIG.vocab_size


def quiet(run: Run, data=TEXT, **options) -> Run:
    return train(run, data, progress=False, **options)


# ------------------------------------------------------------------ where training starts


@pytest.mark.parametrize("style", STYLES)
def test_a_new_model_knows_nothing(style):
    config = STYLES[style]
    params = initialize(config)
    tokens = np.random.default_rng(0).integers(0, config.vocab_size, (8, 17))
    assert flatten(params).keys() == {a.name for a in shapes(config) if not a.tied_to}
    assert {array.dtype for array in flatten(params).values()} == {np.dtype(np.float32)}
    assert next_token_loss(params, config, tokens) == pytest.approx(
        math.log(config.vocab_size), rel=0.01
    )


def test_gains_multiply_by_one_and_biases_add_nothing():
    for name, array in flatten(initialize(STYLES["gpt2"])).items():
        if name.endswith(("gain", "bias")):
            assert (array == (1 if name.endswith("gain") else 0)).all()


def test_what_writes_into_the_residual_stream_starts_smaller():
    config = replace(CONFIG, n_layers=8, d_model=64, d_ff=64)
    for name, array in flatten(initialize(config)).items():
        if array.ndim == 2:
            writes = name.endswith((".attention.o.weight", ".mlp.down.weight"))
            expected = 0.02 / math.sqrt(2 * 8) if writes else 0.02
            assert array.std() == pytest.approx(expected, rel=0.08), name


def test_a_seed_gives_one_start():
    first, same, other = (flatten(initialize(CONFIG, seed)) for seed in (1, 1, 2))
    assert all((first[name] == same[name]).all() for name in first)
    assert (first["embedding.tokens"] != other["embedding.tokens"]).all()


# ------------------------------------------------------------------ the optimizer


def test_adamw_equals_that_of_torch():
    plan = Plan(
        n_steps=9, warmup_steps=0, final_fraction=1, weight_decay=ORACLE["weight_decay"],
        beta1=ORACLE["betas"][0], beta2=ORACLE["betas"][1],
    )  # fmt: skip
    params = {name: np.array(p) for name, p in ORACLE["start"].items()}
    moments = tuple({name: np.zeros_like(p) for name, p in params.items()} for _ in range(2))
    rates = ORACLE["learning_rates"]
    steps = zip(rates, ORACLE["gradients"], ORACLE["after"], strict=True)
    for step, (rate, listed, after) in enumerate(steps):
        gradients = {name: np.array(g) for name, g in listed.items()}
        adamw(params, gradients, moments, replace(plan, learning_rate=rate), step)
        for name, expected in after.items():
            assert np.abs(params[name] - expected).max() < 1e-12


def test_the_learning_rate_rises_in_a_line_and_falls_along_a_cosine():
    plan = Plan(n_steps=100, learning_rate=2.0, warmup_steps=10, final_fraction=0.25)
    rates = [learning_rate(plan, step) for step in range(100)]
    assert rates[:10] == pytest.approx(np.linspace(0.2, 2.0, 10))
    assert max(rates) == rates[9] == rates[10]
    assert rates[-1] == pytest.approx(0.5)
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[10] + rates[99] == pytest.approx(rates[40] + rates[69])  # a cosine's symmetry


@pytest.mark.parametrize(("n_steps", "warmup_steps"), [(1, 0), (1, 1), (2, 1), (5, 5)])
def test_the_learning_rate_of_short_runs(n_steps, warmup_steps):
    plan = Plan(n_steps=n_steps, learning_rate=1.0, warmup_steps=warmup_steps)
    assert all(0 < learning_rate(plan, step) <= 1 for step in range(n_steps))


def test_the_first_step_is_as_long_as_the_first_learning_rate():
    run = start(CONFIG, PLAN)  # at first m / sqrt(v) is the sign of the gradient
    before = run.params["blocks"][0]["mlp"]["up"]["bias"].copy()
    take_step(run, TEXT[:44].reshape(4, 11))
    moved = np.abs(run.params["blocks"][0]["mlp"]["up"]["bias"] - before)
    assert np.median(moved) == pytest.approx(PLAN.learning_rate / PLAN.warmup_steps, rel=0.01)


def test_long_gradients_are_shortened_and_short_ones_left_alone():
    def moved(clip_norm: float) -> Run:
        run = start(CONFIG, replace(PLAN, clip_norm=clip_norm))
        take_step(run, TEXT[:44].reshape(4, 11))
        return run

    for clip_norm in (1e-3, 1e9):
        first = flatten(moved(clip_norm).first_moment)
        length = global_norm(first.values()) / (1 - PLAN.beta1)
        unclipped = global_norm(flatten(moved(1e8).first_moment).values()) / (1 - PLAN.beta1)
        assert length == pytest.approx(min(clip_norm, unclipped), rel=1e-4)


def test_where_the_loss_is_flat_nothing_moves():
    run = start(CONFIG, replace(PLAN, weight_decay=0.0))
    before = {name: array.copy() for name, array in flatten(run.params).items()}
    take_step(run, None, lambda params, config, batch: (params["final_norm"]["gain"] * 0).sum())
    assert all((array == before[name]).all() for name, array in flatten(run.params).items())


def test_only_matrices_and_tables_decay():
    run = start(CONFIG, replace(PLAN, weight_decay=0.5, learning_rate=0.1, warmup_steps=0))
    before = {name: array.copy() for name, array in flatten(run.params).items()}
    nothing = {name: np.zeros_like(array) for name, array in before.items()}
    adamw(run.params, nothing, (run.first_moment, run.second_moment), run.plan, step=0)
    for name, array in flatten(run.params).items():
        factor = 0.95 if array.ndim > 1 else 1
        assert np.allclose(array, factor * before[name])


# ------------------------------------------------------------------ the loop


def test_a_model_learns_what_can_be_learned():
    run = quiet(start(CONFIG, replace(PLAN, n_steps=150)))
    assert run.losses[0] == pytest.approx(math.log(CONFIG.vocab_size), rel=0.03)
    assert run.losses[-1] < run.losses[0] / 10  # each token says which one follows


def test_given_parameters_are_not_changed():
    params = initialize(CONFIG)
    before = {name: array.copy() for name, array in flatten(params).items()}
    run = quiet(start(CONFIG, PLAN, params))
    for name, array in flatten(params).items():
        assert (array == before[name]).all()
        assert name.endswith("k.bias") or (flatten(run.params)[name] != array).any()


def test_another_loss_and_other_data():
    def draw(rng):
        return rng.normal(size=3)

    seen = []

    def loss(params, config, batch):
        seen.append(batch)
        return (params["final_norm"]["gain"] * params["final_norm"]["gain"]).sum()

    run = quiet(start(CONFIG, PLAN), draw, loss=loss)
    assert run.losses == sorted(run.losses, reverse=True)
    quiet(start(CONFIG, replace(PLAN, seed=1)), draw, loss=loss)
    assert len({tuple(batch) for batch in seen}) == 2 * PLAN.n_steps  # the seed decides them too


def test_progress_goes_to_standard_error(capsys):
    steps = []
    train(start(CONFIG, PLAN), TEXT, after_step=lambda run: steps.append(run.step))
    output = capsys.readouterr()
    assert output.out == ""
    assert "12/12" in output.err and "loss=" in output.err
    assert steps == list(range(1, 13))


# ------------------------------------------------------------------ interruptions


def saved_until(path, n_steps):
    """Return what saves every step before this one, and stops there."""

    def save_or_stop(run):
        if run.step == n_steps:
            raise KeyboardInterrupt
        save(run, path)

    return save_or_stop


@pytest.mark.parametrize("n_steps", [1, 3, 7, 12])
def test_a_resumed_run_gives_the_same_losses_and_weights(tmp_path, n_steps):
    path = tmp_path / "run.safetensors"
    whole = quiet(start(CONFIG, PLAN))
    with pytest.raises(KeyboardInterrupt):
        quiet(start(CONFIG, PLAN), after_step=saved_until(path, min(n_steps + 1, 12)))
    resumed = resume(path, CONFIG, PLAN)
    assert resumed.step == min(n_steps, 11)
    assert resumed.losses == whole.losses[: resumed.step]
    quiet(resumed)
    assert resumed.losses == whole.losses
    for part in ("params", "first_moment", "second_moment"):
        ours, theirs = flatten(vars(whole)[part]), flatten(vars(resumed)[part])
        assert all((ours[name] == theirs[name]).all() for name in ours)


def test_checkpoints_are_written_as_often_as_asked_and_at_the_end(tmp_path):
    path, seen = tmp_path / "run.safetensors", []
    save_now_and_then = saving(path, every=5)

    def look(run):
        save_now_and_then(run)
        seen.append(path.exists() and resume(path, CONFIG, PLAN).step)

    quiet(start(CONFIG, PLAN), after_step=look)
    assert seen == [False] * 4 + [5] * 5 + [10] * 2 + [12]
    assert resume(path, CONFIG, PLAN).step == 12
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_needs_its_place_before_the_first_step(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="^there is no folder .*nowhere for the checkpoint$"):
        saving(tmp_path / "nowhere" / "run.safetensors")
    with pytest.raises(ValueError, match="^the checkpoint .* is a folder; name a file in it$"):
        saving(tmp_path)
    with pytest.raises(ValueError, match="^every is 0; it must be a positive whole number$"):
        saving(tmp_path / "run.safetensors", every=0)

    def full(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(ValueError, match="^no checkpoint can be written .*No space left"):
        saving(tmp_path / "run.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_write_that_is_interrupted_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    run = quiet(start(CONFIG, replace(PLAN, n_steps=3)))
    save(run, path)
    before = path.read_bytes()

    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(run, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_checkpoints_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    save(start(CONFIG, PLAN), path)
    with pytest.raises(ValueError, match="was made with n_layers 2, not 3$"):
        resume(path, replace(CONFIG, n_layers=3), PLAN)
    with pytest.raises(ValueError, match=r"was made with learning_rate 0.01, not 0.5$"):
        resume(path, CONFIG, replace(PLAN, learning_rate=0.5))
    whole = path.read_bytes()
    for damaged in (b"", whole[:5], whole[:200], whole[:-1], b"not a checkpoint"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="^no run can be resumed from .*run.safetensors: "):
            resume(path, CONFIG, PLAN)
    path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
    with pytest.raises(ValueError, match="content is not what was saved: it is damaged"):
        resume(path, CONFIG, PLAN)
    save_arrays(path, {"x": np.zeros(2)}, {})
    with pytest.raises(ValueError, match="not a checkpoint of a training run"):
        resume(path, CONFIG, PLAN)
    with pytest.raises(FileNotFoundError):
        resume(tmp_path / "missing", CONFIG, PLAN)


@pytest.mark.parametrize("part", ["params", "second_moment"])
@pytest.mark.parametrize(
    ("array", "message"),
    [(None, r"final_norm.gain \(32,\) is missing"), (np.ones(1), r"gain has the shape \(1,\)")],
)
def test_a_checkpoint_with_other_arrays_is_refused(tmp_path, part, array, message):
    path = tmp_path / "run.safetensors"
    save(start(CONFIG, PLAN), path)
    arrays, metadata = read_arrays(path)
    changed = {f"{part}.final_norm.gain": array}
    kept = {name: a for name, a in (arrays | changed).items() if a is not None}
    save_arrays(path, kept, metadata)
    with pytest.raises(ValueError, match=message):
        resume(path, CONFIG, PLAN)


def test_a_run_in_float64_resumes_in_float64(tmp_path):
    path, params = tmp_path / "run.safetensors", random_params(CONFIG, dtype=np.float64)
    whole = quiet(start(CONFIG, PLAN, params))
    with pytest.raises(KeyboardInterrupt):
        quiet(start(CONFIG, PLAN, params), after_step=saved_until(path, 6))
    resumed = quiet(resume(path, CONFIG, PLAN))
    assert resumed.losses == whole.losses
    assert {a.dtype for a in flatten(vars(resumed)["first_moment"]).values()} == {np.dtype("f8")}


def test_data_that_hold_no_token_are_refused_before_the_first_step():
    for wrong in (-1, CONFIG.vocab_size):
        run, data = start(CONFIG, PLAN), TEXT.copy()
        data[-1] = wrong  # only ever a target
        with pytest.raises(ValueError, match=f"token id {wrong} is not in the vocabulary"):
            quiet(run, data)
        assert run.step == 0
        with pytest.raises(ValueError, match=f"token id {wrong} is not in the vocabulary"):
            next_token_loss(run.params, CONFIG, data[None, -5:])
    for shape in ((5,), (2, 1), (1, 2, 3)):
        with pytest.raises(ValueError, match="a batch has the shape"):
            next_token_loss(run.params, CONFIG, np.zeros(shape, int))


def test_parameters_of_another_model_are_refused():
    with pytest.raises(ValueError, match="the array embedding.positions .* is missing"):
        start(CONFIG, PLAN, random_params(STYLES["llama"]))
    params = random_params(CONFIG)
    params["blocks"][1]["mlp"]["up"]["bias"][3] = np.nan
    with pytest.raises(ValueError, match="blocks.1.mlp.up.bias holds a number that is not finite"):
        start(CONFIG, PLAN, params)


def test_a_loss_that_is_not_finite_stops_the_run_before_it_spoils_the_weights():
    run = quiet(start(CONFIG, PLAN), after_step=lambda run: None)
    run.plan = replace(PLAN, n_steps=20)
    before = {name: array.copy() for name, array in flatten(run.params).items()}

    def infinite(params, config, batch):
        return next_token_loss(params, config, batch) * np.inf

    def steep(params, config, batch):  # 0 where it is infinitely steep
        return np.sqrt((params["final_norm"]["gain"] * 0).sum())

    with pytest.raises(FloatingPointError, match="^at step 13 the loss is inf .* than 0.01$"):
        quiet(run, loss=infinite)
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match="the loss is 0.0 and the norm of its gradient nan"),
    ):
        quiet(run, loss=steep)
    assert all((array == before[name]).all() for name, array in flatten(run.params).items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_steps": 0}, "n_steps is 0; it must be positive"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0; it must be positive"),
        ({"beta2": 1.0}, "beta2 is 1.0; it must be from 0 to below 1"),
        ({"n_steps": 2.5}, "n_steps is 2.5; it must be an int"),
        ({"n_steps": math.inf}, "n_steps is inf; it must be an int"),
        ({"learning_rate": "1"}, "learning_rate is '1'; it must be a number"),
        ({"learning_rate": math.inf}, "learning_rate is inf; it must be finite and not negative"),
        ({"clip_norm": math.nan}, "clip_norm is nan; it must be positive"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0; it must be finite and not negative"),
        ({"final_fraction": math.nan}, "final_fraction is nan; it must be finite and not negative"),
        ({"seed": -1}, "seed is -1; it must be finite and not negative"),
        ({"warmup_steps": -1}, "warmup_steps is -1; it must be finite and not negative"),
        ({"beta1": -0.1}, "beta1 is -0.1; it must be from 0 to below 1"),
        ({"warmup_steps": 13}, "warmup_steps is 13; it must be from 0 to n_steps 12"),
    ],
)
def test_plans_that_make_no_sense(change, message):
    with pytest.raises(ValueError) as raised:
        replace(PLAN, **change)
    assert str(raised.value) == message


def test_texts_longer_than_the_window_or_the_data():
    with pytest.raises(ValueError, match="n_tokens 21 do not fit into the window of 20"):
        start(CONFIG, replace(PLAN, n_tokens=21))
    with pytest.raises(ValueError, match=r"pieces of 11 tokens; the data have the shape \(10,\)"):
        quiet(start(CONFIG, PLAN), TEXT[:10])
    quiet(start(CONFIG, PLAN), TEXT[:11])
    assert quiet(start(CONFIG, replace(PLAN, n_steps=3, n_tokens=20)), TEXT[:21]).step == 3


def test_a_trained_model_generates_text():
    letters = Characters("abcdef")
    config = replace(CONFIG, vocab_size=len(letters.vocabulary))
    data = np.array(letters.encode("abcdef" * 30))
    run = quiet(start(config, replace(PLAN, n_steps=60)), data)
    model = Model(run.params, config, letters)
    assert "".join(generate("cd", model, n_tokens=7)) == "efabcde"


def test_memory_is_kept_only_where_the_c_library_can(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "win32")
    monkeypatch.setattr(memory.ctypes, "CDLL", None)  # calling it would fail
    assert start(CONFIG, PLAN).step == 0
