"""Families of models, by ``model_type``: where the sizes stand in a ``config.json``.

A row of :data:`FAMILIES` holds what all models of a family share, the fields of the file that
change the count with the defaults of the transformers library (version 5), and the names of the
fields that are known to change nothing. A field that is set and stands nowhere here is refused
by name, because it might change the count; nothing is guessed.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from paramlab.errors import UnsupportedModel

# ------------------------------------------------------------------ what a row is made of

REFUSED = object()


class At(NamedTuple):
    """Where a value stands in a config.json: its name there, the library's other names for it."""

    names: str  # separated by spaces; all that are set must agree
    default: Any  # when none is there; its type says what is read: size, switch, number, list, text
    null: Any = REFUSED  # what null stands for
    zero: bool = False  # whether 0 is a size too


class Windows(NamedTuple):
    """Which layers look back on a window of tokens only, and how wide it is.

    ``is_local(fields, i)`` says whether layer i is local where the file has no ``layer_types``,
    or the library does not read it (``listed``).
    """

    default: int  # tokens, if the file says nothing; 0: all
    is_local: Callable[[dict[str, Any], int], bool] = lambda fields, i: True
    listed: bool = False
    switched: bool = False  # there is no window unless use_sliding_window is true
    name: str = "sliding_window"


class Family(NamedTuple):
    """One ``model_type``.

    ``style`` and ``fields`` name fields of ModelConfig, those of its parts with a dot
    (``experts.n_active``). A name in ``fields`` that starts with an underscore is a help for
    ``finish``, which turns it into fields where that takes a line of code.
    """

    classes: str  # what `architectures` may name: the language model itself, with its head
    style: dict[str, Any]
    fields: dict[str, At]
    finish: Callable[[dict[str, Any]], None] = lambda values: None
    harmless: str = ""  # fields that change no count in this family
    only: dict[str, tuple] = {}  # fields that are known with these values alone
    windows: Windows | None = None  # None: every layer looks back on all tokens


# ------------------------------------------------------------------ styles, and rows of fields

_GPT: dict[str, Any] = {}  # ModelConfig's own defaults
_BIASED = {"positions": "rope"}
_UNBIASED = {"positions": "rope", "bias_qkv": False, "bias_o": False, "bias_mlp": False}
_LLAMA = _UNBIASED | {"norm": "rmsnorm", "gated_mlp": True, "activation": "silu"}
_QKV_BIASED = _LLAMA | {"bias_qkv": True}
_BOTH_NORMS = _LLAMA | {"block": "sandwich"}
_QK_NORMS = _LLAMA | {"qk_norm": "head"}
_FULL_QK_NORMS = _LLAMA | {"qk_norm": "full"}


def _sizes(n_layers, d_model, n_heads, n_kv_heads, d_ff, vocab_size, n_ctx, tied, eps=1e-6, **more):
    """Return fields under the names that most families use, with these defaults."""
    return {
        "n_layers": At("num_hidden_layers", n_layers),
        "d_model": At("hidden_size", d_model),
        "n_heads": At("num_attention_heads", n_heads),
        "n_kv_heads": At("num_key_value_heads", n_kv_heads, null=0),
        "d_head": At("head_dim", 0, null=0),
        "d_ff": At("intermediate_size", d_ff),
        "vocab_size": At("vocab_size", vocab_size),
        "n_ctx": At("max_position_embeddings", n_ctx),
        "tied": At("tie_word_embeddings", tied),
        "activation": At("hidden_act", "silu"),
        "norm_eps": At("rms_norm_eps", eps),
    } | more


def _gpt_sizes(n_layers, d_model, n_heads, vocab_size, n_ctx, tied=True, **more):
    """Return fields under the names of GPT-2, which has the later names as aliases."""
    return {
        "n_layers": At("n_layer num_hidden_layers", n_layers),
        "d_model": At("n_embd hidden_size", d_model),
        "n_heads": At("n_head num_attention_heads", n_heads),
        "d_ff": At("n_inner", 0, null=0),
        "vocab_size": At("vocab_size", vocab_size),
        "n_ctx": At("n_positions max_position_embeddings n_ctx", n_ctx),
        "tied": At("tie_word_embeddings", tied),
        "activation": At("activation_function", "gelu_new"),
        "norm_eps": At("layer_norm_epsilon", 1e-5),
    } | more


def _without(fields, *names):
    return {name: at for name, at in fields.items() if name not in names}


def _switch(name, default, *fields, null=REFUSED):
    """Return several fields that one switch of the file turns on together."""
    return dict.fromkeys(fields, At(name, default, null))


def _attention_bias(default=False):
    return _switch("attention_bias", default, "bias_qkv", "bias_o")


def _all_biases(name, default, null=REFUSED):
    return _switch(name, default, "bias_qkv", "bias_o", "bias_mlp", null=null)


def _experts(names, n_experts, n_active, d_ff_name, d_ff, active_name="num_experts_per_tok"):
    return {
        "experts.n_experts": At(names, n_experts),
        "experts.n_active": At(active_name, n_active),
        "experts.d_ff": At(d_ff_name, d_ff),
    }


def _latent(d_latent, d_query_latent, d_nope, d_rope, d_value):
    return {
        "latent.d_latent": At("kv_lora_rank", d_latent),
        "latent.d_query_latent": At("q_lora_rank", d_query_latent, null=0),
        "latent.d_nope": At("qk_nope_head_dim", d_nope),
        "latent.d_rope": At("qk_rope_head_dim", d_rope),
        "latent.d_value": At("v_head_dim", d_value),
        "d_head": At("qk_head_dim", 0, null=0),
        "_rope_width": At("head_dim", 0, null=0),
    }


_LAYER_NORM_EPS = {"norm_eps": At("layer_norm_eps", 1e-5)}
_SHARED = {"_n_shared": At("n_shared_experts", 1, zero=True)}


# ------------------------------------------------------------------ windows


def number(value: Any, default: int) -> int:
    """Return a positive whole number; null and anything else change no count: the default."""
    return value if type(value) is int and value > 0 else default


def _but_every(n):
    """Say that one layer in n looks back on everything, the last of each n."""

    def is_local(fields, i):
        return (i + 1) % number(fields.get("sliding_window_pattern"), n) != 0

    return is_local


def _every_second(fields, i):
    return i % 2 == 0


def _three_of_four(fields, i):
    return i % 4 != 3


def _all_but_every_fourth_from_the_first(fields, i):
    return i % 4 != 0


def _from_layer(fields, i):
    return i >= number(fields.get("max_window_layers"), 28)


def _every_second_up_to_layer(fields, i):
    return i % 2 == 0 and i < number(fields.get("max_window_layers"), 28)


def _without_rotation(fields, i):
    listed, every = fields.get("no_rope_layers"), number(fields.get("no_rope_layer_interval"), 4)
    rotated = listed[i] if isinstance(listed, list) and i < len(listed) else (i + 1) % every
    return fields.get("use_sliding_window") is True and not rotated


def _of_gpt_neo(fields, i):
    """Read ``[[["global", "local"], 12]]``: the kinds of layer, and how often they repeat."""
    types = fields.get("attention_types") or [[["global", "local"], 10**5]]
    try:
        kinds = [kind for group, n in types for _ in range(min(n, i + 1)) for kind in group]
        return kinds[i] == "local"
    except (TypeError, ValueError, IndexError):
        return False


# ------------------------------------------------------------------ what takes a line of code


def _four_times(values):
    """Set the width of the MLP to 4 D where the file is silent."""
    values["d_ff"] = values.get("d_ff") or 4 * values["d_model"]


def _multi_query(values):
    _four_times(values)
    values["n_kv_heads"] = 1 if values["_multi_query"] else values["n_heads"]


def _two_more_rows(values):
    values["n_position_rows"] = values["n_ctx"] + 2  # unused: the first position is row 2


def _opt(values):
    _two_more_rows(values)
    values["final_norm"] = values["_norm_first"] and not values["_no_final_norm"]
    if not values["_affine"]:
        values["norm"] = "bare"


def _falcon(values):
    _four_times(values)
    if not values["_new"]:
        values["n_kv_heads"] = 1 if values["_multi_query"] else values["n_heads"]
    n_norms = values["_n_norms"] or (2 if values["_new"] else 1)
    one_norm = values["_parallel"] and n_norms != 2
    values["block"] = "parallel" if one_norm else "sequential"
    values["positions"] = "alibi" if values["_alibi"] else "rope"


def _stablelm(values):
    values["block"] = "parallel" if values["_parallel"] else "sequential"
    values["qk_norm"] = "full" if values["_qk_norm"] else "none"


def _qk_norm(kind):
    """Return a finish that chooses this kind of query and key norm if the file asks for one."""

    def finish(values):
        values["qk_norm"] = kind if values["_qk_norm"] else "none"

    return finish


def _t5(values):
    if not values["_tied"]:
        raise UnsupportedModel(
            "tie_word_embeddings is False: weights published so have an output head of their own, "
            "but since version 5 the transformers library ties it; what is meant is open"
        )
    gate, _, values["activation"] = values["_mlp"].rpartition("-")
    if gate not in ("", "gated"):
        raise UnsupportedModel(f"feed_forward_proj is {values['_mlp']!r}; it is not known here")
    values["gated_mlp"] = gate == "gated"
    if values["_gated"] is not None:
        _agree("is_gated_act", values["_gated"], "feed_forward_proj's", gate == "gated")
    values["n_layers"] = values["n_layers"] or values["n_encoder_layers"]


def _bert(values):
    if values["_classes"] == ["BertForMaskedLM"]:
        one_of("tie_word_embeddings", values["_tied"], (True,))
        values |= {"pooler": False, "head_transform": True, "bias_head": True}


def _mpt(values):
    _four_times(values)
    attention = values["_attention"] or {}
    if not isinstance(attention, dict):
        raise UnsupportedModel("attn_config is not an object")
    harmless = "alibi_bias_max attn_impl attn_pdrop attn_uses_sequence_id clip_qkv softmax_scale"
    only = {"alibi": True, "attn_type": "multihead_attention", "qk_ln": False, "prefix_lm": False}
    for name, value in ({"alibi": True} | attention).items():
        if name in only:
            one_of(f"attn_config.{name}", value, (only[name],))
        elif name not in HARMLESS.union(harmless.split()) and value:
            raise UnsupportedModel(f"attn_config.{name} is not known here")


def _first_dense(values):
    first = min(values["_n_dense"], values["n_layers"])
    values["experts.dense_layers"] = tuple(range(first))


def _shared(values):
    """Count shared experts as one MLP as wide as all of them."""
    values["experts.d_ff_shared"] = values["_n_shared"] * values["experts.d_ff"]


def _mixture_of_glm(values):
    values["d_head"] = values["d_head"] or values["d_model"] // values["n_heads"]
    values["qk_norm"] = "head" if values["_qk_norm"] else "none"
    _shared(values)
    _first_dense(values)


def _latent_widths(values):
    nope, rope = values["latent.d_nope"], values["latent.d_rope"]
    both = "qk_nope_head_dim + qk_rope_head_dim"
    _agree("qk_head_dim", values["d_head"] or nope + rope, both, nope + rope)
    _agree("head_dim", values["_rope_width"] or rope, "qk_rope_head_dim", rope)
    values["d_head"] = nope + rope


def _deepseek(values):
    _latent_widths(values)
    _shared(values)
    _first_dense(values)


def _qwen_mixture(values):
    """Every so many layers have experts, but for those named."""
    dense = set(values["_dense"])
    values["experts.dense_layers"] = tuple(
        i for i in range(values["n_layers"]) if (i + 1) % values["_step"] or i in dense
    )


def _ernie_mixture(values):
    _shared(values)
    last = values["n_layers"] - 1 if values["_last"] == -1 else values["_last"]
    values["experts.dense_layers"] = tuple(
        i
        for i in range(values["n_layers"])
        if (i + 1) % values["_step"] or not values["_first"] <= i <= last
    )


def _hunyuan_mixture(values):
    """Tencent's files write some numbers once for each layer; here they must be the same."""
    values["experts.n_active"] = _only_value(values["_n_active"], 1)
    width = values["experts.d_ff_shared"] = values["experts.d_ff"]
    expert_width = _only_value(values["_expert_width"], width)
    _agree("moe_intermediate_size", expert_width, "intermediate_size", width)
    one_of("num_shared_expert", _only_value(values["_n_shared"], 1), (1,))


def _only_value(value, default):
    if isinstance(value, list) and value and value == value[:1] * len(value):
        value = value[0]
    return default if value is None else value


def _llama4(values):
    values["experts.d_ff_shared"] = values["experts.d_ff"]
    layers, step, sparse = range(values["n_layers"]), values["_step"], values["_sparse"]
    if sparse is None:
        sparse = layers[step - 1 :: step]
    elif not is_list_of_layers(sparse):
        raise UnsupportedModel(f"moe_layers is {sparse!r}; it must be a list of layers")
    dense = set(layers).difference(sparse)
    values["experts.dense_layers"] = tuple(sorted(dense))


def _minimax(values):
    kinds = values["_kinds"]
    if not isinstance(kinds, list):
        kinds = [("full_attention", "linear_attention")[i % 2] for i in range(values["n_layers"])]
    values["lightning_layers"] = tuple(
        i for i, kind in enumerate(kinds) if kind == "linear_attention"
    )


def is_list_of_layers(value: Any) -> bool:
    """Say whether a value names layers by their index."""
    return isinstance(value, list) and all(type(i) is int for i in value)


def _agree(name, value, other, expected) -> None:
    if value != expected:
        raise UnsupportedModel(f"{name} is {value!r} but {other} is {expected!r}")


def one_of(name: str, value: Any, allowed: tuple) -> None:
    """Refuse a field whose other values would mean another model."""
    if value not in allowed or type(value) is not type(allowed[0]):
        known = " or ".join(map(repr, allowed))
        raise UnsupportedModel(f"{name} is {value!r}; only {known} is known here")


# ------------------------------------------------------------------ the families

_LLAMA_1 = _sizes(32, 4096, 32, 0, 11008, 32000, 2048, tied=False)
_MLP_BIAS = {"bias_mlp": At("mlp_bias", False)}
_GEMMA_1 = _LLAMA | {"embedding_scale": True}
_GELU = {"activation": At("hidden_act hidden_activation", "gelu_pytorch_tanh")}
_LATER_GEMMA = _GELU | {"d_head": At("head_dim", 256)} | _attention_bias()
_GLM = _sizes(
    40, 4096, 32, 2, 13696, 151552, 131072, tied=False, d_head=At("head_dim", 128), eps=1.5625e-7
) | {"bias_qkv": At("attention_bias", True)}
_MIXTRAL_EXPERTS = _experts("num_local_experts num_experts", 8, 2, "intermediate_size", 14336)

_TENCENT_LEFTOVERS = """attention_head_dim capacity_factor cla_share_factor class_num
    dense_list eod_token_id group_limited_greedy im_end_id im_newline_id im_start_id
    image_token_id mask_init_id moe_drop_tokens moe_random_routing_dropped_token
    num_media_embeds org_vocab_size pad_id pool_type position_embedding_xdrope text_end_id
    text_start_id xdrope_section"""
_TENCENT_ONLY = {
    "mlp_bias": (False,), "norm_type": ("rms",), "use_cla": (False,), "use_mla": (False,),
    "use_qk_norm": (True,), "use_rotary_pos_emb": (True,), "add_classification_head": (False,),
}  # fmt: skip

FAMILIES: dict[str, Family] = {
    # ---- GPT and what followed it
    "openai-gpt": Family(
        "OpenAIGPTLMHeadModel",
        _GPT | {"final_norm": False},
        _without(_gpt_sizes(12, 768, 12, 40478, 512), "d_ff") | {"activation": At("afn", "gelu")},
        _four_times,
    ),
    "gpt2": Family("GPT2LMHeadModel", _GPT, _gpt_sizes(12, 768, 12, 50257, 1024), _four_times),
    "gpt_bigcode": Family(
        "GPTBigCodeForCausalLM GPTBigCodeLMHeadModel",
        _GPT,
        _gpt_sizes(
            12, 768, 12, 50257, 1024,
            activation=At("activation_function", "gelu_pytorch_tanh"),
            _multi_query=At("multi_query", True),
        ),
        _multi_query,
        harmless="""inference_runner max_batch_size num_key_value_heads pad_key_length
        pre_allocate_kv_cache validate_runner_input""",
    ),
    "gpt_neo": Family(
        "GPTNeoForCausalLM",
        _GPT | {"bias_qkv": False},
        {
            "n_layers": At("num_layers num_hidden_layers", 24),
            "d_model": At("hidden_size", 2048),
            "n_heads": At("num_heads num_attention_heads", 16),
            "d_ff": At("intermediate_size", 0, null=0),
            "vocab_size": At("vocab_size", 50257),
            "n_ctx": At("max_position_embeddings", 2048),
            "tied": At("tie_word_embeddings", True),
            "activation": At("activation_function", "gelu_new"),
            "norm_eps": At("layer_norm_epsilon", 1e-5),
        },
        _four_times,
        harmless="attention_layers attention_types window_size",
        windows=Windows(256, _of_gpt_neo, name="window_size"),
    ),
    "gptj": Family(
        "GPTJForCausalLM",
        _UNBIASED | {"bias_mlp": True, "bias_head": True, "block": "parallel"},
        _gpt_sizes(28, 4096, 16, 50400, 2048, tied=False),
        _four_times,
        harmless="rotary",
    ),
    "codegen": Family(
        "CodeGenForCausalLM",
        _UNBIASED | {"bias_mlp": True, "bias_head": True, "block": "parallel"},
        _gpt_sizes(28, 4096, 16, 50400, 2048, tied=False),
        _four_times,
    ),
    "gpt_neox": Family(
        "GPTNeoXForCausalLM",
        _BIASED,
        _without(_sizes(44, 6144, 64, 0, 24576, 50432, 2048, tied=False), "n_kv_heads", "d_head")
        | {"activation": At("hidden_act", "gelu")}
        | _attention_bias(True)
        | _LAYER_NORM_EPS,
        harmless="use_parallel_residual",
    ),
    "opt": Family(
        "OPTForCausalLM",
        _GPT,
        {
            "n_layers": At("num_hidden_layers", 12),
            "d_model": At("hidden_size", 768),
            "n_heads": At("num_attention_heads", 12),
            "d_ff": At("ffn_dim", 3072),
            "vocab_size": At("vocab_size", 50272),
            "n_ctx": At("max_position_embeddings", 2048),
            "tied": At("tie_word_embeddings", True),
            "activation": At("activation_function", "relu"),
            "d_embedding": At("word_embed_proj_dim", 0, null=0),
            "_norm_first": At("do_layer_norm_before", True),
            "_no_final_norm": At("_remove_final_layer_norm", False),
            "_affine": At("layer_norm_elementwise_affine", True),
        }
        | _all_biases("enable_bias", True),
        _opt,
        only={"learned_embeddings": (True,)},
    ),
    "bloom": Family(
        "BloomForCausalLM",
        {"positions": "alibi", "embedding_norm": True},
        {
            "n_layers": At("n_layer num_hidden_layers", 2),
            "d_model": At("hidden_size n_embed", 64),
            "n_heads": At("n_head num_attention_heads", 8),
            "vocab_size": At("vocab_size", 250880),
            "n_ctx": At("seq_length", 2048),
            "tied": At("tie_word_embeddings", True),
            "norm_eps": At("layer_norm_epsilon", 1e-5),
        },
        _four_times,
        harmless="""apply_residual_connection_post_layernorm attention_softmax_in_fp32
        bias_dropout_fusion masked_softmax_fusion offset_alibi skip_bias_add skip_bias_add_qkv
        slow_but_exact""",
    ),
    "falcon": Family(
        "FalconForCausalLM",
        _BIASED,
        {
            "n_layers": At("num_hidden_layers", 32),
            "d_model": At("hidden_size n_embed", 4544),
            "n_heads": At("num_attention_heads", 71),
            "n_kv_heads": At("num_kv_heads", 0, null=0),
            "d_ff": At("ffn_hidden_size", 0, null=0),
            "vocab_size": At("vocab_size", 65024),
            "n_ctx": At("max_position_embeddings", 2048),
            "tied": At("tie_word_embeddings", True),
            "activation": At("activation", "gelu"),
            "norm_eps": At("layer_norm_epsilon", 1e-5),
            "_new": At("new_decoder_architecture", False, null=False),
            "_multi_query": At("multi_query", True, null=False),
            "_parallel": At("parallel_attn", True, null=False),
            "_alibi": At("alibi", False, null=False),
            "_n_norms": At("num_ln_in_parallel_attn", 0, null=0),
        }
        | _all_biases("bias", False, null=False),
        _falcon,
        harmless="apply_residual_connection_post_layernorm ff_factor",
    ),
    "mpt": Family(
        "MptForCausalLM MPTForCausalLM",
        _UNBIASED | {"positions": "alibi", "norm": "layernorm_gain"},
        {
            "n_layers": At("n_layers num_hidden_layers", 24),
            "d_model": At("d_model hidden_size", 2048),
            "n_heads": At("n_heads num_attention_heads", 16),
            "vocab_size": At("vocab_size", 50368),
            "n_ctx": At("max_seq_len", 2048),
            "tied": At("tie_word_embeddings", True),
            "norm_eps": At("layer_norm_epsilon", 1e-5),
            "_attention": At("attn_config", None, null=None),
        },
        _mpt,
        harmless="""attn_impl embedding_fraction emb_pdrop init_config init_device learned_pos_emb
        logit_scale tokenizer_name verbose""",
        only={
            "expansion_ratio": (4,), "no_bias": (True,),
            "norm_type": ("low_precision_layernorm", "layernorm"),
        },
    ),
    # ---- the Llama style
    "llama": Family("LlamaForCausalLM", _LLAMA, _LLAMA_1 | _attention_bias() | _MLP_BIAS),
    "mistral": Family(
        "MistralForCausalLM", _LLAMA, _sizes(32, 4096, 32, 8, 14336, 32000, 131072, tied=False),
        windows=Windows(4096),
    ),
    "ministral": Family(
        "MinistralForCausalLM", _LLAMA, _sizes(32, 4096, 32, 8, 14336, 32000, 131072, tied=False),
        windows=Windows(4096, listed=True),
    ),
    "ministral3": Family(
        "Ministral3ForCausalLM",
        _LLAMA | {"rope_theta": 1e6},
        _sizes(
            34, 4096, 32, 8, 14336, 131072, 262144, tied=False,
            d_head=At("head_dim", 128), eps=1e-5,
        ),
        windows=Windows(0),
    ),
    "qwen2": Family(
        "Qwen2ForCausalLM", _QKV_BIASED, _sizes(32, 4096, 32, 32, 22016, 151936, 32768, tied=False),
        windows=Windows(4096, _from_layer, listed=True, switched=True),
    ),
    "qwen3": Family(
        "Qwen3ForCausalLM",
        _QK_NORMS,
        _sizes(32, 4096, 32, 32, 22016, 151936, 32768, tied=False, d_head=At("head_dim", 128))
        | _attention_bias(),
        windows=Windows(4096, _from_layer, listed=True, switched=True),
    ),
    "gemma": Family(
        "GemmaForCausalLM",
        _GEMMA_1,
        _sizes(28, 3072, 16, 16, 24576, 256000, 8192, tied=True) | _LATER_GEMMA,
        harmless="use_bidirectional_attention",
    ),
    "gemma2": Family(
        "Gemma2ForCausalLM",
        _GEMMA_1 | {"block": "sandwich"},
        _sizes(26, 2304, 8, 4, 9216, 256000, 8192, tied=True) | _LATER_GEMMA,
        harmless="use_bidirectional_attention",
        windows=Windows(4096, _every_second, listed=True),
    ),
    "gemma3_text": Family(
        "Gemma3ForCausalLM",
        _GEMMA_1 | {"block": "sandwich", "qk_norm": "head", "rope_theta": 1e6},
        _sizes(26, 2304, 8, 4, 9216, 262208, 131072, tied=True) | _LATER_GEMMA,
        harmless="use_bidirectional_attention _sliding_window_pattern",
        windows=Windows(4096, _but_every(6), listed=True),
    ),
    "vaultgemma": Family(
        "VaultGemmaForCausalLM",
        _GEMMA_1,
        _sizes(26, 2304, 8, 4, 9216, 256000, 8192, tied=True) | _LATER_GEMMA,
        windows=Windows(4096, _every_second, listed=True),
    ),
    "phi": Family(
        "PhiForCausalLM",
        _BIASED | {"block": "parallel", "bias_head": True},
        _without(_sizes(24, 2048, 32, 0, 8192, 51200, 2048, tied=False), "d_head")
        | {"activation": At("hidden_act", "gelu_new"), "_qk_norm": At("qk_layernorm", False)}
        | _LAYER_NORM_EPS,
        _qk_norm("head_bias"),
    ),
    "phi3": Family(
        "Phi3ForCausalLM",
        _LLAMA,
        _sizes(32, 3072, 32, 0, 8192, 32064, 4096, tied=False, eps=1e-5),
        harmless="full_attn_mod interpolate_factor original_max_position_embeddings",
        windows=Windows(0),
    ),
    "smollm3": Family(
        "SmolLM3ForCausalLM",
        _LLAMA | {"rope_theta": 2e6},
        _sizes(36, 2048, 16, 4, 11008, 128256, 32768, tied=True) | _attention_bias() | _MLP_BIAS,
        harmless="no_rope_layer_interval no_rope_layers",
        windows=Windows(0, _without_rotation, listed=True),
    ),
    "granite": Family(
        "GraniteForCausalLM",
        _LLAMA,
        _LLAMA_1 | _attention_bias() | _MLP_BIAS,
        harmless="attention_multiplier embedding_multiplier logits_scaling residual_multiplier",
    ),
    "ernie4_5": Family(
        "Ernie4_5ForCausalLM Ernie4_5_ForCausalLM",
        _LLAMA | {"rope_theta": 5e5},
        _sizes(
            18, 1024, 16, 2, 3072, 103424, 131072, tied=True,
            d_head=At("head_dim", 128, null=0), eps=1e-5,
        )
        | _all_biases("use_bias", False, null=False),
    ),
    "hunyuan_v1_dense": Family(
        "HunYuanDenseV1ForCausalLM",
        _QK_NORMS,
        _sizes(32, 4096, 32, 0, 11008, 290943, 2048, tied=False, eps=1e-5) | _attention_bias(),
        harmless=_TENCENT_LEFTOVERS,
        only=_TENCENT_ONLY,
    ),
    "glm": Family("GlmForCausalLM", _LLAMA, _GLM),
    "glm4": Family("Glm4ForCausalLM", _BOTH_NORMS, _GLM),
    "exaone4": Family(
        "Exaone4ForCausalLM",
        _QK_NORMS,
        _sizes(32, 4096, 32, 32, 16384, 102400, 2048, tied=False, eps=1e-5),
        harmless="reorder_and_upcast_attn",
        windows=Windows(4096, _but_every(4), listed=True),
    ),
    "seed_oss": Family(
        "SeedOssForCausalLM",
        _LLAMA,
        _sizes(64, 4096, 80, 8, 27648, 155136, 524288, tied=False, d_head=At("head_dim", 128, 0))
        | {"bias_qkv": At("attention_bias", True), "bias_o": At("attention_out_bias", False)}
        | _MLP_BIAS,
    ),
    "arcee": Family(
        "ArceeForCausalLM",
        _LLAMA | {"gated_mlp": False},
        _sizes(32, 2560, 32, 0, 18432, 32000, 4096, tied=False, eps=1e-5)
        | {"activation": At("hidden_act", "relu2")}
        | _attention_bias()
        | _MLP_BIAS,
    ),
    "cwm": Family(
        "CwmForCausalLM",
        _LLAMA | {"rope_theta": 1e6},
        _sizes(
            64, 6144, 48, 8, 21504, 128256, 131072, tied=False,
            d_head=At("head_dim", 128), eps=1e-5,
        )
        | _MLP_BIAS,
        windows=Windows(8192, _all_but_every_fourth_from_the_first, listed=True),
    ),
    "youtu": Family(
        "YoutuForCausalLM",
        _LLAMA,
        _sizes(32, 2048, 16, 16, 6144, 128256, 131072, tied=True)
        | _latent(512, 1536, 128, 64, 128)
        | _attention_bias(),
        _latent_widths,
        harmless="embedding_initializer_range",
    ),
    # ---- layer norms of other kinds, norms in other places
    "starcoder2": Family(
        "Starcoder2ForCausalLM",
        _BIASED,
        _sizes(30, 3072, 24, 2, 12288, 49152, 4096, tied=True)
        | {
            "activation": At("hidden_act activation_function", "gelu_pytorch_tanh"),
            "norm_eps": At("norm_epsilon layer_norm_epsilon", 1e-5),
        }
        | _all_biases("use_bias", True),
        only={"mlp_type": ("default",), "norm_type": ("layer_norm",)},
        windows=Windows(0),
    ),
    "stablelm": Family(
        "StableLmForCausalLM",
        _LLAMA | {"norm": "layernorm"},
        _without(_sizes(32, 2560, 32, 32, 6912, 50304, 4096, tied=False), "d_head")
        | {
            "bias_qkv": At("use_qkv_bias", False),
            "_qk_norm": At("qk_layernorm", False),
            "_parallel": At("use_parallel_residual", False),
        }
        | _LAYER_NORM_EPS,
        _stablelm,
    ),
    "olmo": Family(
        "OlmoForCausalLM",
        _LLAMA | {"norm": "bare"},
        _without(_sizes(32, 4096, 32, 0, 11008, 50304, 2048, tied=False), "norm_eps")
        | _attention_bias(),
    ),
    "olmo2": Family(
        "Olmo2ForCausalLM",
        _FULL_QK_NORMS,
        _sizes(32, 4096, 32, 0, 11008, 50304, 2048, tied=False, eps=1e-5) | _attention_bias(),
    ),
    "olmo3": Family(
        "Olmo3ForCausalLM",
        _FULL_QK_NORMS | {"rope_theta": 5e5},
        _sizes(32, 4096, 32, 0, 11008, 50304, 2048, tied=False, eps=1e-5) | _attention_bias(),
        windows=Windows(4096, _three_of_four, listed=True),
    ),
    "cohere": Family(
        "CohereForCausalLM",
        _LLAMA | {"norm": "layernorm_gain", "block": "parallel", "rope_theta": 5e5},
        _sizes(40, 8192, 64, 0, 22528, 256000, 8192, tied=True)
        | {"_qk_norm": At("use_qk_norm", False, null=False)}
        | _attention_bias()
        | _LAYER_NORM_EPS,
        _qk_norm("full"),
    ),
    "cohere2": Family(
        "Cohere2ForCausalLM",
        _LLAMA | {"norm": "layernorm_gain", "block": "parallel"},
        _sizes(40, 8192, 64, 0, 22528, 256000, 8192, tied=True)
        | _attention_bias()
        | _LAYER_NORM_EPS,
        harmless="layer_switch order_of_interleaved_layers position_embedding_type",
        only={
            "use_embedding_sharing": (True,), "use_gated_activation": (True,),
            "use_parallel_block": (True,), "use_parallel_embedding": (False,),
        },
        windows=Windows(4096, _but_every(4), listed=True),
    ),
    "persimmon": Family(
        "PersimmonForCausalLM",
        _BIASED,
        _without(_sizes(36, 4096, 64, 0, 16384, 262144, 16384, tied=False), "n_kv_heads", "d_head")
        | {"activation": At("hidden_act", "relu2"), "_qk_norm": At("qk_layernorm", True)}
        | _LAYER_NORM_EPS,
        _qk_norm("head_bias"),
    ),
    # ---- mixtures of experts
    "mixtral": Family(
        "MixtralForCausalLM",
        _LLAMA | {"rope_theta": 1e6},
        _sizes(32, 4096, 32, 8, 14336, 32000, 131072, tied=False, eps=1e-5) | _MIXTRAL_EXPERTS,
        windows=Windows(0),
    ),
    "minimax": Family(
        "MiniMaxForCausalLM",
        _LLAMA | {"rope_theta": 1e6},
        _sizes(32, 4096, 32, 8, 14336, 32000, 131072, tied=False, eps=1e-5)
        | {"_kinds": At("layer_types", None, null=None)}
        | _MIXTRAL_EXPERTS,
        _minimax,
        harmless="""block_size full_attn_alpha_factor full_attn_beta_factor mlp_alpha_factor
        linear_attn_alpha_factor linear_attn_beta_factor mlp_beta_factor""",
    ),
    "minimax_m2": Family(
        "MiniMaxM2ForCausalLM",
        _FULL_QK_NORMS | {"experts.balancing_buffer": True, "rope_theta": 5e6},
        _sizes(62, 3072, 48, 8, 1536, 200064, 196608, tied=False, d_head=At("head_dim", 128))
        | _experts("num_local_experts num_experts", 256, 8, "intermediate_size", 1536),
        harmless="mtp_transformer_layers",
        only={"use_qk_norm": (True,), "qk_norm_type": ("per_layer",), "use_routing_bias": (True,)},
    ),
    "phimoe": Family(
        "PhimoeForCausalLM PhiMoEForCausalLM",
        _LLAMA | {"norm": "layernorm", "rope_theta": 1e6},
        _sizes(32, 4096, 32, 8, 6400, 32064, 131072, tied=False, eps=1e-5)
        | {"bias_head": At("lm_head_bias", False)}
        | _attention_bias()
        | _experts("num_local_experts", 16, 2, "intermediate_size", 6400),
        harmless="input_jitter_noise original_max_position_embeddings",
        windows=Windows(0),
    ),
    "qwen2_moe": Family(
        "Qwen2MoeForCausalLM",
        _LLAMA | {"experts.shared_gate": True},
        _sizes(24, 2048, 16, 16, 5632, 151936, 32768, tied=False)
        | _experts("num_experts", 60, 4, "moe_intermediate_size", 1408)
        | {
            "experts.d_ff_shared": At("shared_expert_intermediate_size", 5632),
            "bias_qkv": At("qkv_bias", True),
            "_step": At("decoder_sparse_step", 1),
            "_dense": At("mlp_only_layers", (), null=()),
        },
        _qwen_mixture,
        windows=Windows(4096, _every_second_up_to_layer, listed=True, switched=True),
    ),
    "qwen3_moe": Family(
        "Qwen3MoeForCausalLM",
        _QK_NORMS,
        _sizes(24, 2048, 32, 4, 6144, 151936, 32768, tied=False)
        | _experts("num_local_experts num_experts", 128, 8, "moe_intermediate_size", 768)
        | {
            "_step": At("decoder_sparse_step", 1),
            "_dense": At("mlp_only_layers", (), null=()),
        }
        | _attention_bias(),
        _qwen_mixture,
        windows=Windows(4096, switched=True),
    ),
    "deepseek_v2": Family(
        "DeepseekV2ForCausalLM",
        _LLAMA,
        _sizes(32, 4096, 32, 0, 11008, 102400, 2048, tied=False)
        | _latent(512, 1536, 128, 64, 128)
        | _experts("n_routed_experts num_experts", 64, 0, "moe_intermediate_size", 1407)
        | {
            "_n_shared": At("n_shared_experts", 2, zero=True),
            "_n_dense": At("first_k_dense_replace", 0, zero=True),
        }
        | _attention_bias()
        | _MLP_BIAS,
        _deepseek,
        only={"moe_layer_freq": (1,)},
    ),
    "deepseek_v3": Family(
        "DeepseekV3ForCausalLM",
        _LLAMA | {"experts.balancing_buffer": True},
        _sizes(61, 7168, 128, 128, 18432, 129280, 4096, tied=False)
        | _latent(512, 1536, 128, 64, 128)
        | _experts("n_routed_experts num_local_experts", 256, 8, "moe_intermediate_size", 2048)
        | _SHARED
        | {"_n_dense": At("first_k_dense_replace", 3, zero=True)}
        | _attention_bias(),
        _deepseek,
        only={"moe_layer_freq": (1,)},
    ),
    "glm4_moe": Family(
        "Glm4MoeForCausalLM",
        _LLAMA | {"experts.balancing_buffer": True},
        _sizes(46, 4096, 96, 8, 10944, 151552, 131072, tied=False, eps=1e-5)
        | _experts("n_routed_experts num_local_experts", 128, 8, "moe_intermediate_size", 1408)
        | _SHARED
        | {
            "bias_qkv": At("attention_bias", False),
            "_n_dense": At("first_k_dense_replace", 1, zero=True),
            "_qk_norm": At("use_qk_norm", False),
        },
        _mixture_of_glm,
    ),
    "gpt_oss": Family(
        "GptOssForCausalLM",
        _LLAMA
        | {
            "attention_sinks": True, "bias_mlp": True, "rope_theta": 150000.0,
            "experts.bias": True, "experts.router_bias": True,
        },
        _sizes(
            36, 2880, 64, 8, 2880, 201088, 131072, tied=False,
            d_head=At("head_dim", 64), eps=1e-5,
        )
        | _experts("num_local_experts num_experts", 128, 4, "intermediate_size", 2880)
        | _attention_bias(True),
        harmless="experts_per_token initial_context_length swiglu_alpha swiglu_limit",
        windows=Windows(128, _every_second, listed=True),
    ),
    "ernie4_5_moe": Family(
        "Ernie4_5_MoeForCausalLM",
        _LLAMA | {"experts.router_bias": True, "rope_theta": 5e5},
        _sizes(28, 2560, 20, 4, 12288, 103424, 131072, tied=True, eps=1e-5)
        | _experts(
            "moe_num_experts num_experts", 64, 6, "moe_intermediate_size", 1536,
            active_name="moe_k num_experts_per_tok",
        )
        | {
            "bias_head": At("use_bias", False, null=False),
            "_n_shared": At("moe_num_shared_experts", 2, zero=True),
            "_step": At("moe_layer_interval", 1),
            "_first": At("moe_layer_start_index", 1, zero=True),
            "_last": At("moe_layer_end_index", -1, zero=True),
        }
        | _all_biases("use_bias", False, null=False),
        _ernie_mixture,
        harmless="moe_capacity moe_gate moe_norm_min moe_gate_act moe_use_hard_gate",
        only={"moe_use_aux_free": (True,)},
    ),
    "hunyuan_v1_moe": Family(
        "HunYuanMoEV1ForCausalLM",
        _QK_NORMS,
        _sizes(32, 4096, 32, 0, 11008, 290943, 2048, tied=False, eps=1e-5)
        | {
            "experts.n_experts": At("num_experts num_local_experts", 1),
            "experts.d_ff": At("intermediate_size", 11008),
            "_n_active": At("moe_topk num_experts_per_tok", None),
            "_expert_width": At("moe_intermediate_size", None, null=None),
            "_n_shared": At("num_shared_expert", None, null=None),
        }
        | _attention_bias(),
        _hunyuan_mixture,
        harmless=_TENCENT_LEFTOVERS,
        only=_TENCENT_ONLY | {"use_mixed_mlp_moe": (True,), "moe_layer_num_skipped": (0,)},
    ),
    "olmoe": Family(
        "OlmoeForCausalLM",
        _FULL_QK_NORMS,
        _without(_sizes(16, 2048, 16, 0, 2048, 50304, 4096, tied=False, eps=1e-5), "d_head")
        | _experts("num_experts num_local_experts", 64, 8, "intermediate_size", 2048)
        | _attention_bias(),
    ),
    "flex_olmo": Family(
        "FlexOlmoForCausalLM",
        _FULL_QK_NORMS | {"rope_theta": 5e5},
        _sizes(32, 4096, 32, 0, 11008, 100352, 4096, tied=False)
        | _experts("num_experts num_local_experts", 7, 5, "intermediate_size", 11008)
        | _attention_bias(),
    ),
    "granitemoe": Family(
        "GraniteMoeForCausalLM",
        _LLAMA,
        _LLAMA_1
        | _experts("num_local_experts", 8, 2, "intermediate_size", 11008)
        | _attention_bias(),
        harmless="attention_multiplier embedding_multiplier logits_scaling residual_multiplier",
    ),
    "granitemoeshared": Family(
        "GraniteMoeSharedForCausalLM",
        _LLAMA,
        _LLAMA_1
        | _experts("num_local_experts", 8, 2, "intermediate_size", 11008)
        | {"experts.d_ff_shared": At("shared_intermediate_size", 0, zero=True)}
        | _attention_bias(),
        harmless="attention_multiplier embedding_multiplier logits_scaling residual_multiplier",
    ),
    "llama4_text": Family(
        "Llama4ForCausalLM",
        _LLAMA | {"rope_theta": 5e5},
        _sizes(48, 5120, 40, 8, 16384, 202048, 131072, tied=False, eps=1e-5)
        | _experts("num_local_experts", 16, 1, "intermediate_size", 8192)
        | {
            "d_ff": At("intermediate_size_mlp", 16384),
            "d_head": At("head_dim", 128),
            "_step": At("interleave_moe_layer_step", 1),
            "_sparse": At("moe_layers", None, null=None),
        }
        | _attention_bias(),
        _llama4,
        harmless="""attention_chunk_size attn_scale attn_temperature_tuning floor_scale
        for_llm_compressor no_rope_layer_interval no_rope_layers use_qk_norm""",
    ),
    # ---- encoders
    "bert": Family(
        "BertModel BertForMaskedLM",
        {"final_norm": False, "embedding_norm": True, "pooler": True},
        _without(
            _sizes(12, 768, 12, 0, 3072, 30522, 512, tied=True), "n_kv_heads", "d_head", "tied"
        )
        | {
            "activation": At("hidden_act", "gelu"),
            "n_segments": At("type_vocab_size", 2),
            "norm_eps": At("layer_norm_eps", 1e-12),
            "_tied": At("tie_word_embeddings", True),
        },
        _bert,
        harmless="pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_type"
        " pooler_size_per_head directionality",
        only={"position_embedding_type": ("absolute",)},
    ),
    "t5": Family(
        "T5ForConditionalGeneration T5WithLMHeadModel",
        _UNBIASED | {"positions": "relative", "norm": "rmsnorm", "n_ctx": 0},
        {
            "n_encoder_layers": At("num_layers num_hidden_layers", 6),
            "n_layers": At("num_decoder_layers", 0, null=0),
            "d_model": At("d_model hidden_size", 512),
            "n_heads": At("num_heads num_attention_heads", 8),
            "d_head": At("d_kv head_dim", 64),
            "d_ff": At("d_ff", 2048),
            "vocab_size": At("vocab_size", 32128),
            "n_position_rows": At("relative_attention_num_buckets", 32),
            "norm_eps": At("layer_norm_epsilon", 1e-6),
            "_mlp": At("feed_forward_proj", "relu"),
            "_gated": At("is_gated_act", None, null=None),
            "_tied": At("tie_word_embeddings", True),
        },
        _t5,
        harmless="""dense_act_fn initializer_factor is_encoder_decoder n_positions
        relative_attention_max_distance scale_decoder_outputs""",
    ),
}  # fmt: skip

# Fields of a config.json that add or remove no parameter of the language model, in any family.
HARMLESS = frozenset(
    """_attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash
    _experts_implementation _experts_implementation_internal _flash_attn_2_enabled _name_or_path
    _num_labels _sliding_window_pattern activation_dropout apply_query_key_layer_scaling
    architectures attention_dropout attention_probs_dropout_prob attention_softmax_in_fp32
    attention_temperature attn_dropout attn_implementation attn_logit_softcapping attn_pdrop
    attn_scale auto_map aux_loss_alpha bad_words_ids begin_suppress_tokens bos_token bos_token_id
    cache_implementation chunk_size_feed_forward classifier_dropout clip_qkv custom_pipelines
    decoder_start_token_id diversity_penalty do_sample dropout dropout_rate dtype
    dual_chunk_attention_config early_stopping emb_pdrop embd_pdrop embed_dropout
    embedding_dropout encoder_no_repeat_ngram_size eos_token eos_token_id ep_size
    experts_implementation exponential_decay_length_penalty final_logit_softcapping
    finetuning_task flash_attn forced_bos_token_id forced_eos_token_id gradient_checkpointing
    hidden_dropout hidden_dropout_prob id2label ignore_index init_std initializer_range is_decoder
    is_llama_config label2id layer_norm_eps layer_norm_epsilon layer_types layerdrop
    length_penalty logit_scale mask_token_id max_length max_new_tokens max_seq_len max_seq_length
    max_sequence_length max_window_layers min_length model_max_length model_type n_group n_special
    name_or_path neftune_noise_alpha no_repeat_ngram_size norm_eps norm_epsilon norm_topk_prob
    normalize_attention_scores num_beam_groups num_beams num_labels num_mtp_layers num_mtp_modules
    num_nextn_predict_layers num_return_sequences output_attentions output_hidden_states
    output_past output_router_logits output_scores pad_token pad_token_id partial_rotary_factor
    predict_special_tokens prefix pretraining_tp problem_type quantization_config
    query_pre_attn_scalar remove_invalid_values reorder_and_upcast_attn repetition_penalty
    resid_dropout resid_pdrop residual_dropout return_dict return_dict_in_generate rms_norm_eps
    rope_interleave rope_interleaved rope_local_base_freq rope_parameters rope_pct rope_ratio
    rope_scaling rope_theta rope_type rotary_dim rotary_emb_base rotary_pct rotary_scaling_factor
    routed_scaling_factor router_aux_loss_coef router_jitter_noise scale_attention_softmax_in_fp32
    scale_attn_by_inverse_layer_idx scale_attn_weights scoring_func sep_token_id seq_aux
    seq_length sliding_window sliding_window_pattern sliding_window_size stop_token_ids
    summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj
    suppress_tokens task_specific_params temperature tf_legacy_loss tokenizer_class
    tokenizer_model_max_length tokenizer_name top_k top_p topk_group topk_method torch_dtype
    torchscript transformers.js_config transformers_version transformers_weights typical_p
    unk_token unk_token_id unsloth_fixed unsloth_tiled_mlp unsloth_version use_bfloat16 use_cache
    use_dynamic_ntk use_flash_attention use_flash_attn use_logn_attn use_mrope use_mtp use_sdpa
    use_sliding_window""".split()
)

# An activation outside this table is refused: some of them (prelu, xielu) hold parameters.
ACTIVATIONS = {
    "gelu": "gelu", "gelu_new": "gelu", "gelu_fast": "gelu", "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu", "quick_gelu": "gelu", "relu": "relu", "relu2": "relu2",
    "silu": "silu", "swish": "silu",
}  # fmt: skip

# Packed weights are the same parameters; scales and the like, stored beside them, are not counted.
QUANTIZED = (
    "awq", "bitsandbytes", "compressed-tensors", "fbgemm_fp8", "fp8", "gptq", "mxfp4",
)  # fmt: skip

# The tasks for which an auto_map may name code of its own for the language model.
LANGUAGE_MODELS = ("AutoModelForCausalLM", "AutoModelForMaskedLM", "AutoModelForSeq2SeqLM")

# Lists with an entry for each layer, and what may stand in them: windows and missing rotations
# change no count.
PER_LAYER = {
    "layer_types": ("full_attention", "sliding_attention", "chunked_attention"),
    "no_rope_layers": (0, 1),
    "attention_layers": ("global", "local"),
    "attn_type_list": (1,),
}
