"""Why a request is refused: status, code and sentence make the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .failure import AthanorError


class ApiError(AthanorError):
    """A request we refuse."""

    status = 500

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = dict(headers or {})


class InvalidData(ApiError):
    """The payload has problems; every one of them, keyed by field."""

    status = 422
    code = "INVALID_DATA"
    message = "The given data was invalid."

    def __init__(self, problems: Mapping[str, Sequence[str]], *, message: str | None = None) -> None:
        super().__init__(message)
        self.problems = {field: list(texts) for field, texts in problems.items()}


class UnsupportedConversion(InvalidData):
    """The only thing wrong with the payload is a conversion nobody offers."""

    code = "INVALID_CONVERSION_TYPE"
    message = "This conversion type is not supported"


class IllegalMove(InvalidData):
    """The task is in a state that does not allow this."""

    status = 400

    def __init__(self, text: str) -> None:
        super().__init__({"status": [text]}, message=text)


class BadRequest(ApiError):
    """A body that is not JSON, or not an object."""

    status = 400
    code = "BAD_REQUEST"
    message = "The request could not be read."


class Unauthenticated(ApiError):
    """No API key, or not one of ours."""

    status = 401
    code = "UNAUTHENTICATED"
    message = "Unauthenticated."


class Forbidden(ApiError):
    """The API key lacks the scope."""

    status = 403
    code = "FORBIDDEN"
    message = "Invalid scope(s) provided."


class NotFound(ApiError):
    """Missing, or somebody else's: the answer is the same."""

    status = 404
    code = "NOT_FOUND"
    message = "Not found."


class MethodNotAllowed(ApiError):
    """The path exists, the method does not."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "This method is not allowed here."


class TooSlow(ApiError):
    """The body does not come, or only in drops."""

    status = 408
    code = "REQUEST_TIMEOUT"
    message = "The request did not arrive in time."

    def __init__(self) -> None:
        super().__init__(headers={"Connection": "close"})


class Conflict(ApiError):
    """Somebody else was faster."""

    status = 409
    code = "CONFLICT"
    message = "Somebody else has already done this."


class LengthRequired(ApiError):
    """An upload must say how long it is."""

    status = 411
    code = "LENGTH_REQUIRED"
    message = "Send the upload with a Content-Length."


class TooLarge(ApiError):
    """The body is above the cap."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "The request is larger than this service allows."


class UnsupportedMediaType(ApiError):
    """The body is not of a type we read."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "Send the body as application/json."


class Unavailable(ApiError):
    """We cannot accept anything just now."""

    status = 503
    code = "UNAVAILABLE"
    message = "The service cannot accept this just now. Try again shortly."

    def __init__(self, message: str | None = None, *, retry_after: int = 5) -> None:
        super().__init__(message, headers={"Retry-After": f"{retry_after}"})


class InsufficientStorage(ApiError):
    """The upload found no room on disk."""

    status = 507
    code = "INSUFFICIENT_STORAGE"
    message = "The service has no room for this file just now."
