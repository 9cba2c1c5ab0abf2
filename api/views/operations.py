"""What can be asked for, and by which way it would be done; open to everybody."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api import catalogue, representations
from api.representations import Json
from jobs import fleet, planner, registry, routing, versions
from jobs.contract import Operation, formats
from jobs.contract.errors import EngineGone, InvalidData, UnsupportedConversion
from jobs.crew import Crew
from jobs.registry import Hop

from .endpoint import OpenEndpoint


class OperationList(OpenEndpoint):
    """``/v2/operations``; and ``/v2/convert/formats``, the same for conversions only."""

    only: str | None = None

    def get(self, request: Request) -> HttpResponse:
        """List what is on offer, without pages: there never were any."""
        filters = self.filters | ({"operation": self.only} if self.only else {})
        answer = catalogue.of(fleet.look().live).answer(
            filters, alternatives=self.flag("alternatives"), include=self.include
        )
        headers = {"ETag": f'W/"{answer.tag}"', "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        if answer.tag in request.headers.get("If-None-Match", ""):
            return HttpResponse(status=304, headers=headers)
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        if packed:
            headers["Content-Encoding"] = "gzip"
        body = answer.packed if packed else answer.body
        return HttpResponse(body, content_type="application/json", headers=headers)


class Plan(OpenEndpoint):
    """``/v2/operations/plan``: the way that a task would take now."""

    def get(self, request: Request) -> Response:
        """Answer with the hops.

        :raises InvalidData: when there is no such way.
        """
        asked = {name: f"{value}" for name, value in request.query_params.items() if value}
        source, target = (_format(asked.get(f"{side}_format")) for side in ("input", "output"))
        name = asked.get("operation", planner.CONVERT)
        name = registry.OPERATION_ALIASES.get(name, name)
        engine, version = asked.get("engine"), asked.get("engine_version")
        records = registry.named(name)
        if not records or name in registry.hidden():
            raise InvalidData({"operation": ["The operation is unknown."]})
        if missing := _missing(records, source, target):
            raise InvalidData({field: [f"The {field} field is required."] for field in missing})
        try:
            if any(record.conversions for record in records):
                hops = routing.way(name, [source], target, engine=engine, version=version)
            else:
                hops = routing.plain(name, engine=engine, version=version)
        except EngineGone as error:
            field = "engine_version" if version else "engine"
            raise InvalidData({field: [error.message]}) from error
        if not hops:
            raise UnsupportedConversion({"output_format": [UnsupportedConversion.message]})
        return Response({"data": _way(name, source, target, hops)})


def _missing(records: Sequence[Operation], source: str, target: str) -> list[str]:
    """Return the formats that have to be said, and are not."""
    ends = [pair for record in records for pair in record.conversions]
    needed = {
        "input_format": not source and bool(ends) and all(start for start, _ in ends),
        "output_format": not target and any(end for _, end in ends),
    }
    return [field for field, is_missing in needed.items() if is_missing]


def _way(name: str, source: str, target: str, hops: tuple[Hop, ...]) -> Json:
    live = fleet.look().live
    return {
        "operation": representations.operation(name),
        "input_format": source or None,
        "output_format": target or None,
        "cost": round(planner.cost(hops), 2),
        "hops": [_hop(each, live) for each in hops],
    }


def _hop(hop: Hop, live: Crew) -> Json:
    record = hop.operation
    return {
        "operation": representations.operation(record.name),
        "engine": record.engine,
        "engine_version": hop.version or (record.engine and versions.default(record.engine, live)),
        "input_format": hop.source or None,
        "output_format": hop.target or None,
        "cost": record.cost,
        "live": live.has(record),
    }


def _format(text: str | None) -> str:
    return formats.canonical(text) if text else ""
