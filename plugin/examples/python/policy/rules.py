"""Rule documents: what is written in them, strictly, and every problem at once.

    [
      {"who": "device", "may": ["publish"], "topic": "beacon/{client}/events/#", "qos": 1},
      {"who": "device", "may": ["publish"], "topic": "beacon/{client}/reading", "reading": [-40, 85]},
      {"who": "application", "may": ["subscribe", "receive"], "topic": "beacon/#"}
    ]

`who` and `may` as shown; `topic` is an MQTT filter in which `{client}` stands for the device's id; `qos` is the highest one (default 1). A rule
with a `reading` is for publishing only: each payload is checked to be a number within these bounds.
"""

import json
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world.exports.policy import Problem

WHO = ("device", "application")
MAY = ("publish", "subscribe", "receive")
FIELDS = {"who", "may", "topic", "qos", "reading"}
# The contract's limit for the rules of a grant, and for a pattern with a client id of 64 bytes in it.
RULES_MAX = 256
TOPIC_BYTES = 440
BLANK = " \t\r\n"


@dataclass(frozen=True)
class Line:
    """One rule, and where it is written."""

    document: str
    index: int
    line: int
    who: str
    may: tuple
    topic: str
    qos: int
    reading: tuple | None

    @property
    def name(self):
        return f"{self.document}#{self.index}"


class Wrong(Exception):
    """What is wrong with one rule, for people."""


def read(documents):
    lines, problems = [], []
    for document in documents:
        for index, (line, written) in enumerate(_entries(document, problems)):
            try:
                lines.append(_line(document.name, index, line, written))
            except Wrong as wrong:
                problems.append(Problem(document.name, line, f"rule {index}: {wrong}"))
    if len(lines) > RULES_MAX:
        problems.append(Problem(lines[RULES_MAX].document, None, f"`{len(lines)}` rules: a grant has at most {RULES_MAX}, so merge some"))
    if problems:
        raise Err(problems)
    return lines


def _entries(document, problems):
    """Each element of the document's array with the line that it begins in: the module `json` does not tell it."""
    text, decoder = document.text, json.JSONDecoder(object_pairs_hook=_unique)
    try:
        at = _expect(text, 0, "[")
        at, first = _skip(text, at), True
        while text[at : at + 1] != "]":
            at = _skip(text, at if first else _expect(text, at, ","))
            line = text.count("\n", 0, at) + 1
            written, at = decoder.raw_decode(text, at)
            yield line, written
            at, first = _skip(text, at), False
        if rest := text[at + 1 :].strip(BLANK):
            raise json.JSONDecodeError(f"`{rest[:20]}` after the array", text, at + 1)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        problems.append(Problem(document.name, line, f"no JSON array of rules: {getattr(error, 'msg', 'nested too deep')}"))


def _skip(text, at):
    while text[at : at + 1] and text[at] in BLANK:
        at += 1
    return at


def _expect(text, at, sign):
    at = _skip(text, at)
    if text[at : at + 1] != sign:
        raise json.JSONDecodeError(f"`{sign}` is missing", text, at)
    return at + 1


def _unique(pairs):
    """A field that is written twice: which one counts?"""
    seen = dict(pairs)
    if len(seen) < len(pairs):
        seen["a field twice"] = None
    return seen


def _line(document, index, line, written):
    if not isinstance(written, dict):
        raise Wrong(f"`{json.dumps(written)[:40]}` is no object: write {{\"who\": …, \"may\": […], \"topic\": …}}")
    if unknown := sorted(written.keys() - FIELDS):
        raise Wrong(f"`{unknown[0]}` is no field: use {', '.join(sorted(FIELDS))}")
    who, may = written.get("who"), _may(written.get("may"))
    if who not in WHO:
        raise Wrong(f"`who` is `{who}`: use {' or '.join(WHO)}")
    topic = _topic(written.get("topic"), who)
    qos = written.get("qos", 1)
    if type(qos) is not int or qos not in (0, 1, 2):
        raise Wrong(f"`qos` is `{qos}`: use 0, 1 or 2")
    reading = _bounds(written["reading"], may) if "reading" in written else None
    return Line(document, index, line, who, may, topic, qos, reading)


def _may(may):
    if not isinstance(may, list) or not may or any(one not in MAY for one in may) or len(set(may)) < len(may):
        raise Wrong(f"`may` is `{json.dumps(may)}`: list one or more of {', '.join(MAY)}, each once")
    return tuple(may)


def _topic(topic, who):
    if not isinstance(topic, str) or not topic or "\0" in topic or len(topic.encode()) > TOPIC_BYTES:
        raise Wrong(f"`topic` is `{str(topic)[:40]}`: write a topic filter of 1 to {TOPIC_BYTES} bytes")
    levels = topic.split("/")
    for place, level in enumerate(levels):
        if ("#" in level and (level != "#" or place + 1 < len(levels))) or ("+" in level and level != "+"):
            raise Wrong(f"`{topic}` is no topic filter: `+` is a whole level, `#` the whole last one")
        if ("{" in level or "}" in level) and (level != "{client}" or who != "device"):
            raise Wrong(f"`{topic}`: only `{{client}}` as a whole level, and only for devices, stands for something")
    return topic


def _bounds(bounds, may):
    if may != ("publish",):
        raise Wrong("`reading` checks what is published: write \"may\": [\"publish\"]")
    numbers = isinstance(bounds, list) and len(bounds) == 2 and all(type(one) in (int, float) for one in bounds)
    if not numbers or not bounds[0] <= bounds[1]:
        raise Wrong(f"`reading` is `{json.dumps(bounds)}`: write [lowest, highest]")
    return tuple(bounds)
