"""Train the network of sample_results/lstm: it tells which of two brackets closes next, with PyTorch.

Writes what a PyTorch training usually leaves behind: a ``model_N.pt`` with the state of the model, and a
``log.jsonl``. The same seed gives the same weights. Run it as ``make sample-frameworks``.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn
from torch_training import begin, evaluate, learn_an_epoch, read_options

N_SIGNS = 4  # ( [ ) ]
LENGTH = 12
UNITS = 12
BATCH_SIZE = 64
N_TRAIN, N_TEST = 2048, 512
OPENED = 3  # answers: none is open, a round one, a square one


class Network(nn.Module):
    """An embedding, an LSTM of 12 units, and a dense layer at every place."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(N_SIGNS, 4)
        self.lstm = nn.LSTM(4, UNITS, batch_first=True)
        self.fc = nn.Linear(UNITS, OPENED)

    def forward(self, signs: torch.Tensor) -> torch.Tensor:
        return self.fc(self.lstm(self.embedding(signs))[0])


def make_rows(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows of brackets that may be closed later, (N, 12) int64, and the innermost open one at each place."""
    signs, answers = torch.zeros(count, LENGTH, dtype=torch.long), torch.zeros(count, LENGTH, dtype=torch.long)
    for row in range(count):
        opened: list[int] = []
        for place in range(LENGTH):
            if opened and torch.rand(()) < 0.5:
                signs[row, place] = 2 + opened.pop()
            else:
                opened.append(int(torch.randint(2, ())))
                signs[row, place] = opened[-1]
            answers[row, place] = 1 + opened[-1] if opened else 0
    return signs, answers


def train(out: Path, seed: int, epochs: int) -> dict[str, float]:
    """Train and save; return the metrics of the last epoch."""
    begin(out, seed)
    (x, y), (x_test, y_test) = make_rows(N_TRAIN), make_rows(N_TEST)
    model = Network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    told: dict[str, float] = {}
    with (out / "log.jsonl").open("w") as file:
        for epoch in range(epochs + 1):
            if epoch:
                learn_an_epoch(model, optimizer, x, y, BATCH_SIZE)
            told = evaluate(model, x, y) | evaluate(model, x_test, y_test, "val_")
            file.write(json.dumps({"epoch": epoch, **told}) + "\n")
            torch.save(model.state_dict(), out / f"model_{epoch}.pt")
    return told


if __name__ == "__main__":
    options = read_options("lstm", __doc__.splitlines()[0], epochs=30)
    print(options.out, train(options.out, options.seed, options.epochs))
