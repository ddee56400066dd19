"""Small valid weight files for the tests, written by the libraries that own the two formats."""

import math
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

# The sizes of the tiny models below: layers, width, heads, key heads, MLP width, words, context.
L, D, N, K, F, V, T = 2, 16, 4, 2, 24, 40, 12
LLAMA_GGUF = {
    "token_embd.weight": (V, D),
    **{
        f"blk.{i}.{name}": shape
        for i in range(L)
        for name, shape in {
            "attn_norm.weight": (D,), "attn_q.weight": (D, D), "attn_k.weight": (D // N * K, D),
            "attn_v.weight": (D // N * K, D), "attn_output.weight": (D, D),
            "ffn_norm.weight": (D,), "ffn_gate.weight": (F, D), "ffn_up.weight": (F, D),
            "ffn_down.weight": (D, F),
        }.items()
    },
    "output_norm.weight": (D,),
    "output.weight": (V, D),
}  # fmt: skip
GPT2_GGUF = {
    "token_embd.weight": (V, D),
    "position_embd.weight": (T, D),
    **{
        f"blk.{i}.{name}": shape
        for i in range(L)
        for name, shape in {
            "attn_norm.weight": (D,), "attn_norm.bias": (D,), "attn_qkv.weight": (3 * D, D),
            "attn_qkv.bias": (3 * D,), "attn_output.weight": (D, D), "attn_output.bias": (D,),
            "ffn_norm.weight": (D,), "ffn_norm.bias": (D,), "ffn_up.weight": (F, D),
            "ffn_up.bias": (F,), "ffn_down.weight": (D, F), "ffn_down.bias": (D,),
        }.items()
    },
    "output_norm.weight": (D,),
    "output_norm.bias": (D,),
}  # fmt: skip
LLAMA_HF = {
    "model.embed_tokens.weight": (V, D),
    **{
        f"model.layers.{i}.{name}.weight": shape
        for i in range(L)
        for name, shape in {
            "input_layernorm": (D,), "self_attn.q_proj": (D, D),
            "self_attn.k_proj": (D // N * K, D), "self_attn.v_proj": (D // N * K, D),
            "self_attn.o_proj": (D, D), "post_attention_layernorm": (D,),
            "mlp.gate_proj": (F, D), "mlp.up_proj": (F, D), "mlp.down_proj": (D, F),
        }.items()
    },
    "model.norm.weight": (D,),
    "lm_head.weight": (V, D),
}  # fmt: skip
GPT2_HF = {
    "wte.weight": (V, D),
    "wpe.weight": (T, D),
    **{
        f"h.{i}.{name}": shape
        for i in range(L)
        for name, shape in {
            "ln_1.weight": (D,), "ln_1.bias": (D,), "attn.bias": (1, 1, T, T),
            "attn.c_attn.weight": (D, 3 * D), "attn.c_attn.bias": (3 * D,),
            "attn.c_proj.weight": (D, D), "attn.c_proj.bias": (D,), "ln_2.weight": (D,),
            "ln_2.bias": (D,), "mlp.c_fc.weight": (D, F), "mlp.c_fc.bias": (F,),
            "mlp.c_proj.weight": (F, D), "mlp.c_proj.bias": (D,),
        }.items()
    },
    "ln_f.weight": (D,),
    "ln_f.bias": (D,),
}  # fmt: skip


def n_numbers(shapes: dict[str, tuple[int, ...]]) -> int:
    """Return how many numbers such a file holds: a sum that knows nothing of paramlab."""
    return sum(math.prod(shape) for shape in shapes.values())


def random_arrays(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return arrays of these shapes, no two alike."""
    random = np.random.default_rng(0)
    return {name: random.random(shape, dtype=np.float32) for name, shape in shapes.items()}


def write_safetensors(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write a safetensors file with the safetensors library."""
    save_file(arrays, path, metadata={"format": "pt"})
    return path


def write_gguf(
    path: Path, kind: str, arrays: dict[str, np.ndarray], tokens: tuple[str, ...] = (), **metadata
) -> Path:
    """Write a GGUF file with the gguf library; ``metadata`` replaces sizes, None leaves one out."""
    sizes = {
        "block_count": L, "context_length": T, "embedding_length": D, "feed_forward_length": F,
        "attention.head_count": N, **({"attention.head_count_kv": K} if kind == "llama" else {}),
        **metadata,
    }  # fmt: skip
    writer = gguf.GGUFWriter(path, kind)
    writer.add_name("tiny")
    for key, value in sizes.items():
        if value is not None:
            add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
            add[type(value)](f"{kind}.{key}", value)
    writer.add_float32(f"{kind}.rope.freq_base", 10000.0)
    if tokens:
        writer.add_token_list(tokens)
    for name, array in arrays.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
