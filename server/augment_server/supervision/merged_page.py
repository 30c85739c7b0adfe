"""The metrics of all workers, as one page."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from augment_server.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["WorkerMetrics"]

_TIMEOUT_S = 2.0
_ACCEPT = {"Accept": "application/openmetrics-text; version=1.0.0"}


class WorkerMetrics(Collector):
    """What workers expose, with the label `worker`. One that does not answer in 2 s is left out.

    Args:
        ports: Returns where the pages are, by the worker's number.
        restarts: Returns how often each was started anew.
    """

    def __init__(
        self, ports: Callable[[], Mapping[int, int]], restarts: Callable[[], Mapping[int, int]]
    ) -> None:
        self._ports = ports
        self._restarts = restarts

    def collect(self) -> Iterable[Metric]:
        """Ask them all at once."""
        ports = self._ports()
        families: dict[str, Metric] = {}
        parsed: Any = text_string_to_metric_families  # has no types
        with ThreadPoolExecutor(max(1, len(ports))) as pool:
            for index, text in zip(ports, pool.map(_page, ports.values()), strict=True):
                for family in parsed(text):
                    _add(families, family, str(index))
        return [*families.values(), self._restarted()]

    def _restarted(self) -> Metric:
        family = CounterMetricFamily(
            "augment_worker_restarts", "Workers that were started anew", labels=["worker"]
        )
        for index, count in self._restarts().items():
            family.add_metric([str(index)], count)
        return family


def _add(families: dict[str, Metric], family: Metric, worker: str) -> None:
    empty = Metric(family.name, family.documentation, family.type, family.unit)
    families.setdefault(family.name, empty).samples += [
        sample._replace(labels={**sample.labels, "worker": worker}) for sample in family.samples
    ]


def _page(port: int) -> str:
    """Return a worker's page; an empty one where it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/metrics", headers=_ACCEPT)
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException) as error:
        get_logger().warning("no metrics of a worker", reason=str(error))
        return "# EOF\n"
    finally:
        connection.close()
