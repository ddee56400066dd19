"""The config.json beside a weight file: what it tells of the file, and whether the two agree."""

import os
from dataclasses import dataclass, field
from typing import Any

from paramlab.config import ModelConfig
from paramlab.errors import UnsupportedModel
from paramlab.files.layout import LARGEST_CONFIG_BYTES, PathLike, open_file, read_json
from paramlab.params import count

_LONGEST_REASON = 200


@dataclass(frozen=True)
class Beside:
    """What the config.json in the folder of a weight file says."""

    config: ModelConfig | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    reason: str = "no config.json lies beside it to compare with"  # why there is no config

    def agrees(self, total: int) -> bool:
        """Say whether it describes so many parameters."""
        return self.config is not None and count(self.config).total == total

    def compared(self, total: int) -> str:
        """Compare what it describes with what the weights hold, in a sentence."""
        if self.config is None:
            return self.reason
        described = count(self.config).total
        if described == total:
            return "the config.json beside it describes as many parameters"
        more = "more" if total > described else "fewer"
        return (
            f"the config.json beside it describes {described:,}: the weights are "
            f"{abs(total - described):,} {more}"
        )


def config_beside(path: PathLike) -> Beside:
    """Read the config.json in the folder of a file; one that is refused says why."""
    beside = os.path.join(os.path.dirname(path), "config.json")
    if not os.path.isfile(beside):
        return Beside()
    from paramlab.files.hugging_face import config_from_hf  # here: it reads a long table

    fields: dict[str, Any] = {}
    try:
        with open_file(beside) as file:
            fields = read_json(file.read(LARGEST_CONFIG_BYTES + 1), LARGEST_CONFIG_BYTES)
        return Beside(config_from_hf(fields), fields)
    except UnsupportedModel as error:
        reason = str(error)
        if len(reason) > _LONGEST_REASON:
            reason = reason[:_LONGEST_REASON] + "..."
        return Beside(None, fields, f"the config.json beside it is not counted here: {reason}")
