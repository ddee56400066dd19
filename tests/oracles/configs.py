"""Write config.json files as transformers writes them, and count their models: configs/.

The other files there look as those on the hub do, written by older versions, with fields that have
gone since; they are counted as they stand.

``make oracle`` runs it, in an environment of its own: tests/oracles/requirements.txt.
"""

import csv
import json
from pathlib import Path

import torch
import transformers as tf

FOLDER = Path(__file__).parent / "configs"

# As the installed version writes them.
WRITTEN = {
    "gpt2-small": tf.GPT2Config(),
    "gpt2-untied": tf.GPT2Config(
        n_embd=48, n_head=3, n_layer=2, n_inner=100, vocab_size=77, n_positions=20,
        tie_word_embeddings=False,
    ),
    "llama-7b": tf.LlamaConfig(),
    "llama-grouped-queries": tf.LlamaConfig(
        hidden_size=128, num_attention_heads=8, num_key_value_heads=2, num_hidden_layers=3,
        intermediate_size=352, vocab_size=320,
    ),
    "llama-biases": tf.LlamaConfig(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2,
        intermediate_size=96, vocab_size=128, attention_bias=True, mlp_bias=True,
    ),
    "llama-wide-heads-tied": tf.LlamaConfig(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=1, head_dim=40,
        num_hidden_layers=2, intermediate_size=96, vocab_size=128, tie_word_embeddings=True,
    ),
}  # fmt: skip


def count(config: tf.PretrainedConfig) -> int:
    """Add up the distinct parameters of the model, built without its numbers."""
    with torch.device("meta"):
        model = tf.AutoModelForCausalLM.from_config(config)
    return sum(parameter.numel() for parameter in model.parameters())


def main() -> None:
    """Rewrite the folder."""
    FOLDER.mkdir(exist_ok=True)
    rows = []
    for path in sorted(FOLDER.glob("*.json")):
        if path.stem not in WRITTEN:
            fields = json.loads(path.read_text(encoding="utf-8"))
            config_class = tf.CONFIG_MAPPING[fields["model_type"]]
            rows.append((path.stem, fields, count(config_class.from_dict(dict(fields)))))
    for name, config in WRITTEN.items():
        rows.append((name, config.to_dict(), count(config)))
    for name, fields, _ in rows:
        (FOLDER / f"{name}.json").write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    with open(FOLDER / "counts.csv", "w", encoding="utf-8", newline="") as file:
        print(f"# torch {torch.__version__}, transformers {tf.__version__}", file=file)
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("config", "total"))
        table.writerows((name, total) for name, _, total in rows)


if __name__ == "__main__":
    main()
