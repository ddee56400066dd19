"""What the rows of ``data/families.toml`` cannot say: rules that take a line of code.

A function that ``kinds_by`` of a row names lists the kinds of its layers where a file does not.
A function that ``finish`` of a row names changes the values that were read, in place; names with
an underscore are helps for it and no field of ModelConfig. A ``rule`` of a window says which layers
are local, from the fields of a config.json and the number of layers.
"""

from collections import ChainMap
from typing import Any

from paramlab.files.finish import experts, pictures, single, sizes, states

RULES: ChainMap[str, Any] = ChainMap(*map(vars, (sizes, experts, states, single, pictures)))
