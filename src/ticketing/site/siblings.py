"""The figures of several server processes together: each leaves its own in a folder, and whoever is asked shows all of them."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

LEFT_EVERY_SECONDS: Final = 1.0
"""The figures of the others are so old at most; those of the process that answers are of now."""
LABEL: Final = "worker"


@dataclass(frozen=True, slots=True)
class Siblings:
    """The folder of all server processes under one supervisor, and which of them this is, from 1 on."""

    folder: Path
    worker: int

    def leave(self, figures: Iterable[Metric]) -> None:
        """The others find these figures, all of them or the ones before."""
        path = self.folder / f"{self.worker}.json"
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps([_plain(metric) for metric in figures]))
        os.replace(beside, path)

    def joined(self, own: Iterable[Metric]) -> CollectorRegistry:
        """The figures of all, each with the number of its process as a label: counters only grow, whoever of them is asked."""
        found: dict[str, Metric] = {}
        for metric in own:
            _join(found, _plain(metric), worker=str(self.worker))
        for path in sorted(self.folder.glob("*.json")):
            if path.stem != str(self.worker):
                for plain in json.loads(path.read_text()):
                    _join(found, plain, worker=path.stem)
        registry = CollectorRegistry()
        registry.register(_Found(tuple(found.values())))
        return registry


class _Found(Collector):
    def __init__(self, metrics: tuple[Metric, ...]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _plain(metric: Metric) -> dict[str, Any]:
    samples = [(sample.name, sample.labels, sample.value) for sample in metric.samples]
    return {"name": metric.name, "about": metric.documentation, "type": metric.type, "samples": samples}


def _join(found: dict[str, Metric], plain: dict[str, Any], *, worker: str) -> None:
    metric = found.get(plain["name"])
    if metric is None:
        metric = found[plain["name"]] = Metric(plain["name"], plain["about"], plain["type"])
    for name, labels, value in plain["samples"]:
        metric.add_sample(name, {LABEL: worker, **labels}, value)
