"""The native API's part of the hooks."""

import re

from common import KEPT, OTHER, dialled, is_alone, is_valid, operation_id


def reach(case, number):
    if isinstance(case.body, dict) and is_valid(case, "BODY"):
        case.body = reaching(case.body, number)
        # Few of the connections that were made up have a credential, and fewer one of this kind.
        if operation_id(case) == "rotateCredential" and is_alone(case) and number % 2:
            case.path_parameters["id"] = KEPT[next(iter(case.body))]
    if case.headers and is_valid(case, "HEADER"):
        # One of four is left to be stale or used before. The others would hide what comes behind that refusal.
        if "If-Match" in case.headers and number % 4:
            case.headers["If-Match"] = "*"
        if "Idempotency-Key" in case.headers and number % 4:
            case.headers["Idempotency-Key"] = f"request-{number}"


def reaching(body, number):
    body = dict(body)
    if "serverUrl" in body:
        body["serverUrl"] = dialled(body["serverUrl"])
    # Names are taken fast: those who make them up like to begin with "0".
    if number % 4 and 0 < len(body.get("name", "")) < 240:
        body["name"] += f" {number}"
    return body


def prepare(case, kwargs):
    pass


def other(case):
    return {"Authorization": f"Bearer {OTHER}"}


def as_other(_, url):
    return url


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
    answer = response.json()
    if answer.get("code") in STATE_CODES:
        return True
    known = STATE_PROBLEMS.get(operation_id(case), [])
    problems = answer.get("details", [])
    return bool(problems) and all(
        any(re.fullmatch(field, told["field"]) and re.fullmatch(problem, told["problem"]) for field, problem in known) for told in problems
    )
