"""What can be asked for; open to everybody."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from api import catalogue
from jobs import fleet

from .endpoint import OpenEndpoint


class OperationList(OpenEndpoint):
    """``/v2/operations``; and ``/v2/convert/formats``, the same for conversions only."""

    only: str | None = None

    def get(self, _request: Request) -> Response:
        """List what is on offer, without pages: there never were any."""
        filters = self.filters | ({"operation": self.only} if self.only else {})
        versions = _versions() if {"engine_version", "engine_versions"} & {*filters, *self.include} else {}
        found = catalogue.matching(filters, alternatives=self.flag("alternatives"), versions=versions)
        options, told = {}, {}
        rows = []
        for offer in found:
            row = catalogue.row(offer)
            if "options" in self.include:
                key = id(offer.record)
                if key not in options:
                    options[key] = [catalogue.option(each) for each in offer.record.options]
                row["options"] = options[key]
            if "engine_versions" in self.include:
                engine = offer.record.engine or ""
                if engine not in told:
                    told[engine] = catalogue.engine_versions(versions.get(engine, ()))
                row["engine_versions"] = told[engine]
            rows.append(row)
        return Response({"data": rows})


def _versions() -> dict[str, list[str]]:
    """Return the versions of every engine that live workers have."""
    found: dict[str, list[str]] = {}
    for worker in fleet.alive():
        for engine, version in worker.tools.items():
            if version not in found.setdefault(engine, []):
                found[engine].append(version)
    return found
