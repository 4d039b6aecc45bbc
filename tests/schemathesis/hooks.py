"""What schemathesis cannot know of this API: which addresses may be dialled, and which refusals are about the state of things.

Loaded by schemathesis itself, see `run`.
"""

import atexit
import collections
import json
import os
import re
from pathlib import Path

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoverageScenario, coverage_scenario
from schemathesis.specs.openapi import checks

# Where the scripted MCP server of this run listens.
PEER = os.environ["STEWARD_PEER"]

# What was answered, by operation: without it nobody knows whether a run that found nothing tried anything.
ANSWERS = collections.defaultdict(collections.Counter)
atexit.register(lambda: Path(os.environ["STEWARD_ANSWERS"]).write_text(json.dumps(ANSWERS)))

SERVER_URL = re.compile(r"https?://[^/?]+(.*)", re.DOTALL)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Sends checks to our own server: a made-up host is somebody's, or nobody's and slow to find out.

    The path stays as it was made up and decides what the server does. An address that is not valid stays as a whole, so
    that refusing it is still the API's job.
    """
    body = case.body
    if case.meta is not None and case.meta.is_negative_at(ParameterLocation.BODY):
        return
    if isinstance(body, dict) and isinstance(body.get("serverUrl"), str):
        address = SERVER_URL.fullmatch(body["serverUrl"])
        if address:
            case.body = {**body, "serverUrl": PEER + address[1]}


@schemathesis.hook
def after_call(context, case, response):
    if coverage_scenario(case) != CoverageScenario.UNSPECIFIED_HTTP_METHOD:
        ANSWERS[case.operation.label][response.status_code] += 1


# Refusals of a valid request because of what was there before it. No schema can say them.
STATE_CODES = {"version_mismatch", "idempotency_key_reused", "credential_not_proven"}
STATE_PROBLEMS = [
    # A cursor is signed, so nothing that is made up can be one.
    ("cursor", re.compile("is not one that was handed out for this list")),
    # A change may leave authType out, and then the credential has to go with the one that the connection has.
    ("/authType|/bearerToken|/headerName|/apiKey", re.compile(r"goes with authType \w+ only|is required for authType \w+")),
]


def is_about_state(response):
    if response.status_code < 400:
        return False
    answer = response.json()
    problems = answer.get("details", [])
    if problems:
        return all(any(re.fullmatch(field, p["field"]) and problem.fullmatch(p["problem"]) for field, problem in STATE_PROBLEMS) for p in problems)
    return answer.get("code") in STATE_CODES


@schemathesis.check
def positive_data_acceptance_but_for_state(ctx, response, case):
    """`positive_data_acceptance`, which this stands in for, but for refusals that no request can know of."""
    if is_about_state(response):
        return None
    return checks.positive_data_acceptance(ctx, response, case)


@schemathesis.check
def unsupported_method_behind_api_gateway(ctx, response, case):
    """`unsupported_method`, which this stands in for, but for the status: routes of an HTTP API are a method with a path, so
    it knows no method that is not allowed, only a route that does not exist, and has no way to be told otherwise."""
    if coverage_scenario(case) == CoverageScenario.UNSPECIFIED_HTTP_METHOD and response.status_code == 404:
        assert response.json() == {"message": "Not Found"}, "the answer to a route that does not exist is not the gateway's"
        return None
    return checks.unsupported_method(ctx, response, case)
