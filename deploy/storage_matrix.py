"""``make test-storage``: the cases of every provider, and the table of provider by case."""

from __future__ import annotations

import re
import sys
from collections import defaultdict

import pytest

WORST_FIRST = ("FAIL", "-", "ok")


class Matrix:
    """Hears what comes of each test, and keeps the worst for each provider and case."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test's end, or what went wrong around it."""
        named = re.fullmatch(r".*::Test(\w+)::test_(\w+).*", report.nodeid, re.DOTALL)
        if not named or (report.when != "call" and report.passed):
            return
        now = "FAIL" if report.failed else "-" if report.skipped else "ok"
        provider, case = named.groups()
        before = self.found[case].get(provider, "ok")
        self.found[case][provider] = min(before, now, key=WORST_FIRST.index)

    def table(self) -> str:
        """Return the table, a line for each case; ``-`` where a provider can have no such thing."""
        providers = sorted({name for row in self.found.values() for name in row})
        first = max((len(case) for case in self.found), default=0)
        lines = ["  ".join(["case".ljust(first), *providers])]
        for case, row in self.found.items():
            cells = [row.get(name, "").ljust(len(name)) for name in providers]
            lines.append("  ".join([case.replace("_", " ").ljust(first), *cells]).rstrip())
        return "\n".join(lines)


def main() -> int:
    """Run them, print the table, and return pytest's exit status."""
    matrix = Matrix()
    status = pytest.main(["storage/tests", "-m", "provider"], plugins=[matrix])
    sys.stdout.write(f"\n{matrix.table()}\n")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
