"""Starts LibreOffice for its warm child: own profile, a pipe nobody else finds, no macros, no links."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import uno

RESTART = 81
"""How it ends when it wants to be started once more."""
SCRIPTING = "/org.openoffice.Office.Common/Security/Scripting"
# Not DisableActiveContent: it takes charts for active, leaves them out, and crashes where they are exported.
SETTINGS = (
    (SCRIPTING, "MacroSecurityLevel", "3"),
    (SCRIPTING, "DisableMacrosExecution", "true"),
    (SCRIPTING, "DisablePythonRuntime", "true"),
    # Pictures a document links to would be read from our disk, or fetched.
    (SCRIPTING, "BlockUntrustedRefererLinks", "true"),
    ("/org.openoffice.Office.Writer/Content/Update", "Link", "0"),
    ("/org.openoffice.Office.Calc/Content/Update", "Link", "1"),
    ("/org.openoffice.Office.Java/VirtualMachine", "Enable", "false"),
    ("/org.openoffice.Office.Recovery/AutoSave", "Enabled", "false"),
    ("/org.openoffice.Office.Common/Save", "GenerateThumbnail", "false"),
    ("/org.openoffice.Office.Common/Save", "CreateBackup", "false"),
    ("/org.openoffice.Office.Common/Misc", "UseLocking", "false"),
    ("/org.openoffice.Office.Common/Misc", "FirstRun", "false"),
    ("/org.openoffice.Office.Common/Misc", "CrashReport", "false"),
    ("/org.openoffice.Setup/Office", "ooSetupInstCompleted", "true"),
)
FLAGS = ("--headless", "--nologo", "--norestore", "--nodefault", "--nofirststartwizard")


def start(folder: Path) -> tuple[subprocess.Popen[bytes], Any]:
    """Start the office with a new profile in the folder; return the process and its component context.

    When the office ends, so does this process: whoever waits for an answer learns that none will come.
    """
    program = _program()
    _write_profile(folder / "profile", program)
    pipe = f"athanor-{secrets.token_hex(16)}"
    argv = ["setpriv", "--pdeathsig", "SIGKILL", "--", f"{program / 'soffice.bin'}", *FLAGS]
    argv += [f"--accept=pipe,name={pipe};urp;", f"-env:UserInstallation={(folder / 'profile').as_uri()}"]
    office = _launch(argv)
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    restarted = False
    while True:
        try:
            context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
            break
        except Exception:  # noqa: BLE001 - uno makes its exceptions at run time
            if office.poll() is not None:
                if restarted or office.returncode != RESTART:
                    raise SystemExit(f"LibreOffice ended with {office.returncode} as it started.") from None
                restarted, office = True, _launch(argv)
            time.sleep(0.01)
    threading.Thread(target=_end_with, args=(office,), daemon=True).start()
    return office, context


def _program() -> Path:
    found = shutil.which("soffice")
    if not found:
        raise SystemExit("LibreOffice is not installed.")
    return Path(found).resolve().parent


def _launch(argv: list[str]) -> subprocess.Popen[bytes]:
    # Not through the wrapper script: it forks, and what it forks survives it.
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=2, env={**os.environ, "SAL_USE_VCLPLUGIN": "svp"}
    )


def _end_with(office: subprocess.Popen[bytes]) -> None:
    office.wait()
    os._exit(1)


def _write_profile(profile: Path, program: Path) -> None:
    """Write what a first start would: with it the office is ready in a fifth of the time."""
    build = _find(program / "versionrc", r"^buildid=(.+)$")
    version = _find(program / "bootstraprc", r"^ProductKey=\D*([\d.]+)")
    extensions = profile / "user" / "extensions"
    for part in ("bundled", "shared"):
        (extensions / part).mkdir(parents=True)
        (extensions / part / "lastsynchronized").write_text("1")
    (extensions / "buildid").write_text(build)
    settings = [
        *SETTINGS,
        ("/org.openoffice.Setup/Office", "LastCompatibilityCheckID", build),
        ("/org.openoffice.Setup/Product", "ooSetupLastVersion", version),
    ]
    items = "".join(
        f'<item oor:path="{path}"><prop oor:name="{name}" oor:op="fuse">'
        f"<value>{escape(value)}</value></prop></item>"
        for path, name, value in settings
    )
    (profile / "user" / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry"'
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{items}</oor:items>'
    )


def _find(path: Path, pattern: str) -> str:
    found = re.search(pattern, path.read_text(), re.MULTILINE) if path.is_file() else None
    return found[1].strip() if found else ""
