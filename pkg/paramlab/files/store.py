"""Our own layout of weight files: safetensors whose arrays are named as the enumerator names them.

Their metadata hold the architecture, the tokenizer if there is one, and a checksum of all of it.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramlab.checks import check_arrays, check_numbers
from paramlab.config import ModelConfig
from paramlab.errors import UnsupportedModel, errors_about, shown
from paramlab.files.layout import Header
from paramlab.files.safetensors import read_safetensors, stored
from paramlab.tree import Model, flatten

if TYPE_CHECKING:
    import numpy as np

# The key in the metadata by which such a file is known; its value is the version of the layout.
FORMAT_KEY, FORMAT = "paramlab", "3"


def save_model(path: str | Path, model: Model, dtype: str = "float32", **notes: str) -> None:
    """Write a model as a safetensors file that :func:`load_model` reads.

    The file gets its name only when it is complete: an interruption leaves what was there before.

    Parameters
    ----------
    path
        Where to; what is there is replaced.
    model
        Arrays, architecture and tokenizer (or None).
    dtype
        "float32", or "float16" for half the size and 3 to 4 significant digits.
    notes
        Texts to keep in the metadata of the file, such as ``license="CC BY 4.0"``.

    Raises
    ------
    UnsupportedModel
        When the arrays are not those of the architecture, or do not fit into the type.
    OSError
        When the file cannot be written.
    """
    import numpy as np

    if dtype not in ("float32", "float16"):
        raise ValueError(f"dtype is {dtype!r}; it can be float32 or float16")
    flat = flatten(model.params)
    check_arrays({name: np.shape(array) for name, array in flat.items()}, model.config)
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused by name
        flat = {name: np.asarray(array, dtype) for name, array in flat.items()}
    check_numbers(flat)
    save_arrays(path, flat, _metadata(model, notes))


def save_joined(path: str | Path, model: Model, **notes: str) -> None:
    """Write a model so that, mapped, its weights that read the same input lie side by side."""
    from paramlab.joined import join

    save_arrays(path, join(flatten(model.params)), _metadata(model, notes))


def _metadata(model: Model, notes: dict[str, str]) -> dict[str, str]:
    from paramlab.files.vocabulary import tokenizer_as_json
    from paramlab.tokenizer import Tokenizer

    metadata = {**notes, FORMAT_KEY: FORMAT, "config": json.dumps(model.config.to_flat())}
    if model.tokenizer is not None:
        if not isinstance(model.tokenizer, Tokenizer):
            raise UnsupportedModel(
                f"a tokenizer of the type {type(model.tokenizer).__name__} cannot be saved; "
                "save the model with the tokenizer None"
            )
        metadata["tokenizer"] = tokenizer_as_json(model.tokenizer)
    return metadata


def save_arrays(
    path: str | Path, arrays: dict[str, "np.ndarray"], metadata: dict[str, str]
) -> None:
    """Write arrays and texts as a safetensors file, with a checksum of both.

    The file gets its name only when it is complete: an interruption leaves what was there before.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    path = Path(path)
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        with working_folder(path.parent, "save") as folder:
            complete = Path(folder, path.name)
            texts = _texts(metadata)
            save_file(arrays, complete, texts | {"checksum": checksum(arrays, texts)})
            complete.chmod(_usual_mode(folder))  # the library gives rights to the owner alone
            os.replace(complete, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"{path} cannot be written: {reason}") from None


_ABANDONED_SECONDS = 24 * 3600


@contextmanager
def working_folder(parent: Path, what: str) -> Iterator[str]:
    """Make a folder for a file that is not yet complete, and remove it with what is in it.

    Those that a killed process left there a day ago or longer are removed too.
    """
    prefix = f".paramlab-{what}-"
    for left in parent.glob(f"{prefix}*"):
        if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=prefix) as folder:
        yield folder


def _usual_mode(folder: str) -> int:
    """Return the rights that a new file gets from the umask, which can be asked only by setting."""
    new = Path(folder, "new")
    new.touch()
    return new.stat().st_mode & 0o777


def read_arrays(path: str | Path) -> tuple[dict[str, "np.ndarray"], dict[str, str]]:
    """Return the arrays and the texts of a file that :func:`save_arrays` wrote.

    The arrays are mapped: what is written into them goes to memory, not to the file.

    Raises
    ------
    UnsupportedModel
        When the file is damaged.
    """
    header = read_safetensors(path)
    with errors_about(path):
        return verified(path, header), header.metadata


def verified(path: str | Path, header: Header) -> dict[str, "np.ndarray"]:
    """Map the arrays of a file, as they are stored, and insist on the checksum."""
    import numpy as np

    raw = np.memmap(path, np.uint8, mode="c")  # "c": copy on write
    arrays = {tensor.name: stored(raw, tensor) for tensor in header.tensors}
    if checksum(arrays, _texts(header.metadata)) != header.metadata.get("checksum"):
        raise UnsupportedModel("its content is not what was saved: it is damaged")
    return arrays


def checksum(arrays: dict[str, "np.ndarray"], texts: dict[str, str]) -> str:
    """Return a fingerprint of arrays and texts that is fast to compute: 538 MB take 0.02 seconds.

    It is the XXH3 hash, of 128 bits, of all names, types, shapes, texts and numbers: it changes
    with any of their bytes. It is a guard against damage; who wants to deceive can.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = np.arange(10_000, dtype=np.float32)
    >>> before = checksum({"numbers": numbers}, {"license": "MIT"})
    >>> numbers[1234] += 1
    >>> checksum({"numbers": numbers}, {"license": "MIT"}) == before
    False
    """
    import numpy as np

    ordered = sorted(arrays.items())
    head = [[name, str(array.dtype), array.shape] for name, array in ordered]
    parts: list[bytes | memoryview] = [json.dumps([head, sorted(texts.items())]).encode()]
    parts += [array.reshape(-1).view(np.uint8).data for _, array in ordered]
    try:
        from xxhash import xxh3_128
    except ModuleNotFoundError:
        from paramlab.files.xxh3 import hexadecimal

        return hexadecimal(b"".join(parts))
    digest = xxh3_128()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _texts(metadata: dict[str, str]) -> dict[str, str]:
    """Return what the checksum covers: all but itself."""
    return {name: text for name, text in metadata.items() if name != "checksum"}


def stored_config(header: Header) -> ModelConfig:
    """Return the architecture that the metadata of such a file hold."""
    get = header.metadata.get
    if get(FORMAT_KEY) != FORMAT:
        raise UnsupportedModel(
            f"its layout has the version {shown(get(FORMAT_KEY))}; {FORMAT!r} is known here"
        )
    return _config_from_json(get("config"))


def _config_from_json(text: Any) -> ModelConfig:
    try:
        fields = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise UnsupportedModel("its config is not valid JSON") from None
    if not isinstance(fields, dict):
        raise UnsupportedModel(f"its config is {shown(fields)}; it must be an object")
    if fields.get("lightning_layers") == []:  # a field of older files; no stored model had any
        del fields["lightning_layers"]
    try:
        return ModelConfig.from_flat(
            {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
        )
    except (LookupError, TypeError):
        unknown = [n for n in fields if n.partition(".")[0] not in ModelConfig.__annotations__]
        wrong = f"holds unknown fields: {shown(unknown)}" if unknown else "lacks a size"
        raise UnsupportedModel(f"its config {wrong}") from None
    except ValueError as error:
        raise UnsupportedModel(f"its config is not one ({error})") from None
