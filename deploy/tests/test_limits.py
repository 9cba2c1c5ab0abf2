from __future__ import annotations

from deploy import settings
from jobs.contract import limits


def test_every_limit_is_listed_as_a_setting():
    listed = {f"ATHANOR_{setting.name}": setting.default for setting in settings.SETTINGS}

    assert {limit.variable: limit.default for limit in limits.LIMITS}.items() <= listed.items()
