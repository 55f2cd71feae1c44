"""Acme: SMS, and receipts of what became of them."""

import json
import re
from datetime import datetime

import answer
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import http, settings, verify
from wit_world.imports.model import (
    Channel,
    Content_Sms,
    Context,
    Description,
    Finding,
    Finding_Impossible,
    Message,
    Problem,
    Receipt,
    ReceiptEvent,
    ReceiptStatus,
    ReceiveError_Malformed,
    ReceiveError_Unavailable,
    ReceiveError_Unverified,
    RejectionKind,
    SecretNeed,
    SendError,
    SettingProblem,
    Sought,
    Webhook,
)

SETTINGS_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Acme",
    "type": "object",
    "properties": {
        "base_url": {
            "description": "Root of the API. Plain HTTP for loopback only.",
            "type": "string",
            "format": "uri",
        },
        "from": {
            "description": "Sender of messages that name none. Acme picks one where it is missing.",
            "type": "string",
            "minLength": 1,
        },
    },
    "required": ["base_url"],
    "additionalProperties": False,
}

# HTTPS, or HTTP for loopback; without user, query, fragment, and without a slash at the end, which would be doubled.
BASE_URL = re.compile(r"(https://[^/?#@\s]+|http://(localhost|127(\.\d+){3}|\[::1])(:\d+)?)(/[^/?#\s]+)*")

# What Acme's codes mean. One that is missing here means what its HTTP status means.
ERRORS = {
    "NO_SUCH_NUMBER": answer.rejected(RejectionKind.RECIPIENT),
    "OPTED_OUT": answer.rejected(RejectionKind.SUPPRESSED),
    "BAD_TOKEN": answer.rejected(RejectionKind.PROVIDER),
    "QUOTA": answer.rate_limited,
}

# What the statuses of receipts mean.
STATUSES = {
    "queued": ReceiptStatus.ACCEPTED,
    "sent": ReceiptStatus.ACCEPTED,
    "delivered": ReceiptStatus.DELIVERED,
    "failed": ReceiptStatus.FAILED,
    "expired": ReceiptStatus.FAILED,
    "undeliverable": ReceiptStatus.BOUNCED,
    "opted_out": ReceiptStatus.UNSUBSCRIBED,
}
WENT_WRONG = {ReceiptStatus.FAILED, ReceiptStatus.BOUNCED, ReceiptStatus.UNSUBSCRIBED}


class Provider(exports.Provider):
    """What the component exports. An exception other than `Err` would end the call without a word to the operator."""

    def describe(self) -> Description:
        return Description(
            name="acme",
            version="0.1.0",
            summary="SMS through Acme",
            channels=[Channel.SMS],
            settings_schema=json.dumps(SETTINGS_SCHEMA),
            hosts=["api.acme.example"],
            secrets=[
                SecretNeed("token", True, "API token"),
                SecretNeed("webhook_secret", False, "Signs receipts: without it, none is believed"),
            ],
            receipts=list(dict.fromkeys(STATUSES.values())),
            attributes=[],
        )

    def check_settings(self) -> None:
        problems = problems_of(json.loads(settings.read()))
        if problems:
            raise Err(problems)

    def send(self, message: Message, context: Context) -> Receipt:
        try:
            return send(message, context)
        except Err:
            raise
        except Exception as error:
            # It may have come after the request.
            raise Err(answer.unknown(None, Problem(None, f"the plugin failed: {error!r}")))

    def look_up(self, sought: Sought) -> Finding:
        return Finding_Impossible()

    def receive(self, webhook: Webhook) -> list[ReceiptEvent]:
        try:
            return receive(webhook)
        except Err:
            raise
        except Exception as error:
            raise Err(ReceiveError_Unavailable(f"the plugin failed: {error!r}"))


def problems_of(found: dict) -> list[SettingProblem]:
    problems = [SettingProblem(name, "is no setting") for name in found.keys() - {"base_url", "from"}]
    base_url, sender = found.get("base_url"), found.get("from")
    if not isinstance(base_url, str) or not BASE_URL.fullmatch(base_url):
        problems.append(SettingProblem("base_url", "want a URL as https://api.acme.example, without a slash at its end"))
    if sender is not None and (not isinstance(sender, str) or not sender):
        problems.append(SettingProblem("from", "want the name or number of a sender, or nothing"))
    return problems


def send(message: Message, context: Context) -> Receipt:
    if not isinstance(message.content, Content_Sms):
        raise refused(RejectionKind.MESSAGE, "this provider takes SMS only")
    sms = message.content.value
    if sms.media_urls:
        raise refused(RejectionKind.MESSAGE, "Acme takes text only, and the message has media")
    found = json.loads(settings.read())
    if problems := problems_of(found):
        raise refused(RejectionKind.PROVIDER, f"setting `{problems[0].setting}`: {problems[0].problem}")

    body = {"to": sms.recipient, "text": sms.text}
    if sender := sms.sender or found.get("from"):
        body["from"] = sender
    request = http.Request(
        method=http.Method.POST,
        url=f"{found['base_url']}/messages",
        headers=[("content-type", "application/json"), ("idempotency-key", context.idempotency_key)],
        auth=http.Auth_Bearer("token"),
        body=json.dumps(body).encode(),
        timeout_ms=None,
    )
    try:
        response = http.send(request)
    except Err as error:
        raise Err(answer.missing(error.value))
    if response.status not in range(200, 300):
        raise Err(error_of(response))
    # The status accepts the message. Without an id its receipts cannot be told apart, but asking again would send it twice.
    return Receipt(answer.header(response.headers, "x-message-id"), [])


def refused(kind: RejectionKind, words: str) -> Err:
    return Err(answer.rejected(kind)(None, Problem(None, words)))


def error_of(response: http.Response) -> SendError:
    said = answer.json_object(response.body)
    code, words = answer.text(said.get("code")), answer.text(said.get("message"))
    problem = Problem(code, words or answer.excerpt(response))
    means = ERRORS.get(code) or answer.means_of_status(response.status)
    return means(answer.retry_after_ms(response), problem)


def receive(webhook: Webhook) -> list[ReceiptEvent]:
    check_signature(webhook)
    posted = answer.json_object(webhook.body)
    fields = [answer.text(posted.get(name)) for name in ("id", "event", "message_id", "status", "at")]
    if None in fields:
        raise Err(ReceiveError_Malformed("want the texts `id`, `event`, `message_id`, `status` and `at`"))
    event_id, event, message_id, said, at = fields
    # Acme posts other events to the same address, as those of its own account.
    if event != "message.status":
        return []
    status = STATUSES.get(said, ReceiptStatus.OTHER)
    return [
        ReceiptEvent(
            event_id=event_id,
            provider_message_id=message_id,
            status=status,
            recipient=None,
            occurred_at_ms=epoch_ms(at),
            problem=Problem(None, said) if status in WENT_WRONG else None,
            attributes=[],
        )
    ]


def check_signature(webhook: Webhook) -> None:
    """Whether Acme posted this.

    The signature covers no time at which it was made, and Acme posts again what we did not take, so age proves nothing:
    repeats are known by the id of the event.
    """
    signature = answer.header(webhook.headers, "x-acme-signature")
    if signature is None:
        raise Err(ReceiveError_Unverified("the header `x-acme-signature` is missing"))
    try:
        raw = bytes.fromhex(signature)
        key = verify.Key_Secret("webhook_secret")
        is_right = verify.verify(verify.Algorithm.HMAC_SHA256, key, webhook.body, raw)
    except ValueError:
        is_right = False
    except Err as error:
        raise Err(ReceiveError_Unverified(f"the signature cannot be checked: {error.value}"))
    if not is_right:
        raise Err(ReceiveError_Unverified("the signature is wrong"))


def epoch_ms(at: str) -> int | None:
    try:
        return round(datetime.fromisoformat(at).timestamp() * 1000)
    except ValueError:
        return None
