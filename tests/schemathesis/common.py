"""What the APIs have in common here."""

import json
import os
import re

from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import StatefulPhaseData

# What `run` has made for this one, as it says there.
KEPT = json.loads(os.environ["STEWARD_KEPT"])

# The key of the other tenant.
OTHER = os.environ["STEWARD_OTHER"]

# Where the scripted MCP server of this run listens.
PEER = os.environ["STEWARD_PEER"]

ADDRESS = re.compile(r"https?://[^/?]+(.*)", re.DOTALL)


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def is_valid(case, location):
    return not case.meta.is_negative_at(getattr(ParameterLocation, location))


def is_alone(case):
    """Whether the request follows on no other one. Where it does, what it is about was made by the request before."""
    return not isinstance(case.meta.phase.data, StatefulPhaseData)


def dialled(url):
    """A made-up host is somebody's, or nobody's and slow to find out. The path decides what our own server does."""
    address = ADDRESS.fullmatch(url) if isinstance(url, str) else None
    return PEER + address[1] if address else url
