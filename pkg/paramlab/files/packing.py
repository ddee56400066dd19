"""What the tensors of a safetensors file stand for, where weights are packed into fewer bits.

How a file is packed is told by the ``quantization_config`` of the config.json beside it. Nothing is
guessed: a tensor of integers that no packing explains is refused.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from paramlab.errors import UnsupportedModel, shown
from paramlab.files.layout import StoredArray


class _Method(NamedTuple):
    packed: tuple[str, ...]  # how the names of packed weights end
    types: tuple[str, ...]  # and how these are stored
    beside: tuple[str, ...]  # how the names of what belongs to them end: scales, zeros, orders
    bits: int = 0  # of a weight; 0: the config says
    group: int = 0  # weights with one scale; 0: the config says, or nothing does


_FLOAT8, _INT32 = ("F8_E4M3", "F8_E5M2"), ("I32", "U32")
_ONE_A_BYTE = (*_FLOAT8, "I8")  # whatever else the model packs
_GPTQ = _Method((".qweight",), _INT32, (".scales", ".qzeros", ".g_idx"))
_METHODS = {
    "gptq": _GPTQ,
    "awq": _GPTQ,
    "mxfp4": _Method(("_blocks",), ("U8",), ("_scales",), 4, 32),
    "fp8": _Method(
        (".weight",), _FLOAT8, (".weight_scale_inv", ".weight_scale", ".input_scale"), 8
    ),
    "fbgemm_fp8": _Method((".weight",), _FLOAT8, (".weight_scale", ".input_scale_ub"), 8),
    "mlx": _Method((".weight",), ("U32",), (".scales", ".biases")),
    "bitsandbytes": _Method(
        (".weight",), ("U8", "I8"),
        (".weight.absmax", ".weight.quant_map", ".weight.nested_absmax", ".weight.nested_quant_map",
         ".weight.quant_state.bitsandbytes__nf4", ".weight.quant_state.bitsandbytes__fp4",
         ".SCB", ".weight_format"), 4,
    ),
    "modelopt": _Method(
        (".weight",), (*_FLOAT8, "U8"),
        (".weight_scale", ".weight_scale_2", ".input_scale", ".k_scale", ".v_scale"), 4,
    ),
    "compressed-tensors": _Method(
        (".weight_packed", ".weight"), (*_INT32, *_FLOAT8, "I8", "U8"),
        (".weight_scale", ".weight_shape", ".weight_zero_point", ".weight_g_idx", ".input_scale",
         ".weight_global_scale", ".input_global_scale"),
    ),
}  # fmt: skip


class Packing:
    """How the weights of one model are packed, read from the fields of its config.json."""

    def __init__(self, fields: dict[str, Any], tensors: Mapping[str, StoredArray]):
        packed = fields.get("quantization_config") or fields.get("quantization") or {}
        self.fields: dict[str, Any] = packed if isinstance(packed, dict) else {}
        self.tensors = tensors
        name = self.fields.get("quant_method")
        if name is None and {"bits", "group_size"} <= self.fields.keys():
            name = "mlx"  # the only library that names none
        self.name = name if isinstance(name, str) and name in _METHODS else ""
        self.method = _METHODS.get(self.name, _Method((), (), ()))

    def bits(self, tensor: StoredArray) -> int:
        """Return the bits of each weight in a packed tensor; 0 if it is none."""
        stem = self._stem(tensor.name, self.method.packed)
        if not stem or tensor.type_name not in self.method.types:
            return 0
        if tensor.type_name in _ONE_A_BYTE:
            return 8
        bits = self.method.bits or self._told(stem, "bits", "num_bits")
        if type(bits) is not int or not 1 <= bits <= 8 or tensor.n_bytes * 8 % bits:
            raise UnsupportedModel(
                f"tensor {shown(tensor.name)} is packed ({self.name}), and the config.json beside "
                "it does not tell into how many bits"
            )
        self._check_groups(stem, tensor, bits)
        return bits

    def is_beside(self, tensor: StoredArray) -> bool:
        """Say whether a tensor belongs to packed weights: their scales, zeros or order."""
        stem = self._stem(tensor.name, self.method.beside)
        partners = (self.tensors.get(stem + end) for end in self.method.packed if stem)
        return any(partner and partner.type_name in self.method.types for partner in partners)

    def _stem(self, name: str, ends: tuple[str, ...]) -> str:
        return next((name.removesuffix(end) for end in ends if name.endswith(end)), "")

    def _told(self, stem: str, *keys: str) -> Any:
        """Return what the configuration says of one map: of itself, of all groups, or of all."""
        if self.fields.get("dynamic"):  # GPTQ's rules by pattern
            return None
        groups = self.fields.get("config_groups")
        schemes = [
            group["weights"]
            for group in (groups.values() if isinstance(groups, dict) else ())
            if isinstance(group, dict) and isinstance(group.get("weights"), dict)
        ]
        own = self.fields.get(stem)
        schemes = [own] if isinstance(own, dict) else schemes or [self.fields]
        told = [next((scheme[key] for key in keys if key in scheme), None) for scheme in schemes]
        return told[0] if all(each == told[0] for each in told) else None

    def _check_groups(self, stem: str, tensor: StoredArray, bits: int) -> None:
        """Compare with the scales: so a wrong number of bits cannot pass."""
        group = self.method.group or self._told(stem, "group_size")
        scales = self.tensors.get(stem + self.method.beside[0])
        if type(group) is not int or group < 1 or scales is None:
            return
        n, room = tensor.n_bytes * 8 // bits, group * prod(scales.shape)
        if not n <= room < 2 * n:
            raise UnsupportedModel(
                f"tensor {shown(tensor.name)} would hold {n:,} weights of {bits} bits, but its "
                f"scales are for {room:,}"
            )
