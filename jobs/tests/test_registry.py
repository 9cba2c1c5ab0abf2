from __future__ import annotations

import pytest

from jobs import planner, registry

pytestmark = pytest.mark.usefixtures("fakes")


@pytest.mark.parametrize("version", ["", "7.1.5"])
def test_a_hop_survives_its_row(version):
    [hop] = planner.route("convert", "txt", "pdf")
    hop = registry.Hop(hop.operation, hop.source, hop.target, version)

    assert registry.hop(hop.key) == hop


def test_a_hop_no_longer_offered_is_a_lookup_error():
    with pytest.raises(LookupError):
        registry.hop(["convert", "gone", "txt", "pdf"])


def test_the_engines_of_a_queue():
    assert registry.engines_of("painter") == {"painter"}
    assert registry.engines_of("storage") == frozenset()
