"""A policy in Python: the six functions of `wit/policy.wit`.

A call is a function of its arguments and of the documents that `configure` took: nothing else is kept. What a function raises as `Err` is a
refusal; any other exception is a trap, and the broker answers «server unavailable» for it.

The interpreter is started once, when the component is built, and its memory is what every instance starts with. So whatever is imported must be
imported here, at the top: there is no file system to import from later.
"""

import grants
import login
import readings
import rules
from wit_world import exports
from wit_world.exports import policy

_rules: list[rules.Line] = []


class Policy(exports.Policy):
    """What componentize-py looks for: one class for the exported interface `policy`."""

    def describe(self):
        return policy.Description(
            name="beacon",
            version="1.0.0",
            dialect="beacon",
            summary="sensors under `beacon/`, by secret or token: an example in Python",
        )

    def configure(self, documents):
        global _rules
        _rules = rules.read(documents)
        return policy.Setup(inboxes=[grants.INBOX], extra=[])

    def identify(self, connect):
        return login.identify(connect)

    def authenticate(self, connect, subject):
        return login.authenticate(connect, subject)

    def authorize(self, principal, subject, now):
        return grants.authorize(principal, subject, _rules)

    def inspect(self, access):
        return readings.inspect(access, _rules)
