"""Train the network of sample_results/transformer: two blocks that write four letters backwards, with PyTorch.

Writes what a PyTorch training usually leaves behind: a ``checkpoint_N.pt`` with the state of the model, and a
``log.csv``. The same seed gives the same weights. Run it as ``make sample-frameworks``.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import torch
from torch import nn
from torch_training import begin, evaluate, learn_an_epoch, read_options

N_LETTERS = 8
LENGTH = 4
WIDTH = 16
HEADS = 2
BATCH_SIZE = 64
N_TRAIN, N_TEST = 2048, 512
SAVE_EVERY_EPOCHS = 1


class Attention(nn.Module):
    """Each place takes in what the places before it and its own hold."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        query, key, value = (
            project(x).view(batch, length, HEADS, -1).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        scores = query @ key.transpose(-2, -1) / math.sqrt(WIDTH / HEADS)
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        held = scores.masked_fill(later, -math.inf).softmax(-1) @ value
        return self.out_proj(held.transpose(1, 2).reshape(batch, length, WIDTH))


class Block(nn.Module):
    """Attention and two dense layers, each beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.attn_norm, self.mlp_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = Attention()
        self.up_proj, self.down_proj = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.attn_norm(x))
        return x + self.down_proj(torch.relu(self.up_proj(self.mlp_norm(x))))


class Network(nn.Module):
    """Says for each of the last places which letter stands there."""

    def __init__(self) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(N_LETTERS + 1, WIDTH)  # and a mark where the word ends
        self.position_embedding = nn.Embedding(2 * LENGTH, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, N_LETTERS, bias=False)

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        x = self.token_embedding(letters) + self.position_embedding.weight
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))[:, LENGTH:]


def make_words(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is read, (N, 8) int64: a word, a mark, its letters backwards but the last; and these, (N, 4)."""
    words = torch.randint(N_LETTERS, (count, LENGTH))
    backwards = words.flip(1)
    mark = torch.full((count, 1), N_LETTERS)
    return torch.cat([words, mark, backwards[:, :-1]], 1), backwards


def train(out: Path, seed: int, epochs: int) -> dict[str, float]:
    """Train and save; return the metrics of the last epoch."""
    begin(out, seed)
    (x, y), (x_test, y_test) = make_words(N_TRAIN), make_words(N_TEST)
    model = Network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0004, weight_decay=0.01)
    told: dict[str, float] = {}
    with (out / "log.csv").open("w", newline="") as file:
        for epoch in range(epochs + 1):
            if epoch:
                learn_an_epoch(model, optimizer, x, y, BATCH_SIZE)
            told = evaluate(model, x, y) | evaluate(model, x_test, y_test, "val_")
            writer = csv.DictWriter(file, ["epoch", *told])
            if not epoch:
                writer.writeheader()
            writer.writerow({"epoch": epoch, **told})
            if epoch % SAVE_EVERY_EPOCHS == 0:
                torch.save({"model": model.state_dict(), "epoch": epoch}, out / f"checkpoint_{epoch}.pt")
    return told


if __name__ == "__main__":
    options = read_options("transformer", __doc__.splitlines()[0], epochs=20)
    print(options.out, train(options.out, options.seed, options.epochs))
