"""What schemathesis cannot know of these APIs: which addresses may be dialled, and which refusals are about the state of things.

Loaded by schemathesis itself, see `run`. What only one of the APIs needs stands in native.py, portkey.py and bifrost.py.
"""

import atexit
import collections
import importlib
import itertools
import json
import os
from pathlib import Path

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoverageScenario, coverage_scenario
from schemathesis.specs.openapi import checks

API = importlib.import_module(os.environ["STEWARD_API"])

# What was answered, by operation: without it nobody knows whether a run that found nothing tried anything.
ANSWERS = collections.defaultdict(collections.Counter)
atexit.register(lambda: Path(os.environ["STEWARD_ANSWERS"]).write_text(json.dumps(ANSWERS)))

# Counts requests, so that what has to be unique can be, and is the same in every run.
REQUESTS = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes valid requests reach further. What is not valid stays as it is, so that refusing it is still the API's job."""
    number = next(REQUESTS)
    if case.meta is not None:
        API.reach(case, number)
    API.prepare(case, kwargs)


@schemathesis.hook
def after_call(context, case, response):
    if coverage_scenario(case) != CoverageScenario.UNSPECIFIED_HTTP_METHOD:
        ANSWERS[case.operation.label][response.status_code] += 1


# How often each operation was asked as the other tenant.
ASKED_AS_OTHER = collections.Counter()


@schemathesis.check
def nothing_is_there_for_the_other_tenant(ctx, response, case):
    """What one tenant reads by its id is not there for another. Schemathesis's own `object_level_authorization`, which is on as
    well, looks only at ids that it has taken out of an answer itself, and asks each operation once."""
    label = case.operation.label
    # Where no key is asked for, nobody is another tenant.
    is_open = case.operation.definition.raw.get("security") == []
    if is_open or case.method != "GET" or "{" not in case.path or response.status_code != 200 or ASKED_AS_OTHER[label] >= 5:
        return None
    ASKED_AS_OTHER[label] += 1
    answer = requests.get(API.as_other(case, response.request.url), headers=API.other(case), timeout=30)
    assert answer.status_code == 404, f"the other tenant is answered with {answer.status_code}: {answer.text}"
    return None


@schemathesis.check
def positive_data_acceptance_but_for_state(ctx, response, case):
    """`positive_data_acceptance`, which this stands in for, but for refusals that no request can know of."""
    if response.status_code >= 400 and API.is_about_state(case, response):
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
