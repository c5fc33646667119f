"""Refusals, by the codes of the contract."""

from componentize_py_types import Err
from wit_world.exports.policy import Refusal

CLIENT_ID = 100
UNKNOWN = 200
PASSWORD = 201
STATUS = 301
OTHER_PROOF = 304
ENCRYPTION = 305
REPLACED = 306
PAYLOAD = 402
QUOTA = 500


def refuse(code, rule, detail):
    """To be raised. `rule` is the field or rule that decided, `detail` one sentence without a secret in it."""
    return Err(Refusal(code=code, detail=detail, rule=rule))
