"""Who is it, and can it prove it?

A device's client id is its id, and its password is HMAC-SHA256(secret, client id) in lower-case hex. An application's username is `app:NAME`, its
password the token that it was registered with, and its client id is its own choice.
"""

import hashlib
import hmac
import re

import refusals
from refusals import refuse
from wit_world.exports.policy import (
    Credential_Secret,
    Credential_Token,
    Lookup_Application,
    Lookup_Client,
    Principal,
)

APPLICATION = "app:"
# The id becomes a level of topics: a separator or a wildcard in it would widen the rules.
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# `hmac` imports what it needs at its first call, when there is no file system any more: so the first call is made here.
hmac.new(b"", b"", hashlib.sha256).hexdigest()


def identify(connect):
    if not ID.fullmatch(connect.client_id):
        raise refuse(refusals.CLIENT_ID, "client-id", "use 1 to 64 letters, digits, `_` and `-` as client id")
    if connect.username and connect.username.startswith(APPLICATION):
        return Lookup_Application(connect.username.removeprefix(APPLICATION))
    return Lookup_Client(connect.client_id)


def authenticate(connect, subject):
    client = subject.client
    if client is None:
        raise refuse(refusals.UNKNOWN, "client-id", "the client is not registered")
    if client.encrypted_only and not connect.encrypted:
        raise refuse(refusals.ENCRYPTION, "encrypted-only", "connect to the TLS port")
    for secret in _secrets(client):
        expected = secret if client.application else _password(secret, connect.client_id)
        if hmac.compare_digest(expected, connect.password or b""):
            # A session is judged again when its record changes: then the proof says whether its secret still counts.
            return Principal(
                id=client.id,
                proof=_digest(secret),
                enrol=None,
                extra=[("connection", connect.client_id)],
            )
    raise refuse(refusals.PASSWORD, "password", "the password is not the client's")


def still_proven(principal, client):
    """Whether the secret that proved the session is still one of the client's."""
    return any(hmac.compare_digest(principal.proof, _digest(secret)) for secret in _secrets(client))


def _secrets(client):
    match client.credential:
        case Credential_Secret(both) if not client.application:
            return [secret for secret in (both.primary, both.secondary) if secret]
        case Credential_Token(token) if client.application:
            return [token]
        case _:
            raise refuse(refusals.OTHER_PROOF, "credential", "devices have a secret here, applications a password")


def _password(secret, client_id):
    return hmac.new(secret, client_id.encode(), hashlib.sha256).hexdigest().encode()


def _digest(secret):
    return hashlib.sha256(b"beacon/proof/" + secret).digest()
