"""The attacks that wait for what they attack, and the proof that none of the eighty is forgotten."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve

from jobs import registry

pytestmark = pytest.mark.attack
FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]


def operations(*names):
    """Return those that are on offer."""
    return [name for name in names if registry.named(name)]


def sources(*names):
    """Return the formats among these that something converts from."""
    return sorted(
        {source for record in registry.named("convert") for source, _ in record.conversions} & set(names)
    )


def engines(*names):
    """Return the engines among these that there are."""
    return sorted(set(names) & set(registry.engines()))


def modules(*names):
    """Return those that exist."""
    return [name for name in names if importlib.util.find_spec(name)]


def paths(*names):
    """Return the paths that lead somewhere."""
    found = []
    for name in names:
        try:
            resolve(name)
        except Resolver404:
            continue
        found.append(name)
    return found


def words(*texts):
    """Return the words that our own code, without its tests, has."""
    code = [
        path.read_text().lower()
        for folder in ("api", "jobs", "workers", "deploy")
        for path in (ROOT / folder).rglob("*.py")
        if "tests" not in path.parts
    ]
    return [text for text in texts if any(text.lower() in each for each in code)]


CLOUDS = [
    f"{way}/{name}"
    for way in ("import", "export")
    for name in ("s3", "azure/blob", "google-cloud-storage", "openstack")
]
WAITING = [
    ("A18", "webhooks are sent", lambda: modules("workers.webhooks", "jobs.webhooks")),
    ("A19", "S3, Azure, Google and OpenStack", lambda: operations(*CLOUDS)),
    (
        "A67",
        "OAuth",
        lambda: paths("/oauth/authorize", "/oauth/token") + words("oauth2_provider"),
    ),
    (
        "A69",
        "secrets of S3, metrics, webhooks",
        lambda: operations("import/s3") + paths("/metrics"),
    ),
    ("A72", "webhooks are signed", lambda: words("CloudConvert-Signature") + modules("jobs.webhooks")),
    ("A73", "idempotency keys", lambda: words("idempotency-key", "idempotency_key")),
]
"""The attack, what it waits for, and what of that is there. Some have a part that does not wait, tested elsewhere."""


@pytest.mark.parametrize(
    ("attack", "feature", "landed"), WAITING, ids=[f"{row[0].lower()}" for row in WAITING]
)
def test_the_attack_waits_for_what_it_attacks(attack, feature, landed):
    found = landed()

    assert not found, f"{', '.join(found)} has landed ({feature}): write {attack} now (security.md 2.9)."


def written():
    """Return the name of every test of the suite, by its module."""
    found = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        if path.name != Path(__file__).name:
            tree = ast.parse(path.read_text())
            names = [
                node.name
                for node in tree.body
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            ]
            found[path.name] = names
    return found


def test_every_attack_is_tested_or_waits():
    tested = {
        number.upper()
        for names in written().values()
        for name in names
        for number in re.findall(r"(a\d+)_", re.match(r"test_((?:a\d+_)*)", name)[1])
    }

    wanted = {f"A{number}" for number in range(1, 81)}
    assert wanted - tested - {row[0] for row in WAITING} == set()
    assert tested <= wanted


def test_every_test_names_its_attack_and_bears_the_mark():
    nameless = [name for names in written().values() for name in names if not re.match(r"test_a\d+_", name)]

    assert nameless == []
    assert all("pytest.mark.attack" in (FOLDER / module).read_text() for module in written())
