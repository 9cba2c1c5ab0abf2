"""Who uses a deprecated version of an engine gets one e-mail about it, by a real SMTP server."""

from __future__ import annotations

import email
import socketserver
import threading

import pytest
from django.utils import timezone

from deploy import mail
from jobs import fleet, intake, services
from jobs.models import Account, Notice
from workers import executor, reconciler
from workers.heartbeat import Heartbeat

pytestmark = pytest.mark.usefixtures("fakes")


class Server(socketserver.ThreadingTCPServer):
    """Takes e-mail, or refuses it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.taken = []
        self.refuses = False
        super().__init__(("127.0.0.1", 0), Talk)


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 here")
        while line := self.rfile.readline():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                self.say("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.taken.append(email.message_from_bytes(text))
                self.say("250 taken")
            elif verb == b"RCPT" and self.server.refuses:
                self.say("451 later")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 fine")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def server(settings):
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.ATHANOR_EMAIL_URL = f"smtp://127.0.0.1:{server.server_address[1]}"
        for name, value in mail.settings_of(settings.ATHANOR_EMAIL_URL).items():
            setattr(settings, name, value)
        settings.DEFAULT_FROM_EMAIL = "Athanor <no-reply@files.example>"
        yield server
        server.shutdown()


@pytest.fixture
def station():
    return executor.Station("w", "host", {"shouter": {"1.2": None}}, Heartbeat())


@pytest.fixture(autouse=True)
def _marked(settings, owner):
    settings.ATHANOR_ENGINE_DEPRECATED = (("shouter", "1"),)
    owner.email = "me@customer.example"
    owner.save()
    fleet.announce("w", queues=["storage"], tools={"shouter": ["1.2", "2.0"], "painter": []}, running=0)


def convert(owner, station, **task):
    tasks = {
        "in": {"operation": "import/url", "filename": "a.txt"},
        "made": {"operation": "convert", "input": "in", "output_format": "pdf", **task},
    }
    services.create_job(intake.parse_job({"tasks": tasks}, owner=owner), owner=owner)
    while any(executor.run_next(queue, station) for queue in ("storage", "shouter")):
        pass


def test_one_e_mail_for_an_account_and_a_version(owner, station, server):
    for _ in range(2):
        convert(owner, station)
        reconciler.reconcile("w")

    [sent] = server.taken
    assert (sent["To"], sent["From"]) == ("me@customer.example", "Athanor <no-reply@files.example>")
    assert sent["Subject"] == "shouter 1.2 is deprecated"
    assert 'Please use 2.0 instead: set engine_version to "2.0".' in sent.get_payload().replace("\n", " ")
    assert Notice.objects.get().sent_at


def test_nothing_is_owed_for_other_versions(owner, station, server):
    station.tools["shouter"] = {"2.0": None}

    convert(owner, station)

    assert not Notice.objects.exists()


def test_another_version_and_another_account_are_told_too(owner, station, server):
    other = Account.objects.create_user("other", email="you@customer.example")
    convert(owner, station)
    convert(other, station)
    station.tools["shouter"] = {"1.3": None}
    convert(owner, station)

    assert services.send_owed() == 3
    assert services.send_owed() == 0

    assert sorted((sent["To"][:3], sent["Subject"][8:11]) for sent in server.taken) == [
        ("me@", "1.2"),
        ("me@", "1.3"),
        ("you", "1.2"),
    ]


def test_what_could_not_be_sent_is_sent_later_and_once(owner, station, server):
    convert(owner, station)
    server.refuses = True
    assert services.send_owed() == 0
    notice = Notice.objects.get()
    assert (notice.sent_at, notice.tries) == (None, 1)
    assert notice.ready_at > timezone.now()

    server.refuses = False
    assert services.send_owed() == 0, "not yet"
    Notice.objects.update(ready_at=timezone.now())
    assert services.send_owed() == 1
    assert services.send_owed() == 0

    assert len(server.taken) == 1


def test_who_dies_while_it_sends_sends_no_second_one(owner, station, server, monkeypatch):
    convert(owner, station)
    monkeypatch.setattr("django.core.mail.EmailMessage.send", lambda _self: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        services.send_owed()
    monkeypatch.undo()

    assert services.send_owed() == 0
    assert server.taken == []


def test_without_a_server_it_is_logged_and_stays_owed(owner, station, caplog, settings):
    settings.ATHANOR_EMAIL_URL = ""
    convert(owner, station)

    assert services.send_owed() == 0

    assert "shouter 1.2" in caplog.text
    assert Notice.objects.get().sent_at is None


def test_who_has_no_address_is_not_written_to(owner, station, server):
    Account.objects.update(email="")
    convert(owner, station)

    assert services.send_owed() == 0
    assert Notice.objects.get().tries == 0


@pytest.mark.parametrize(
    ("tools", "advice"),
    [
        ({"shouter": ["1.2"]}, "ask the operator"),
        ({"shouter": ["2.1", "1.2"]}, "2.1 instead, which you get when you leave engine_version out"),
        ({"shouter": ["1.2", "2.1", "3.0"]}, 'set engine_version to "3.0"'),
    ],
)
def test_the_e_mail_says_what_to_use(owner, tools, advice):
    fleet.announce("w", queues=[], tools=tools, running=0)

    text = services.notices.message(Notice(owner=owner, engine="shouter", version="1.2")).body

    assert advice in text
