"""What the scripts beside this file share in writing down what they found."""


def short(value):
    """Round every float to five digits, which is more than a chapter prints."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: short(item) for name, item in value.items()}
    return [short(item) for item in value] if isinstance(value, list | tuple) else value
