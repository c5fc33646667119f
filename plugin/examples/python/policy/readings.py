"""Looks into the payloads of rules with a `reading`.

What is no number is denied. One outside its bounds passes, and the operator is told. One that is sent as text, `"21.5"`, is made a number.
"""

import json
import math
import re

import refusals
from wit_world.exports.policy import (
    Refusal,
    Remark,
    Verdict_Allow,
    Verdict_Deny,
    Verdict_Remark,
    Verdict_Replace,
)

# A number of JSON. Long ones are no measurements, and slow to read.
NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
BYTES_MAX = 40


def inspect(access, lines):
    line = next((line for line in lines if line.name == access.rule), None)
    if line is None or line.reading is None:
        return Verdict_Deny(_wrong(access, "the rule asks for no inspection"))
    sent = access.payload.strip()
    plain = sent.removeprefix(b'"').removesuffix(b'"')
    if len(plain) > BYTES_MAX or not NUMBER.fullmatch(plain):
        return Verdict_Deny(_wrong(access, "the payload is no number, such as 21.5"))
    value, replaced = json.loads(plain), plain if plain != access.payload else None
    lowest, highest = line.reading
    if not math.isfinite(value) or not lowest <= value <= highest:
        return Verdict_Remark(Remark(replaced, _wrong(access, f"the reading is not within {lowest} and {highest}")))
    return Verdict_Allow() if replaced is None else Verdict_Replace(replaced)


def _wrong(access, detail):
    return Refusal(code=refusals.PAYLOAD, detail=detail, rule=access.rule)
