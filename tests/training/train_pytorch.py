"""Train with PyTorch alone: checkpoints in a dict, bare state dicts of a wrapped model, and logs of three kinds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import torch
from iris import BATCH_SIZE, SEED, SIZES, command, expect, fresh, read_iris
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.tensorboard import SummaryWriter

STEPS = 150 // BATCH_SIZE


class Network(nn.Module):
    """Four fully connected layers with tanh between them: 4-5-5-5-3."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(SIZES[0], SIZES[1])
        self.fc2 = nn.Linear(SIZES[1], SIZES[2])
        self.fc3 = nn.Linear(SIZES[2], SIZES[3])
        self.out = nn.Linear(SIZES[3], SIZES[4])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.fc1, self.fc2, self.fc3):
            x = torch.tanh(layer(x))
        return self.out(x)


def epochs(model: nn.Module, optimizer: torch.optim.Optimizer, count: int):
    """Train, and yield epoch (from 1), mean loss and accuracy after each epoch."""
    x, y = map(torch.from_numpy, read_iris())
    for epoch in range(1, count + 1):
        losses = []
        for batch in range(STEPS):
            rows = slice(batch * BATCH_SIZE, (batch + 1) * BATCH_SIZE)
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            accuracy = (model(x).argmax(1) == y).float().mean().item()
        yield epoch, sum(losses) / len(losses), accuracy


def arrays(state: dict[str, torch.Tensor]) -> list:
    """Return the arrays of a state dict in its order, float32."""
    return [tensor.float().numpy() for tensor in state.values()]


def train(out: Path) -> None:
    """Write the folders pytorch, pytorch-bare, tensorboard and safetensors."""
    torch.manual_seed(SEED)
    folder = fresh(out, "pytorch")
    model = Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "train_loss", "val_acc"])
        for epoch, loss, accuracy in epochs(model, optimizer, 6):
            writer.writerow([epoch, loss, accuracy])
            if epoch % 2 == 0:
                state = {
                    "epoch": epoch,
                    "model_state_dict": model.state_dict(),
                    "optimizer_state_dict": optimizer.state_dict(),
                    "loss": loss,
                    "random_state": torch.get_rng_state(),
                }
                torch.save(state, folder / f"checkpoint_{epoch}.pt")
    expect(
        folder,
        {
            file.name: arrays(torch.load(file, weights_only=True)["model_state_dict"])
            for file in sorted(folder.glob("*.pt"))
        },
    )

    folder = fresh(out, "pytorch-bare")
    model = nn.DataParallel(Network())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with (folder / "log.jsonl").open("w") as file:
        for epoch, loss, accuracy in epochs(model, optimizer, 4):
            print(json.dumps({"step": epoch * STEPS, "train/loss": loss, "train/accuracy": accuracy}), file=file)
            torch.save(model.state_dict(), folder / f"model_{epoch * STEPS:04}.pth")
    expect(folder, {file.name: arrays(torch.load(file, weights_only=True)) for file in sorted(folder.glob("*.pth"))})

    folder = fresh(out, "tensorboard")
    model = Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with SummaryWriter(str(folder / "events")) as board:
        for epoch, loss, accuracy in epochs(model, optimizer, 4):
            board.add_scalar("loss/train", loss, epoch)
            board.add_scalar("accuracy/train", accuracy, epoch)
            board.add_histogram("weights", model.fc1.weight, epoch)
            whole = {"net": {"state_dict": torch.compile(model).state_dict()}, "epoch": epoch}
            torch.save(whole, folder / f"ckpt_{epoch}.pth")
    expect(
        folder,
        {
            file.name: arrays(torch.load(file, weights_only=True)["net"]["state_dict"])
            for file in sorted(folder.glob("*.pth"))
        },
    )

    folder = fresh(out, "safetensors")
    model = Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with (folder / "metrics.jsonl").open("w") as file:
        for epoch, loss, accuracy in epochs(model, optimizer, 4):
            print(json.dumps({"epoch": epoch, "loss": loss, "accuracy": accuracy}), file=file)
            kind = (torch.float32, torch.bfloat16, torch.float16, torch.float64)[epoch - 1]
            state = {name: tensor.to(kind) for name, tensor in model.state_dict().items()}
            save_file(state, folder / f"model-epoch{epoch}.safetensors", metadata={"format": "pt"})
    expect(
        folder,
        {
            file.name: arrays({name: load_file(file)[name] for name in model.state_dict()})
            for file in sorted(folder.glob("*.safetensors"))
        },
    )


if __name__ == "__main__":
    command(train, __doc__)
