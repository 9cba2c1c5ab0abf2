"""Every setting as a record, read from the environment; and Django's own, made from them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from . import mail, places, startup
from .startup import SettingError

try:
    from jobs.contract import limits
    from jobs.files import address

    from . import reading
except ValueError as error:
    raise SettingError(f"{error}") from error

BASE_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Setting:
    """One setting: ``ATHANOR_<NAME>`` in the environment."""

    name: str
    default: Any
    help: str


T = TypeVar("T")
_NONE: tuple[str, ...] = ()
_NO_PORTS: tuple[int, ...] = ()
_NO_VERSIONS: tuple[tuple[str, str], ...] = ()
_ANY: tuple[str, ...] = ("*",)
SETTINGS: list[Setting] = []
"""Every setting; ``manage.py settings`` shows them."""


def _setting(name: str, default: T, help_text: str, read: Callable[[str], T]) -> T:
    SETTINGS.append(Setting(name, default, help_text))
    text = os.environ.get(f"ATHANOR_{name}")
    if text is None:
        return default
    try:
        return read(text)
    except ValueError as error:
        # Who has written a password into it shall not find it in a log.
        shown = "" if "@" in text else f"={text!r}"
        raise SettingError(f"ATHANOR_{name}{shown} cannot be read: {error}") from error


ATHANOR_DATA_DIR = _setting(
    "DATA_DIR", BASE_DIR / "var", "Where the embedded database, files and logs lie.", Path
).resolve()
ATHANOR_DATABASE_URL = _setting(
    "DATABASE_URL", "", "postgresql://user:password@host/name; empty for SQLite in DATA_DIR.", str
)
_BROKER_URL = _setting("BROKER_URL", "", "Celery's broker; empty for the embedded Redis in DATA_DIR.", str)
_EVENTS_URL = _setting(
    "EVENTS_URL", "", "Redis that tells waiters of ended jobs; empty for the broker, if it is Redis.", str
)
ATHANOR_EMBEDDED = _setting(
    "EMBEDDED",
    False,
    "Whether keys made in DATA_DIR will do; the embedded stack says so itself.",
    reading.flag,
)
ATHANOR_SECRET_KEY = _setting(
    "SECRET_KEY", "", "Signs sessions and download links; to be given, but the embedded stack makes one.", str
)
ATHANOR_SIGNING_KEYS = _setting(
    "SIGNING_KEYS", _NONE, "Older secret keys whose links still verify, comma-separated.", reading.words
)
_SEALING_KEYS = _setting(
    "SEALING_KEYS", "", "Seal secrets at rest: id:base64, comma-separated; the first seals, all open.", str
)
_SEALING_KEYS_FILE = _setting(
    "SEALING_KEYS_FILE", "", "A file that holds them instead; the embedded stack makes one in DATA_DIR.", str
)
ATHANOR_DEBUG = _setting("DEBUG", False, "Django's debug mode; never outside development.", reading.flag)
ATHANOR_ALLOWED_HOSTS = _setting(
    "ALLOWED_HOSTS", _ANY, "Host names we answer to, comma-separated.", reading.words
)
ATHANOR_PUBLIC_URL = _setting(
    "PUBLIC_URL", "http://127.0.0.1:8000", "The URL clients use for the asynchronous API.", str
)
ATHANOR_SYNC_URL = _setting(
    "SYNC_URL", "http://127.0.0.1:8001", "The URL of the synchronous API: another host name or port.", str
)
_STORAGE_URL = _setting("STORAGE_URL", "", "The URL of uploads and downloads; empty for PUBLIC_URL.", str)
ATHANOR_REGION = _setting("REGION", "local", "Shown as the region of tasks.", str)
SETTINGS += [Setting(f"MAX_{each.name}", each.default, each.help) for each in limits.LIMITS]
ATHANOR_MAX_FILE_BYTES = limits.FILE_BYTES
ATHANOR_MAX_BODY_BYTES = limits.BODY_BYTES
ATHANOR_MAX_TASKS = limits.TASKS
ATHANOR_MAX_OUTPUT_FILES = limits.OUTPUT_FILES
ATHANOR_UPLOAD_HOURS = _setting("UPLOAD_HOURS", 6, "How long an upload form is valid.", int)
ATHANOR_RETENTION_HOURS = _setting(
    "RETENTION_HOURS", 24, "How long files and download links live after a task's end.", int
)
ATHANOR_LEASE_SECONDS = _setting("LEASE_SECONDS", 30.0, "How long a silent worker keeps its tasks.", float)
ATHANOR_HEARTBEAT_SECONDS = _setting(
    "HEARTBEAT_SECONDS", 10.0, "How often a worker extends its leases.", float
)
ATHANOR_DRAIN_SECONDS = _setting(
    "DRAIN_SECONDS", 30.0, "How long a worker told to stop may finish what it runs.", float
)
ATHANOR_QUEUES = _setting(
    "QUEUES", _NONE, "Queues this worker serves, comma-separated; empty for all.", reading.words
)
_USUAL_SLOTS: dict[str, int] = {}
ATHANOR_SLOTS = _setting(
    "SLOTS",
    _USUAL_SLOTS,
    "How many tasks run at once here, as queue=number, comma-separated; where none is given, 8 for storage "
    "and as many as there are cores for every other.",
    reading.slots,
)
ATHANOR_ENGINE_ROOTS = _setting(
    "ENGINE_ROOTS",
    _NONE,
    "Folders that each hold another system, made by deploy/root.sh, whose versions of the engines are served "
    "beside this machine's, comma-separated.",
    reading.words,
)
ATHANOR_ENGINE_DEFAULTS = dict(
    _setting(
        "ENGINE_DEFAULTS",
        _NO_VERSIONS,
        "Versions to use where a customer asks for none, as libreoffice=25.2,ffmpeg=7; the first numbers "
        "will do. Without it, every worker uses what its machine has.",
        reading.versions,
    )
)
ATHANOR_ENGINE_DEPRECATED = _setting(
    "ENGINE_DEPRECATED",
    _NO_VERSIONS,
    "Versions that customers are told to leave, as libreoffice=7; they are listed so, and whoever uses one "
    "gets one e-mail.",
    reading.versions,
)
ATHANOR_ENGINE_EXPERIMENTAL = _setting(
    "ENGINE_EXPERIMENTAL",
    _NO_VERSIONS,
    "Versions that you do not vouch for yet; they are listed so, and are never the latest.",
    reading.versions,
)
ATHANOR_EMAIL_URL = _setting(
    "EMAIL_URL",
    "",
    "Where e-mail to customers goes: smtp://, smtp+tls:// or smtps:// with user:password@host:port, "
    "file:///folder, or console: for the log; empty for none.",
    str,
)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = _setting(
    "EMAIL_FROM", "Athanor <athanor@localhost>", "Whom e-mail to customers is from.", str
)
ATHANOR_WARM_USES = _setting("WARM_USES", 100, "Conversions after which a warm engine is replaced.", int)
ATHANOR_WARM_MEGABYTES = _setting(
    "WARM_MEGABYTES", 1024, "Memory above which a warm engine is replaced after a conversion.", int
)
ATHANOR_PAGE_MEGABYTES = _setting(
    "PAGE_MEGABYTES", 1024, "What a page in the browser may load from the network, and send.", int
)
ATHANOR_CONFINEMENT = _setting(
    "CONFINEMENT",
    "auto",
    "How engines are locked in: bubblewrap, landlock, or auto for what holds here.",
    str,
)
ATHANOR_UNSAFE_RUN_ENGINES_UNCONFINED = _setting(
    "UNSAFE_RUN_ENGINES_UNCONFINED",
    False,
    "Run engines where nothing can lock them in: a stranger's file can then do all that the worker can.",
    reading.flag,
)
ATHANOR_FONTS_DIR = _setting(
    "FONTS_DIR",
    "",
    "A folder of fonts that engines use besides the system's; read when a worker starts.",
    str,
)
ATHANOR_LOG_LEVEL = _setting("LOG_LEVEL", "INFO", "Least severe level that is logged.", str)
ATHANOR_OUTBOUND_ALLOW = _setting(
    "OUTBOUND_ALLOW",
    _NONE,
    "Networks (10.0.0.0/8) and hosts (files.internal, *.internal) that customers' URLs may lead to besides "
    "the public internet, comma-separated.",
    reading.reach,
)
ATHANOR_OUTBOUND_PORTS = _setting(
    "OUTBOUND_PORTS",
    _NO_PORTS,
    "Ports that customers' URLs may name besides 80, 443 (22 for SFTP, 21 and 990 for FTP) and those above "
    "1023, of which some of databases and the like are left out.",
    reading.numbers,
)
ATHANOR_FILE_STORE = _setting(
    "FILE_STORE",
    None,
    "The bucket that files lie in where several machines work: s3://bucket, azure://account/container or "
    "gs://bucket, with what the README says behind it; empty for a folder in DATA_DIR.",
    address.read,
)
ATHANOR_FILE_STORE_ACCESS_KEY = _setting(
    "FILE_STORE_ACCESS_KEY", "", "The id of the key to an s3:// bucket; empty for what the machine has.", str
)
ATHANOR_FILE_STORE_SECRET_KEY = _setting(
    "FILE_STORE_SECRET_KEY", "", "The key to the bucket; empty for what the machine has.", str
)
ATHANOR_FILES_DIR = ATHANOR_DATA_DIR / "files"
ATHANOR_SPOOL_DIR = ATHANOR_DATA_DIR / "spool"
ATHANOR_WORK_DIR = places.work_folder(ATHANOR_DATA_DIR, is_root=os.geteuid() == 0)


def _secret_key() -> str:
    # Made once, so that no two installations share one.
    return ATHANOR_SECRET_KEY or startup.kept(ATHANOR_DATA_DIR / "secret_key", secrets.token_urlsafe(48))


def _sealing_keys() -> dict[str, bytes]:
    if _SEALING_KEYS:
        return startup.sealing_keys(_SEALING_KEYS, name="ATHANOR_SEALING_KEYS")
    if not _SEALING_KEYS_FILE:
        path = ATHANOR_DATA_DIR / "sealing_keys"
        return startup.sealing_keys(startup.kept(path, f"{startup.new_sealing_key()}\n"), name=f"{path}")
    try:
        text = Path(_SEALING_KEYS_FILE).read_text()
    except (OSError, ValueError) as error:
        raise SettingError(f"ATHANOR_SEALING_KEYS_FILE cannot be read: {error}") from error
    return startup.sealing_keys(text, name=_SEALING_KEYS_FILE)


def _database() -> dict[str, Any]:
    if not ATHANOR_DATABASE_URL:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ATHANOR_DATA_DIR / "athanor.sqlite3",
            "CONN_MAX_AGE": 600,
            # On disk, so that threads meet in tests as they do in life.
            "TEST": {"NAME": ATHANOR_DATA_DIR / "test.sqlite3"},
            "OPTIONS": {
                # A deferred transaction that reads before it writes fails at once under contention.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # What is deleted leaves no bytes behind.
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;"
                ),
            },
        }
    url = urlsplit(ATHANOR_DATABASE_URL)
    if url.scheme not in {"postgres", "postgresql"}:
        raise SettingError("ATHANOR_DATABASE_URL must be a postgresql:// URL.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": url.username or "",
        "PASSWORD": url.password or "",
        "HOST": url.hostname or "",
        "PORT": f"{url.port or ''}",
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = _secret_key()
ATHANOR_SEALING_KEYS = _sealing_keys()
# Why no process may start to serve or to work.
ATHANOR_REFUSALS: tuple[str, ...] = ()
if not ATHANOR_EMBEDDED:
    ATHANOR_REFUSALS = startup.refusals(
        secret_keys=(ATHANOR_SECRET_KEY, *ATHANOR_SIGNING_KEYS),
        sealing_keys=tuple(ATHANOR_SEALING_KEYS.values()),
        given=bool(_SEALING_KEYS or _SEALING_KEYS_FILE),
        debug=ATHANOR_DEBUG,
    )
DEBUG = ATHANOR_DEBUG
ALLOWED_HOSTS = list(ATHANOR_ALLOWED_HOSTS)
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "jobs.Account"
ROOT_URLCONF = "deploy.urls"
ASGI_APPLICATION = "deploy.asgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
# Clients treat any redirect of an API call as an error.
APPEND_SLASH = False
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = ATHANOR_MAX_BODY_BYTES
SECURE_CONTENT_TYPE_NOSNIFF = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "jobs",
    "workers",
    "deploy",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.auth.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["api.auth.HasScope"],
    # Bodies are read by api.parsing, which also takes chunked ones.
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "api.errors.respond",
    "UNAUTHENTICATED_USER": None,
    "COMPACT_JSON": True,
}
globals().update(mail.settings_of(ATHANOR_EMAIL_URL))
_REDIS_SOCKET = ATHANOR_DATA_DIR / "redis.sock"
ATHANOR_BROKER_URL = _BROKER_URL or f"redis+socket://{quote(str(_REDIS_SOCKET))}"
ATHANOR_EVENTS_URL = _EVENTS_URL or (
    _BROKER_URL if _BROKER_URL.startswith("redis://") else f"unix://{quote(str(_REDIS_SOCKET))}"
)
ATHANOR_STORAGE_URL = _STORAGE_URL or ATHANOR_PUBLIC_URL

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "deploy.loglines.Line",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": ATHANOR_LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        # A stranger's bad Host header is no news, and would be a traceback each.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # A line for every ring says nothing.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # It logs whole URLs, and some hold a signature.
        "urllib3": {"level": "WARNING"},
        "azure": {"level": "WARNING"},
        # Every object that is not there, with how its token begins.
        "swiftclient": {"level": "WARNING"},
    },
}
