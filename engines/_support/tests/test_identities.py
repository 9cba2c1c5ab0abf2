from __future__ import annotations

import pytest

from engines._support.identities import maps_pool


@pytest.mark.parametrize(
    ("table", "has"),
    [
        ("         0          0 4294967295\n", True),
        ("0 100000 65536\n", True),
        ("0 1000 1\n1 100000 65535\n", True),
        ("0 0 1\n", False),
        ("0 100000 60900\n", False),
        ("", False),
    ],
)
def test_a_container_may_lack_the_users_of_the_pool(table, has):
    assert maps_pool(table) is has
