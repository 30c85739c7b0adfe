"""What supervisor and worker tell each other, one line of JSON each way."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from augment_server.settings import Settings  # noqa: TC001 - pydantic needs it at run time

__all__ = ["HURRY", "STOP", "Order", "Report"]

STOP, HURRY = b"stop\n", b"hurry\n"
"""What the supervisor says later. Its silence for good, the end of the pipe, means the same as to stop."""


class Order(BaseModel):
    """What a worker is to do.

    Attributes:
        index: Its number, from 0.
        settings: Its own.
        report_to: The descriptor of the pipe that takes its report.
        quotas_in: The descriptor of the file with the quotas of all workers.
        held: Versions that the operator loaded.
        withdrawn: Versions that the operator unloaded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int
    settings: Settings
    report_to: int
    quotas_in: int
    held: list[tuple[str, int]] = []
    withdrawn: list[tuple[str, int]] = []


class Report(BaseModel):
    """What has become of it.

    Attributes:
        error: Why it cannot serve; empty: it does.
        models: What it serves, as in `adult/3`.
        host: Where it listens.
        port: At which port.
        admin_port: The port of its AdminService; None: it has none.
        metrics_port: The port of its metrics; None: it has none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    error: str = ""
    models: list[str] = []
    host: str = ""
    port: int = 0
    admin_port: int | None = None
    metrics_port: int | None = None
