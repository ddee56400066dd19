"""The files of published/: each a config.json as its makers published it, under OWNER--NAME.json.

They have old names, code of their own, and leftovers: what they hold beside sizes is the point, it
must not be refused needlessly. Written down from the public files; lists that say nothing (labels,
generation settings) are shortened. ``_source`` says where the file stands; ``_refused`` what its
refusal says, if it is not to be counted; ``_in_the_weights`` how many parameters the published
weights hold, where the library builds another model.
"""

import json
from pathlib import Path
from typing import Any

COUNTED: dict[str, dict[str, Any]] = {}  # by name
IN_THE_WEIGHTS: dict[str, tuple[dict[str, Any], int]] = {}  # with their count
REFUSED: dict[str, tuple[dict[str, Any], str]] = {}  # with what the refusal says

for path in sorted((Path(__file__).parent / "published").glob("*.json")):
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields.pop("_source")
    name = path.stem.replace("--text_config", ", its text_config").replace("--", "/")
    if total := fields.pop("_in_the_weights", None):
        IN_THE_WEIGHTS[name] = (fields, total)
    elif (reason := fields.pop("_refused", None)) is None:
        COUNTED[name] = fields
    else:
        REFUSED[name] = (fields, reason)
