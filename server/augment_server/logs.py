"""Structured logs: one line an event, on standard error, as JSON or for people."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

from augment.url_credentials import without_credentials
from augment_server.library_lines import LibraryLines
from augment_server.log_sink import to_stderr

if TYPE_CHECKING:
    from augment_server.settings import Settings

__all__ = ["configure_logs", "get_logger"]


def configure_logs(settings: Settings, **facts: object) -> None:
    """Set up structlog for the process, and what OpenTelemetry tells as lines of it; called once.

    Args:
        settings: How log lines look, and which there are.
        facts: What each line tells besides.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            lambda _logger, _method, event: {**event, **facts},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(settings.log_format),
            lambda _logger, _method, line: without_credentials(str(line)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level.upper())),
        logger_factory=to_stderr,
    )
    LibraryLines.take("opentelemetry")


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return a logger that carries the current call's request id."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def _renderers(log_format: str) -> list[structlog.typing.Processor]:
    if log_format == "console":
        plain = structlog.dev.plain_traceback  # the other formatter shows local variables: callers' records
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
