"""Synthetic rows in a training loop of torch: `SyntheticDataset`. Needs the extra `torch`.

Example:
    >>> from augment_client.torch import SyntheticDataset
    >>> dataset = SyntheticDataset("host:50051", "adult", real=frame, batch_size=256)  # doctest: +SKIP
    >>> loader = DataLoader(dataset, batch_size=None, num_workers=2)  # doctest: +SKIP
    >>> for epoch in range(10):  # doctest: +SKIP
    ...     dataset.set_epoch(epoch)
    ...     for batch in loader:
    ...         train(batch["age"], batch["income"])
"""

from __future__ import annotations

from importlib.util import find_spec

for _name in ("numpy", "torch"):
    if find_spec(_name) is None:
        message = f"augment_client.torch needs {_name}: pip install 'augment-service[torch]'"
        raise ModuleNotFoundError(message, name=_name)

from augment_client.torch.dataset import SyntheticDataset  # noqa: E402 - says first what it needs

__all__ = ["SyntheticDataset"]
