"""Read a ``config.json``: the architecture that it describes, and what there is to say about it."""

from paramlab.config import ModelConfig
from paramlab.errors import errors_about
from paramlab.files.layout import LARGEST_CONFIG_BYTES, PathLike, open_file, read_json
from paramlab.files.params_json import as_config, is_params_json

# Where the description of a language model may stand in that of a model that sees or hears, too.
PARTS = ("text_config", "llm_config", "language_config", "thinker_config")


def read_config_json(path: PathLike) -> ModelConfig:
    """Read a Hugging Face ``config.json`` of one of the families that are known here.

    Missing fields take the defaults of the transformers library. A field that is not known there
    and is set to something is refused, because it might change the count.

    Raises
    ------
    UnsupportedModel
        When the file is not such a config, contradicts itself, or is of another family.
    OSError
        When the file cannot be read.
    """
    return config_and_notes(path)[0]


def config_and_notes(path: PathLike, part: str = "") -> tuple[ModelConfig, list[str]]:
    """Return the architecture, or that of one part of several, with remarks on it."""
    from paramlab.files.hugging_face import config_from_hf, notes_on, part_of  # they read a table

    with errors_about(path), open_file(path) as file:
        fields = read_json(file.read(LARGEST_CONFIG_BYTES + 1), LARGEST_CONFIG_BYTES)
        if is_params_json(fields):
            fields = as_config(fields)
            said = f"a params.json: its MLP is {fields['intermediate_size']} wide"
            return config_from_hf(fields), [said, *notes_on(fields)]
        if part:
            fields = part_of(fields, part)
        return config_from_hf(fields), notes_on(fields)
