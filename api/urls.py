"""The paths of the API."""

urlpatterns: list = []
