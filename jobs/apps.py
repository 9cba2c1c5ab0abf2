"""Django's entry to the domain."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """The only app with tables."""

    name = "jobs"
    verbose_name = "Athanor"
