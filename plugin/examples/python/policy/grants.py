"""What a proven client may do: the rules of the documents with its id in them."""

import login
import refusals
from refusals import refuse
from wit_world.exports.policy import (
    Actions,
    Effect,
    Grant,
    Inbox,
    Limits,
    Qos,
    Rule,
    Status,
    Syntax,
)

# Commands wait an hour for a device that is away; the broker hands them over by the id in the topic.
INBOX = Inbox(
    template="beacon/{client}/commands/+",
    max_qos=Qos.AT_LEAST_ONCE,
    keep_messages=10,
    keep_seconds=3600,
    unsolicited=False,
)

# 0 is the broker's own limit.
LIMITS = Limits(
    keep_alive_max=1200,
    session_expiry_max=0,
    payload_max=64 << 10,
    topic_max=256,
    subscriptions_max=20,
    filters_max=10,
    publish_rate=50,
    publish_rate_acknowledged=0,
    publish_bytes=0,
    will=True,
)

ACTIONS = {"publish": Actions.PUBLISH, "subscribe": Actions.SUBSCRIBE, "receive": Actions.RECEIVE}


def authorize(principal, subject, lines):
    client = subject.client
    if client is None:
        raise refuse(refusals.UNKNOWN, "client-id", "the client is not registered any more")
    if client.status != Status.ACTIVE:
        raise refuse(refusals.STATUS, "status", "the client is frozen or inactive")
    if not client.application and not login.ID.fullmatch(client.id):
        raise refuse(refusals.CLIENT_ID, "client-id", "the registered id has other characters than letters, digits, `_` and `-`")
    if not login.still_proven(principal, client):
        raise refuse(refusals.REPLACED, "credential", "the secret was replaced: connect with the new one")
    who = "application" if client.application else "device"
    return Grant(
        client_id=_session(principal, client),
        rules=[_rule(line, client.id) for line in lines if line.who == who],
        unsolicited=False,
        greetings=[],
        limits=LIMITS,
        valid_until=None,
        suffix_mark=None,
        extra=[],
    )


def _session(principal, client):
    """A device has one session; an application one for each of its client ids."""
    if client.application:
        return f"{client.id}/{dict(principal.extra)['connection']}"
    return client.id


def _rule(line, client_id):
    actions = Actions(0)
    for one in line.may:
        actions |= ACTIONS[one]
    return Rule(
        effect=Effect.INSPECT if line.reading else Effect.ALLOW,
        actions=actions,
        pattern=line.topic.replace("{client}", client_id),
        syntax=Syntax.MQTT_FILTER,
        max_qos=Qos(line.qos),
        retain=False,
        code=0,
        name=line.name,
        line=line.line,
    )
