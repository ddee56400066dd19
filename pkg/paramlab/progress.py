"""A bar that shows how far a training run is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(step: int, n_steps: int, wanted: bool) -> Iterator[Callable[[float], None]]:
    """Yield what is called with the loss after each step; it shows nothing without tqdm."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        yield lambda loss: None
        return
    with tqdm(
        total=n_steps, initial=step, desc="training", unit="step", disable=not wanted
    ) as shown:

        def show(loss: float) -> None:
            shown.set_postfix(loss=f"{loss:.3f}", refresh=False)
            shown.update()

        yield show
