"""What sees: the patches of a picture, and the layers that read them."""

from paramlab.errors import UnsupportedModel, shown
from paramlab.files.finish.insist import Values, is_list_of_layers, one_of


def one_vision_layer(values: Values) -> None:
    """Insist that the projector reads one layer of the vision encoder, whichever."""
    if not isinstance(values["_feature_layer"], int | None):
        raise UnsupportedModel("vision_feature_layer names more than one layer, not known here")


def merged_patches(values: Values) -> None:
    """Multiply the height and the width of the patches that become one."""
    sides = [2, 2] if values["_merge"] is None else values["_merge"]
    if not is_list_of_layers(sides) or len(sides) != 2:
        raise UnsupportedModel(f"merge_kernel_size is {shown(sides)}; it must be two whole numbers")
    values["_n_merged"] = sides[0] * sides[1]


def grid_of_patches(values: Values) -> None:
    """Count the patches of a picture, whose sides a file gives as one number or two."""
    one_of("norm_type", values["_norm_type"], ("layer_norm", "rms_norm"))
    sides = {}
    for name, default in {"image_size": 448, "patch_size": 14}.items():
        given = values[f"_{name}"]
        given = default if given is None else given
        sides[name] = both = given if isinstance(given, list) else [given, given]
        if not is_list_of_layers(both) or len(both) != 2 or min(both) < 1:
            raise UnsupportedModel(f"{name} is {shown(given)}; it must be a size, or two")
    (height, width), (high, wide) = sides.values()
    values |= {"_n_patches": (height // high) * (width // wide), "_patch_area": high * wide}


def cross_attention_layers(values: Values) -> None:
    """Count the layers in which attention sees the picture."""
    values["_n_cross"] = len({*values["_cross_attention_layers"]} & {*range(values["n_layers"])})


def aspect_ratios(values: Values) -> None:
    """Count the shapes of pictures, each of which has rows of its own."""
    ratios = [[]] * 8 if values["_ratios"] is None else values["_ratios"]
    if not isinstance(ratios, list):
        raise UnsupportedModel(f"supported_aspect_ratios is {shown(ratios)}; it must be a list")
    values["_n_ratios"] = len(ratios)


def step3p7_vision(values: Values) -> None:
    """Multiply the width of the vision encoder for its MLP, and round down."""
    ratio = values["_mlp_ratio"]
    ratio = 8960 / 1536 if ratio is None else ratio
    if type(ratio) not in (int, float) or not 0 < ratio < 1e6:
        raise UnsupportedModel(f"mlp_ratio is {shown(ratio)}; it must be a number")
    values["_mlp_width"] = int(values["_hidden_size"] * ratio)


def four_stages(values: Values) -> None:
    """Insist on four stages, each twice as wide as the one before."""
    for name in ("depths", "num_heads"):
        if len(values[f"_{name}"]) != 4:
            raise UnsupportedModel(
                f"{name} is {shown(list(values[f'_{name}']))}; it must be a list of 4 numbers"
            )
    values["_hidden_size"] = 8 * values["_embed_dim"]


def own_width_of_pictures(values: Values) -> None:
    """Project nothing where the decoder says that it reads the width of the encoder."""
    decoder = values["_decoder"]
    own = isinstance(decoder, dict) and decoder.get("cross_attention_hidden_size")
    values["_projected"] = not own
