"""Fits a small model, alone or in several processes of `torchrun`; the first writes how it went."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from augment.training import processes
from augment.training.loop import fit
from tests.models.conftest import MAKERS
from tests.models.encoded_tables import encoded_table
from tests.training.test_training_loop import batches, options


def main(out: Path) -> None:
    """Fit a VAE; write losses, and whether all processes ended in the same weights."""
    torch.set_num_threads(1)
    with processes.together("cpu"):
        model = MAKERS["vae"](encoded_table("mixed tables")[0], 0)
        train, heldout = batches(400)
        report = fit(model, train, heldout, options())
        own = torch.cat([weight.detach().flatten() for weight in model.parameters()])
        same = torch.equal(own, processes.said_by_first(own))
        alike = not processes.any_of(not same, torch.device("cpu"))
        if processes.is_first():
            told = asdict(report) | {"processes": processes.count(), "alike": alike}
            out.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
