"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import pytest

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from deploy.servers.azurite import Azurite
    from deploy.servers.gcs import Gcs
    from deploy.servers.moto import Moto
    from deploy.servers.swift import Swift
    from jobs.models import Account

pytest_plugins = ["deploy.servers.fixtures"]

# Before Django reads its settings: tests own their data folder. Were the settings named in pyproject.toml,
# they would be read before this.
# Where several processes share a run, each has its own in the folder of the one that began.
HELPER = os.environ.get("PYTEST_XDIST_WORKER", "")
TOP = Path(os.environ["ATHANOR_TESTS_DIR"] if HELPER else tempfile.mkdtemp(prefix="athanor-"))
FOLDER = TOP / (HELPER or "0")
FOLDER.mkdir(mode=0o711)
TOP.chmod(0o711)
os.environ["ATHANOR_TESTS_DIR"] = f"{TOP}"
os.environ["ATHANOR_DATA_DIR"] = f"{FOLDER / 'data'}"
# pytest's usual place belongs to whichever session began last.
os.environ["PYTEST_DEBUG_TEMPROOT"] = f"{FOLDER}"
os.environ["DJANGO_SETTINGS_MODULE"] = "deploy.settings"
django.setup()


def pytest_unconfigure() -> None:
    shutil.rmtree(FOLDER if HELPER else TOP, ignore_errors=True)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where there are several processes, let one have what drives stacks, and keep modules whole."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return "deploy/tests" if module.startswith("deploy/tests/") else module

    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Let what a test was heard to say pass from process to process, half characters too."""
    report: Any = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    wanted = [tool for mark in item.iter_markers("needs") for tool in mark.args]
    missing = [tool for tool in wanted if not (shutil.which(tool) or Path(tool).is_file())]
    if missing and os.environ.get("CI"):
        pytest.fail(f"missing tools: {', '.join(missing)}", pytrace=False)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.fixture(scope="session")
def samples() -> Path:
    """A folder of the sample files, where the users that engines run as can come."""
    return Path(shutil.copytree(Path(__file__).parent / "samples", FOLDER / "samples"))


@pytest.fixture
def fakes() -> Iterator[None]:
    """Offer operations that need no tool, and nothing else."""
    from jobs.tests import flow

    with flow.offered():
        yield


@pytest.fixture
def vaults() -> Iterator[None]:
    """Offer the same, and storages that need no server."""
    from jobs.tests import flow

    with flow.offered(*flow.VAULTS):
        yield


@pytest.fixture
def owner(db: None) -> Account:
    """A customer."""
    from jobs.models import Account

    return Account.objects.create_user("customer")


@pytest.fixture(scope="session")
def _reachable(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the users that engines run as come through to the folders they are shown, when we are root."""
    if os.geteuid() == 0:
        base = tmp_path_factory.getbasetemp()
        for folder in (base, *base.parents):
            # Never what somebody else's --basetemp lies in.
            if TOP in folder.parents:
                folder.chmod(0o711)


@pytest.fixture(autouse=True)
def _own_folders(settings: SettingsWrapper, tmp_path: Path, _reachable: None) -> None:
    tmp_path.chmod(0o711)
    settings.ATHANOR_FILES_DIR = tmp_path / "files"
    settings.ATHANOR_SPOOL_DIR = tmp_path / "spool"
    settings.ATHANOR_WORK_DIR = tmp_path / "work"
    settings.ATHANOR_WORK_DIR.mkdir()


@pytest.fixture(autouse=True)
def _own_store(request: pytest.FixtureRequest, settings: SettingsWrapper) -> None:
    """Keep files in a bucket of the test's own, when the tests are to be run with one."""
    if wanted := os.environ.get("ATHANOR_TEST_FILE_STORE"):
        assert wanted == "moto", "ATHANOR_TEST_FILE_STORE may be moto, or empty"
        from jobs.tests import buckets

        buckets.use(settings, request.getfixturevalue("moto"))


@pytest.fixture
def local(settings: SettingsWrapper) -> None:
    """Keep files in a folder of this machine, whatever store the tests are run with."""
    settings.ATHANOR_FILE_STORE = None


@pytest.fixture
def bucket(settings: SettingsWrapper, moto: Moto) -> str:
    """Keep files in a bucket, to which clients go by themselves; return its name."""
    from jobs.tests import buckets

    return buckets.use(settings, moto, direct="uploads,downloads")


@pytest.fixture
def strict(settings: SettingsWrapper, swift: Swift) -> None:
    """Keep files in a bucket that looks at signatures."""
    from jobs.tests import buckets

    buckets.use_swift(settings, swift)


@pytest.fixture
def azure(settings: SettingsWrapper, azurite: Azurite) -> None:
    """Keep files in a container of Azure's."""
    from jobs.tests import buckets

    buckets.use_azure(settings, azurite)


@pytest.fixture
def google(settings: SettingsWrapper, gcs: Gcs) -> None:
    """Keep files in a bucket of Google's."""
    from jobs.tests import buckets

    buckets.use_google(settings, gcs)


@pytest.fixture(autouse=True)
def _own_fleet() -> Iterator[None]:
    """Let no test see the workers of another."""
    from jobs import fleet

    yield
    fleet.forget()


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let customers' URLs lead to servers that a test starts on this machine."""
    from jobs.contract import reach

    allows = reach.Reach.read("127.0.0.0/8,::1")
    monkeypatch.setattr(reach, "allowed", lambda: allows)
