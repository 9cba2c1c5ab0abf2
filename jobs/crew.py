"""What some workers have between them: engines, their versions, and queues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .contract import Operation


@dataclass(frozen=True)
class Crew:
    """Some workers, as one. Two crews are equal when the same can be asked of both."""

    engines: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    """Of the engines that tell theirs."""
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    """Those of them that a worker uses when none is asked for."""

    def __bool__(self) -> bool:
        """Whether there is anybody."""
        return bool(self.engines or self.queues)

    def has(self, record: Operation) -> bool:
        """Tell whether somebody can do it; what no worker runs needs nobody."""
        if record.engine:
            return record.engine in self.engines
        return not record.queue or record.queue in self.queues

    def can_run(self, engine: str, pin: str) -> bool:
        """Tell whether somebody has an engine, in the one version that is wanted if one is."""
        return engine in self.engines and (not pin or pin in self.versions.get(engine, ()))
