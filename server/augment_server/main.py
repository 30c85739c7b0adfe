"""Runs one server until it is told to stop."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from augment.errors import AugmentError, InvalidInputError
from augment.url_credentials import without_credentials
from augment_server.logs import configure_logs
from augment_server.refused_settings import refused
from augment_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "serve"]


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then let calls in flight finish; a second signal ends them.

    Must be called in the main thread, which is where signals arrive.

    Raises:
        RequestError: There is nothing to serve, or the address is taken.
        WorkerError: One of several processes did not get ready.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own lines would wait for whoever reads them, or not
    configure_logs(settings)
    if settings.workers > 1:
        from augment_server.supervision.supervisor import supervise  # noqa: PLC0415 - it loads no runtime

        supervise(settings)
    else:
        from augment_server.process import run  # noqa: PLC0415 - the runtime, which a supervisor does without

        run(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve with settings from flags and `AUGMENT_...` variables; return the exit code.

    Args:
        arguments: The flags; None: those of the process.
    """
    try:
        serve(_settings(list(sys.argv[1:] if arguments is None else arguments)))
    except InvalidInputError as error:
        for violation in error.violations:
            sys.stderr.write(without_credentials(f"error: {violation}\n"))
        return 2
    except AugmentError as error:
        sys.stderr.write(without_credentials(f"error: {error}\n"))
        return 2
    return 0


def _settings(given: list[str]) -> Settings:
    """Return the settings of flags and variables.

    Raises:
        RequestError: One breaks a rule.
    """
    try:
        return CliApp.run(Settings, cli_args=given)
    except (ValidationError, SettingsError) as error:
        raise refused(error) from error
