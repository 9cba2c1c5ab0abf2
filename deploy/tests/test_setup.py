from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = r"[a-z0-9][a-z0-9.+-]+"
ROW = re.compile(rf"(\? )?{PACKAGE}( \(>= [\w.:~+-]+\))?( \| {PACKAGE})*")


def rows() -> list[str]:
    lines = (ROOT / "deploy" / "packages.txt").read_text().splitlines()
    return [row for line in lines if (row := line.partition("#")[0].strip())]


def names(row: str) -> list[str]:
    return re.findall(PACKAGE, re.sub(r"\(.*?\)", "", row))


def bash(script: str) -> str:
    """Run a script with the functions of setup.sh at hand, without running its main."""
    done = subprocess.run(
        ["bash", "-c", f"source deploy/setup.sh; {script}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("script", ["deploy/setup.sh", ".ci/run"])
def test_scripts_are_bash(script):
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


def test_the_list_can_be_read():
    assert [row for row in rows() if not ROW.fullmatch(row)] == []


def test_the_list_names_nothing_twice():
    seen = [name for row in rows() for name in names(row)]

    assert sorted(seen) == sorted(set(seen))


def test_bash_reads_the_rows_that_we_read():
    assert bash("rows").splitlines() == rows()


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ("ffmpeg", "[ffmpeg] [] []"),
        ("? a | b", "[a b] [] [yes]"),
        ("a-nogui (>= 4:24) | a", "[a-nogui a] [4:24] []"),
    ],
)
def test_a_row_has_names_and_perhaps_a_wish(row, parts):
    assert bash(f'split "{row}"; echo "[${{names[*]}}] [$wish] [$optional]"') == parts


@pytest.mark.parametrize(
    ("installed", "row", "satisfied"),
    [
        ("[ffmpeg]=5", "ffmpeg", True),
        ("", "ffmpeg", False),
        ("[b]=1", "a | b", True),
        ("[office]=4:25", "office (>= 4:24)", True),
        ("[office]=4:7.4", "office (>= 4:24)", False),
        ("[office]=1:7.4 [other]=1", "office (>= 4:24) | other", False),
        ("[other]=1", "office (>= 4:24) | other", True),
    ],
)
def test_a_row_is_satisfied_by_what_is_installed(installed, row, satisfied):
    assert bash(f'installed=({installed}); if present "{row}"; then echo yes; fi') == "yes" * satisfied


def test_a_desktops_office_is_good_enough_as_it_is():
    script = (
        'installed=([python3-uno]=4:7.4); desktop_office=yes; present "python3-uno (>= 4:24)" && echo yes'
    )

    assert bash(script) == "yes"


@pytest.mark.parametrize(
    ("offers", "row", "chosen", "given_up"),
    [
        ("native=([a]=1 [b]=1)", "a | b", "a", ""),
        ("native=([b]=1)", "a | b", "b", ""),
        ("native=([office]=4:25)", "office (>= 4:24)", "office", ""),
        ("native=([office]=4:7) backport=([office]=4:25)", "office (>= 4:24)", "office=4:25", ""),
        ("native=([office]=4:7)", "office (>= 4:24)", "office", "office (>= 4:24)"),
        ("native=([office]=4:7 [desk]=4:7)", "office (>= 4:24) | desk", "desk", ""),
        ("native=()", "? plugin", "", "? plugin"),
        ("backport=([plugin]=2)", "? plugin", "", "? plugin"),
        ("desktop_office=yes native=([a-nogui]=1 [a]=1)", "a-nogui | a", "a", ""),
    ],
)
def test_the_first_package_that_can_be_had_is_chosen(offers, row, chosen, given_up):
    asking = "apt-cache() { :; }"

    answer = bash(f'{asking}; {offers}; choose "{row}"; echo "${{arguments[*]}};${{accepted[*]}}"')

    assert answer == f"{chosen};{given_up}"


def test_a_package_that_is_only_a_snap_is_not_chosen():
    asking = "apt-cache() { printf 'browser\\n  PreDepends: snapd\\n'; }"

    assert bash(f'{asking}; native=([browser]=2); choose "? browser"; echo "${{arguments[*]}}"') == ""


def test_what_cannot_be_had_at_all_is_reported():
    assert bash('choose "a | b"; echo "${unobtainable[*]}"') == "a b"


def test_the_environment_is_made_anew_when_its_pins_change(tmp_path):
    for name in ("requirements.txt", "deploy/constraints.txt", "deploy/setup.sh"):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text((ROOT / name).read_text())
    script = f'source "{tmp_path}/deploy/setup.sh"; python=/usr/bin/python3; fingerprint'

    def fingerprint() -> str:
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout

    before, again = fingerprint(), fingerprint()
    with (tmp_path / "requirements.txt").open("a") as file:
        file.write("another==1\n")

    assert before == again
    assert fingerprint() != before
