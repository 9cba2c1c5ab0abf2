"""Request bodies: JSON objects, strictly."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpRequest

from jobs.contract import limits
from jobs.contract.errors import BadRequest, TooLarge, UnsupportedMediaType

MAX_DEPTH = limits.JSON_DEPTH


def payload(request: HttpRequest) -> dict[str, Any]:
    """Return the object in a request's body; an empty body is an empty object.

    :raises BadRequest: when it is not one.
    :raises TooLarge: when it is above the cap.
    :raises UnsupportedMediaType: when it is something else than plain JSON.
    """
    body = _body(request)
    if not body.strip():
        return {}
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    if request.headers.get("Content-Encoding", "identity").lower() not in {"identity", ""}:
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
    value = _parse(body)
    _check(value)
    # PHP encodes an empty object as [].
    if value == []:
        return {}
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    return value


def _body(request: HttpRequest) -> bytes:
    # Read here, not through Django REST framework, which takes a chunked body for an empty one.
    cap = settings.ATHANOR_MAX_BODY_BYTES
    body = request.read(cap + 1)
    if len(body) > cap:
        raise TooLarge(f"The body is larger than the {cap} bytes this service allows.")
    return body


def _parse(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
        )
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except RecursionError:
        raise BadRequest(f"The body is nested more than {MAX_DEPTH} deep.") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error.msg} (line {error.lineno}).") from None
    except ValueError:
        raise BadRequest("The body holds a number that is too long.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        # The first of two tasks with one name would silently be lost.
        raise BadRequest("The body holds an object with the same key twice.")
    return value


def _constant(name: str) -> NoReturn:
    raise BadRequest(f"The body is not JSON: it holds {name}.")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadRequest("The body holds a number that is too large.")
    return number


def _check(value: Any) -> None:
    """Refuse what no database or client could take back: deep nesting, NUL, half surrogate pairs."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH + 1:
            raise BadRequest(f"The body is nested more than {MAX_DEPTH} deep.")
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.keys()
                inner += item.values()
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, str):
                _check_text(item)
        level = inner


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadRequest("The body holds a NUL character.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadRequest("The body holds half of a surrogate pair.") from None
