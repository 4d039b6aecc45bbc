"""What schemathesis cannot know of this API: which addresses may be dialled, and which refusals are about the state of things.

Loaded by schemathesis itself, see `run`.
"""

import atexit
import collections
import itertools
import json
import os
import re
from pathlib import Path

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoverageScenario, StatefulPhaseData, coverage_scenario
from schemathesis.specs.openapi import checks

# Where the scripted MCP server of this run listens.
PEER = os.environ["STEWARD_PEER"]

# A connection for each kind of credential, by the member that replaces it.
KEPT = json.loads(os.environ["STEWARD_KEPT"])

# What was answered, by operation: without it nobody knows whether a run that found nothing tried anything.
ANSWERS = collections.defaultdict(collections.Counter)
atexit.register(lambda: Path(os.environ["STEWARD_ANSWERS"]).write_text(json.dumps(ANSWERS)))

SERVER_URL = re.compile(r"https?://[^/?]+(.*)", re.DOTALL)


# Counts requests, so that what has to be unique can be, and is the same in every run.
REQUESTS = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes valid requests reach further. What is not valid stays as it is, so that refusing it is still the API's job."""
    number = next(REQUESTS)
    if case.meta is None:
        return
    if isinstance(case.body, dict) and not case.meta.is_negative_at(ParameterLocation.BODY):
        case.body = reaching(case.body, number)
        # Few of the connections that were made up have a credential, and fewer one of this kind. Where requests follow on each
        # other, the connection is the one that the request before made.
        is_alone = not isinstance(case.meta.phase.data, StatefulPhaseData)
        if operation_id(case) == "rotateCredential" and is_alone and number % 2:
            case.path_parameters["id"] = KEPT[next(iter(case.body))]
    if case.headers and not case.meta.is_negative_at(ParameterLocation.HEADER):
        # One of four is left to be stale or used before. The others would hide what comes behind that refusal.
        if "If-Match" in case.headers and number % 4:
            case.headers["If-Match"] = "*"
        if "Idempotency-Key" in case.headers and number % 4:
            case.headers["Idempotency-Key"] = f"request-{number}"


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def reaching(body, number):
    body = dict(body)
    # A made-up host is somebody's, or nobody's and slow to find out. The path decides what our own server does.
    if address := SERVER_URL.fullmatch(body.get("serverUrl", "")):
        body["serverUrl"] = PEER + address[1]
    # Names are taken fast: those who make them up like to begin with "0".
    if number % 4 and 0 < len(body.get("name", "")) < 240:
        body["name"] += f" {number}"
    return body


@schemathesis.hook
def after_call(context, case, response):
    if coverage_scenario(case) != CoverageScenario.UNSPECIFIED_HTTP_METHOD:
        ANSWERS[case.operation.label][response.status_code] += 1


# Refusals of a valid request because of what was there before it. No schema can say them.
STATE_CODES = {"version_mismatch", "idempotency_key_reused", "credential_not_proven"}
CURSOR = ("cursor", "is not one that was handed out for this list")
CREDENTIAL = "/bearerToken|/headerName|/apiKey"
STATE_PROBLEMS = {
    # A cursor is signed, so nothing that is made up can be one.
    "listConnections": [CURSOR],
    "readConnectionHealth": [CURSOR],
    # A change may leave authType out, and then the credential has to go with the one that the connection has.
    "updateConnection": [(CREDENTIAL, r"goes with authType \w+ only|is required for authType \w+")],
    # So has a new credential, always.
    "rotateCredential": [(CREDENTIAL, "is required|does not go with the authType of this connection")],
}


def is_about_state(case, response):
    if response.status_code < 400:
        return False
    answer = response.json()
    if answer.get("code") in STATE_CODES:
        return True
    known = STATE_PROBLEMS.get(operation_id(case), [])
    problems = answer.get("details", [])
    return bool(problems) and all(
        any(re.fullmatch(field, told["field"]) and re.fullmatch(problem, told["problem"]) for field, problem in known) for told in problems
    )


@schemathesis.check
def positive_data_acceptance_but_for_state(ctx, response, case):
    """`positive_data_acceptance`, which this stands in for, but for refusals that no request can know of."""
    if is_about_state(case, response):
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
