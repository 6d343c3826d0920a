"""Who watches a training: nobody, or somebody who interrupts it."""

from collections.abc import Callable


def nobody(*_: object, **__: object) -> None:
    """A `progress` that nothing comes of."""


def interrupt(stop: int) -> Callable[..., None]:
    """A `progress` by which a training ends at an iteration."""

    def progress(done: int, *_: object, **__: object) -> None:
        if done >= stop:
            raise KeyboardInterrupt

    return progress
