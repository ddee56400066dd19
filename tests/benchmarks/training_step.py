"""One training step of a small GPT-2: its speed against torch's, its memory against our formula."""

from collections.abc import Iterator

from harness import ORACLE, PYTHON, Figure, alternated, printed

STEPS = 10
SIZES = "L, D, N, F, V, T, B = 4, 128, 4, 512, 256, 128, 16"
TIMED = f"""
step()
step()
start = time.perf_counter()
for _ in range({STEPS}):
    step()
print(1000 * (time.perf_counter() - start) / {STEPS})
"""
OURS = f"""
import time
import numpy as np
from paramlab import ModelConfig
from paramlab.training import Plan, start as begin, take_step
{SIZES}
config = ModelConfig(n_layers=L, d_model=D, n_heads=N, d_ff=F, vocab_size=V, n_ctx=T)
run = begin(config, Plan(n_steps=1000, batch_size=B, n_tokens=T))
tokens = np.random.default_rng(0).integers(0, V, (B, T + 1))
step = lambda: take_step(run, tokens)
{TIMED}"""
THEIRS = f"""
import time
import torch
from torch import nn
from torch.nn import functional
{SIZES}

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.o = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down = nn.Linear(D, F), nn.Linear(F, D)

    def forward(self, x):
        heads = self.qkv(self.norm1(x)).view(B, T, 3, N, D // N).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.o(mixed.transpose(1, 2).reshape(B, T, D))
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(V, D), nn.Embedding(T, D)
        self.blocks = nn.Sequential(*(Block() for _ in range(L)))
        self.norm = nn.LayerNorm(D)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions.weight
        return self.norm(self.blocks(x)) @ self.tokens.weight.T

model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
tokens = torch.randint(V, (B, T + 1))

def step():
    logits = model(tokens[:, :-1])
    loss = functional.cross_entropy(logits.reshape(-1, V), tokens[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    loss.item()
{TIMED}"""


PEAK = f"""
import tracemalloc
import numpy as np
from paramlab import ModelConfig
from paramlab.training import Plan, start, take_step
from paramlab.training_costs import step_memory
{SIZES}
config = ModelConfig(n_layers=L, d_model=D, n_heads=N, d_ff=F, vocab_size=V, n_ctx=T)
worst = 0.0
for n_tokens, batch in ((T, 1), (T, B), (T // 4, B)):
    run = start(config, Plan(n_steps=99, batch_size=batch, n_tokens=n_tokens))
    tokens = np.zeros((batch, n_tokens + 1), int)
    take_step(run, tokens)
    tracemalloc.start()
    take_step(run, tokens)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    predicted = step_memory(config, n_tokens, batch)
    expected = predicted.peak_bytes - predicted.state_bytes
    worst = max(worst, abs(peak / expected - 1))
print(worst)
"""


def measure() -> Iterator[Figure]:
    """Yield the worst error of the predicted memory, and steps per second beside torch's."""
    worst = printed(PYTHON, "-c", PEAK)()
    yield Figure("train_step_bytes_error", worst, "of the peak, worst of 3", goal=0.05)
    sides = [printed(PYTHON, "-c", OURS)]
    if ORACLE.exists():
        sides.append(printed(str(ORACLE), "-c", THEIRS))
    ours, *theirs = (1000 / milliseconds for milliseconds in alternated(*sides, repeats=5))
    yield Figure(
        "train_step_vs_torch", ours, "steps/s", goal=0.5, judged="ratio", at_least=True,
        peer="torch, eager", peer_value=theirs[0] if theirs else None,
    )  # fmt: skip
