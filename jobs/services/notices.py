"""E-mails owed to accounts: one for each version of an engine that they used though it is to be left."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core import mail
from django.db.models import F
from django.db.models.functions import Now

from jobs import fleet, versions
from jobs.contract import outbound
from jobs.models import Notice

from .moving import seconds

log = logging.getLogger(__name__)

AT_ONCE = 5
"""So many are sent in a round, that it does not take long."""
PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(days=1)


def owe(owner_id: int, engine: str, version: str) -> None:
    """Have an account told, once, if nobody should use this version any more."""
    if not versions.is_deprecated(engine, version):
        return
    notice, is_new = Notice.objects.get_or_create(owner_id=owner_id, engine=engine, version=version)
    if is_new and not settings.ATHANOR_EMAIL_URL:
        log.warning("Account %s is not told to leave %s: no ATHANOR_EMAIL_URL is set.", owner_id, notice)


def send_owed() -> int:
    """Send what is owed and due, and return how much; what fails is tried again, later each time."""
    if not settings.ATHANOR_EMAIL_URL:
        return 0
    due = Notice.objects.filter(sent_at=None, ready_at__lte=Now()).exclude(owner__email="")
    sent = 0
    for notice in due.select_related("owner").order_by("ready_at")[:AT_ONCE]:
        if not _send(notice):
            break
        sent += 1
    return sent


def _send(notice: Notice) -> bool:
    row = Notice.objects.filter(pk=notice.pk)
    # Said first: if we die meanwhile, no e-mail is better than a second one.
    if not row.filter(sent_at=None).update(sent_at=Now(), tries=F("tries") + 1):
        return True
    try:
        with outbound.trusted():
            message(notice).send()
    except (SMTPException, OSError, ValueError) as error:
        pause = min(PAUSE * 2 ** min(notice.tries, 20), LONGEST_PAUSE)
        log.warning("The e-mail about %s could not be sent: %s", notice, error)
        row.update(sent_at=None, ready_at=Now() + seconds(pause.total_seconds()))
        return False
    return True


def message(notice: Notice) -> mail.EmailMessage:
    """Return the e-mail."""
    engine, version = notice.engine, notice.version
    live = fleet.look().live
    better = versions.recommended(engine, live)
    advice = "Please ask the operator of the service which version to use instead."
    if better:
        advice = f'Please use {better} instead: set engine_version to "{better}".'
        if better == versions.default(engine, live):
            advice = f"Please use {better} instead, which you get when you leave engine_version out."
    text = (
        f"Hello {notice.owner.username},\n\n"
        f"a task of yours was done by version {version} of {engine}. This version is deprecated:"
        f" it still works, and will be taken away. {advice}\n\n"
        "This is the only e-mail about it.\n"
    )
    return mail.EmailMessage(
        f"{engine} {version} is deprecated",
        text,
        settings.DEFAULT_FROM_EMAIL,
        [notice.owner.email],
        headers={
            "Message-ID": f"<athanor-notice-{notice.pk}@{_domain()}>",
            "Auto-Submitted": "auto-generated",
        },
    )


def _domain() -> str:
    return str(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].strip("> ") or "localhost"
