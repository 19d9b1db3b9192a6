"""Train on two processes with PyTorch's fully_shard: checkpoints of torch.distributed.checkpoint, a part from each."""

from __future__ import annotations

import csv
import os
import socket
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from iris import SEED, command, expect, fresh
from torch import nn
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from train_pytorch import STEPS, Network, arrays, epochs

PROCESSES = 2
EPOCHS = 4


def work(rank: int, port: int, folder: str) -> None:
    """Train in one of the processes, each with its part of every weight."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=PROCESSES)
    torch.manual_seed(SEED)
    model: nn.Module = Network()
    fully_shard(model, mesh=init_device_mesh("cpu", (PROCESSES,)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.5)
    rows = []
    for epoch, loss, accuracy in epochs(model, optimizer, EPOCHS):
        rows.append([epoch, loss, accuracy])
        if epoch % 2 == 0:
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "epoch": epoch,
                "step": epoch * STEPS,
            }
            dcp.save(state, checkpoint_id=f"{folder}/step-{epoch * STEPS}")
    if rank == 0:
        with (Path(folder) / "log.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["epoch", "train_loss", "train_acc"], *rows])
    dist.barrier()
    del model, optimizer  # before what they talk through
    dist.destroy_process_group()


def train(out: Path) -> None:
    """Write the folder torch-dcp."""
    folder = fresh(out, "torch-dcp")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (port, str(folder)), PROCESSES)
    wanted = {}
    for step in sorted(folder.glob("step-*"), key=lambda path: int(path.name[5:])):
        dcp_to_torch_save(step, "whole.pt")
        wanted[f"{step.name}/.metadata"] = arrays(torch.load("whole.pt", weights_only=False)["model"])
    Path("whole.pt").unlink()
    expect(folder, wanted)


if __name__ == "__main__":
    command(train, __doc__)
