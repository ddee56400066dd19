"""A bar that shows how far a training run is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(step: int, n_steps: int, wanted: bool) -> Iterator[Callable[[float], None]]:
    """Yield what is called with the loss after each step; without tqdm, it shows a line."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        yield _line(step, n_steps) if wanted else lambda loss: None
        return
    with tqdm(
        total=n_steps, initial=step, desc="training", unit="step", disable=not wanted
    ) as shown:

        def show(loss: float) -> None:
            shown.set_postfix(loss=f"{loss:.3f}", refresh=False)
            shown.update()

        yield show


def _line(step: int, n_steps: int) -> Callable[[float], None]:
    def show(loss: float) -> None:
        nonlocal step
        step += 1
        if step % 10 == 0 or step == n_steps:
            end = "\n" if step == n_steps else ""
            print(
                f"\rtraining: step {step} of {n_steps}, loss {loss:.3f}", end=end, file=sys.stderr
            )

    return show
