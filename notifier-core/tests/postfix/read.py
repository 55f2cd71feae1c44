"""Reads a message from standard input with Python's own parser, and says in JSON what is in it and what is wrong with it."""

import email
import email.policy
import hashlib
import json
import sys

message = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.SMTPUTF8)


def one(part):
    content = part.get_content()
    is_text = isinstance(content, str)
    return {
        "kind": part.get_content_type(),
        "name": part.get_filename(),
        "id": part.get("Content-ID"),
        "disposition": part.get_content_disposition(),
        "text": content if is_text else None,
        "sha256": None if is_text else hashlib.sha256(content).hexdigest(),
    }


json.dump(
    {
        "headers": [[name, str(value)] for name, value in message.items()],
        "structure": [part.get_content_type() for part in message.walk()],
        "parts": [one(part) for part in message.walk() if not part.is_multipart()],
        "defects": [
            repr(defect)
            for part in message.walk()
            for defect in [*part.defects, *(d for value in part.values() for d in getattr(value, "defects", []))]
        ],
    },
    sys.stdout,
)
