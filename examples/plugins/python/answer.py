"""What an answer means, or the lack of one, whatever the vendor: the part of this plugin to copy into another.

The Rust SDK has the same in `failure.rs`, `error_table.rs`, `response.rs` and `retry_after.rs`.
"""

import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from wit_world.imports import clock, http
from wit_world.imports.model import (
    Problem,
    Rejection,
    RejectionKind,
    SendError,
    SendError_RateLimited,
    SendError_Rejected,
    SendError_Unavailable,
    SendError_Unknown,
    Wait,
)

# What an error means for the message: made of how long the vendor asked to be left alone, and of what it said.
Means = Callable[[int | None, Problem], SendError]

# A vendor that asks for longer is not believed: a delivery must come up for a decision within a day.
RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1000
EXCERPT_CHARS_MAX = 200
JSON_BRACKETS_MAX = 500


def rate_limited(retry_after_ms: int | None, problem: Problem) -> SendError:
    """Not processed, ask again later."""
    return SendError_RateLimited(Wait(retry_after_ms, problem))


def unavailable(retry_after_ms: int | None, problem: Problem) -> SendError:
    """Certainly not processed, and likely to work later."""
    return SendError_Unavailable(Wait(retry_after_ms, problem))


def unknown(_: int | None, problem: Problem) -> SendError:
    """May have been processed."""
    return SendError_Unknown(problem)


def rejected(kind: RejectionKind) -> Means:
    """Not processed, and asking again unchanged is useless."""
    return lambda _, problem: SendError_Rejected(Rejection(kind, problem))


def means_of_status(status: int) -> Means:
    """What HTTP statuses mean in general (RFC 9110, RFC 6585)."""
    match status:
        case 429:
            return rate_limited
        # The server gave up waiting for our request, or did not want to look at it yet.
        case 408 | 425:
            return unavailable
        # A gateway that got no usable answer from the server behind it does not know what that one did. 520, 522 and
        # 524 are Cloudflare's.
        case 502 | 504 | 520 | 522 | 524:
            return unknown
        case 401 | 402 | 403 | 404 | 407 | 410:
            return rejected(RejectionKind.PROVIDER)
    match status // 100:
        # Redirects are not followed: whoever answers is not the API that was meant.
        case 3:
            return rejected(RejectionKind.PROVIDER)
        case 4:
            return rejected(RejectionKind.MESSAGE)
        case 5:
            return unavailable
    return unknown


def missing(error: http.HttpError) -> SendError:
    """What it means that a request was not made or not answered."""
    match error:
        case http.HttpError_Denied(why):
            return rejected(RejectionKind.PROVIDER)(None, Problem(None, f"the host did not allow the request: {why}"))
        case http.HttpError_Invalid(why):
            return rejected(RejectionKind.PROVIDER)(None, Problem(None, f"the request could not be made: {why}"))
        case http.HttpError_Unreachable(why):
            return unavailable(None, Problem(None, f"no connection to the vendor: {why}"))
        case http.HttpError_TooLarge(status):
            return means_of_unread(status)(None, Problem(None, f"HTTP {status} with a body larger than allowed"))
    return unknown(None, Problem(None, f"no answer from the vendor: {error.value}"))


def means_of_unread(status: int) -> Means:
    """Only the status is known of an answer that was too large, and with it no reason to blame account or address."""
    if status in range(200, 300):
        return unknown
    if status == 429 or status in range(500, 600):
        return means_of_status(status)
    return rejected(RejectionKind.MESSAGE)


def retry_after_ms(response: http.Response) -> int | None:
    """How long the vendor asks to be left alone: seconds or a date (RFC 9110, 10.2.3)."""
    value = header(response.headers, "retry-after")
    if value is None:
        return None
    try:
        if value.isdecimal():
            wait_ms = int(value) * 1000
        else:
            wait_ms = int(parsedate_to_datetime(value).timestamp() * 1000) - clock.now_ms()
    except ValueError:
        return None
    return min(max(wait_ms, 0), RETRY_AFTER_MS_MAX)


def header(headers: list[tuple[str, str]], name: str) -> str | None:
    """The first value of a header, whatever the case of its name."""
    return next((value for key, value in headers if key.lower() == name), None)


def json_object(body: bytes) -> dict:
    """The body, if it is a JSON object, else an empty one. Error pages of proxies are none, so this is no error."""
    # What nests deeper than any vendor's answer would use up the stack, and that cannot be caught.
    if body.count(b"[") + body.count(b"{") > JSON_BRACKETS_MAX:
        return {}
    try:
        # Decoded here: for other encodings, `json` would look for a module that a component does not have.
        value = json.loads(body.decode())
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """The value, if it is a text that the host can take: one with half of a surrogate pair would end the call."""
    try:
        return value if isinstance(value, str) and value.encode() is not None else None
    except UnicodeEncodeError:
        return None


def excerpt(response: http.Response) -> str:
    """The start of an answer, on one line and readable whatever it is."""
    text = response.body[: 4 * EXCERPT_CHARS_MAX].decode(errors="replace")
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    line = line if len(line) <= EXCERPT_CHARS_MAX else f"{line[:EXCERPT_CHARS_MAX]}…"
    return f"HTTP {response.status}: {line}" if line else f"HTTP {response.status} with an empty body"
