"""What the book's longer experiments recorded: data and tiny models, found from any folder."""

from pathlib import Path

from paramlab.errors import ModelFileError

FOLDER = Path("book", "experiments")


def recorded_file(name: str) -> Path:
    """Return the path of a recorded file, such as ``"data/tiny-gpt2.json"``.

    It is looked for in the copy of the book that this package was installed from, then in the
    working folder and the folders above it.

    Raises
    ------
    ModelFileError
        When no copy of the book has it; the message says what to do.

    Examples
    --------
    >>> recorded_file("data/tiny-gpt2.json").name
    'tiny-gpt2.json'
    """
    here = Path.cwd()
    for folder in (Path(__file__).parents[3], here, *here.parents):
        if (folder / FOLDER / name).is_file():
            return folder / FOLDER / name
    raise ModelFileError(
        f"{name} was recorded in the book's repository and is not in this package: clone the "
        f"repository, and install the package from it with: pip install -e pkg"
    )
