"""Bifrost's API's part of the hooks.

One rule keeps the run from sawing off what it sits on: what is *kept* is read, what is *spare* is changed, and what is *new* is ended.
A new noun needs a line in NOUNS and a way to make one in MAKERS, a new ending its name in ENDINGS, and what is refused for reasons that
no request can know of a line in STATE_PROBLEMS.
"""

import functools
import itertools
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

from common import KEPT, OTHER, PEER, dialled, is_alone, is_valid, operation_id

CLIENT = "/api/mcp/client"
KEYS = "/api/governance/virtual-keys"
SESSIONS = "/api/mcp/sessions"
BROUGHT = "/api/mcp/per-user-headers"

# What the `id` in a path is the id of: the first that the path begins with.
NOUNS = {
    f"{CLIENT}/{{id}}/verify-headers": "per-user client",
    f"{CLIENT}/{{id}}/sessions": "per-user client",
    f"{CLIENT}/{{id}}/reauthorize": "oauth client",
    f"{CLIENT}/{{id}}/complete-oauth": "authorization",
    "/api/oauth/config/": "authorization",
    f"{CLIENT}/": "client",
    f"{KEYS}/": "key",
    f"{SESSIONS}/": "session",
    f"{BROUGHT}/flows/": "session",
    f"{BROUGHT}/credential/": "credential",
}

# What ends something, so that nothing can be asked about it any more. Who has brought what he was asked for is asked for nothing.
ENDINGS = {"deleteClient", "deleteVirtualKey", "revokeOauth", "deleteSession", "submitHeaders", "deleteHeaders"}

# What nobody does for a user comes with his own key.
OF_THE_USER = {"submitHeaders"}

AUTHORITY = (Path(__file__).parents[2] / "shared/src/trust/tests/acme.pem").read_text()
USER_HEADER = "x-key-of-a-user"

# Who is asked for it.
ASKED = {"user_id": KEPT["user"], "workspace_id": "ws-default"}

# Enough of them that what one change leaves behind is not in the way of all others.
SPARE = 3

# What a change may repeat and not alter.
FIXED = ["client_id", "connection_type", "auth_type", "connection_string", "stdio_config", "oauth_config_id", "created_at"]

NUMBERS = itertools.count(1)


def reach(case, number):
    # One of four is left to lead nowhere.
    reaches = number % 4 != 0
    if case.path_parameters and is_valid(case, "PATH"):
        # Its id is an authorization's under a path of clients, so what is inferred to lead there leads nowhere.
        is_misled = operation_id(case) == "completeOauth"
        case.path_parameters.update(led(case, number, is_misled or (reaches and is_alone(case))))
    if case.headers and is_valid(case, "HEADER") and reaches:
        if "If-Match" in case.headers:
            case.headers["If-Match"] = "*"
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"request-{number}"
    if isinstance(case.query, dict) and is_valid(case, "QUERY") and reaches:
        case.query.update(filled(case.query))
        # A cursor is signed, so nothing that is made up can be one, and where there is one there is nothing else.
        case.query.pop("cursor", None)
    if isinstance(case.body, dict) and is_valid(case, "BODY"):
        case.body = {**case.body, **addressed(case.body)}
        if reaches:
            case.body = reaching(case, number)


def led(case, number, reaches):
    """Where a request leads: to something that is there, and in no case to what the rest of the run needs."""
    noun = next((noun for beginning, noun in NOUNS.items() if case.operation.path.startswith(beginning)), None)
    if not noun or "id" not in case.path_parameters:
        return {}
    given, spares = plain(case.path_parameters["id"]), [spare(noun, index) for index in range(SPARE)]
    if operation_id(case) in ENDINGS:
        is_needed = given in [plain(needed) for needed in (kept(noun), *spares)]
        return {"id": MAKERS[noun]()} if reaches or is_needed else {}
    if is_change(case):
        return {"id": spares[number % SPARE]} if reaches or given == plain(kept(noun)) else {}
    return {"id": kept(noun)} if reaches else {}


def is_change(case):
    return case.operation.method.upper() != "GET"


def plain(identifier):
    """An id, however it is spelled."""
    return re.sub("[^0-9a-z]", "", str(identifier).lower())


def ask(method, path, body=None, key=KEPT["key"]):
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(KEPT["base"] + path, data, headers, method=method)) as answer:
        return json.load(answer)


def made(**more):
    wanted = {"name": f"made_{next(NUMBERS)}", "connection_type": "http", "connection_string": PEER + "/mcp", "tools_to_execute": ["*"]}
    return ask("POST", CLIENT, {**wanted, **more})


def client():
    return made(headers={"X-Key": "a-key-for-tests"})["mcp_client_id"]


def key():
    granted = [{"mcp_client_id": kept("client"), "tools_to_execute": ["*"]}]
    return ask("POST", KEYS, {"name": "Made before", "mcp_configs": granted})["virtual_key"]["id"]


def per_user_client():
    return made(auth_type="per_user_headers", per_user_header_keys=[USER_HEADER])["mcp_client_id"]


def session():
    """A user has one for each client."""
    return ask("POST", f"{CLIENT}/{per_user_client()}/sessions", ASKED)["session_id"]


def credential():
    brought = {"headers": {USER_HEADER: "a-key-for-tests"}}
    return ask("PUT", f"{BROUGHT}/flows/{session()}", brought, KEPT["users"][KEPT["key"]])["credential_id"]


MAKERS = {
    "client": client,
    "per-user client": per_user_client,
    "oauth client": lambda: made(auth_type="oauth")["mcp_client_id"],
    "authorization": lambda: made(auth_type="oauth")["oauth_config_id"],
    "key": key,
    "session": session,
    "credential": credential,
}


@functools.cache
def kept(noun):
    return MAKERS[noun]()


@functools.cache
def spare(noun, _):
    return MAKERS[noun]()


def filled(members):
    """What leads to something that is there, for those of the members that are given."""
    known = {"server": kept("client"), "mcp_client_id": kept("client"), "virtual_key_id": kept("key")}
    return {name: value for name, value in known.items() if isinstance(members.get(name), str)}


def addressed(body):
    given = body.get("connection_string")
    if isinstance(given, dict):
        return {"connection_string": {**given, "value": dialled(given.get("value"))}} if "value" in given else {}
    return {"connection_string": dialled(given)} if given else {}


def reaching(case, number):
    body = {**case.body, **filled(case.body)}
    # Names are taken fast: those who make them up like to begin with "A".
    if isinstance(body.get("name"), str) and 0 < len(body["name"]) < 240:
        body["name"] += f"_{number}"
    # What needs nobody's consent is some of what may be called.
    if body.get("tools_to_auto_execute"):
        body["tools_to_auto_execute"] = body.get("tools_to_execute") or []
    if body.get("auth_type") == "per_user_headers":
        body["per_user_header_keys"] = body.get("per_user_header_keys") or [USER_HEADER]
    # A client or a key can be named once, and there are few of them.
    for granted in ("vk_configs", "mcp_configs"):
        if isinstance(body.get(granted), list):
            body[granted] = [{**config, **filled(config), **client_named(config)} for config in body[granted][:1]]
    if isinstance(body.get("tls_config"), dict) and body["tls_config"].get("ca_cert_pem"):
        body["tls_config"] = {**body["tls_config"], "ca_cert_pem": AUTHORITY}
    if operation_id(case) == "verifyHeaders":
        body["user_headers"] = {USER_HEADER: next(iter(body["user_headers"].values()), "a-key-for-tests")}
    if operation_id(case) == "submitHeaders":
        body["headers"] = {USER_HEADER: next(iter(body["headers"].values()), "a-key-for-tests")}
    if operation_id(case) == "createSession":
        body.update(ASKED)
    if operation_id(case) == "updateVirtualKey" and body.get("id"):
        body["id"] = case.path_parameters["id"]
    if operation_id(case) == "updateClient":
        body.update(repeated(case.path_parameters["id"], body))
    return body


def client_named(config):
    return {"mcp_client_name": "made_1"} if config.get("mcp_client_name") else {}


def repeated(identifier, members):
    """What cannot be changed, as it is shown, for those of the members that are given."""
    names = [name for name in FIXED if members.get(name)]
    if not names:
        return {}
    try:
        shown = ask("GET", f"{CLIENT}/{identifier}")["config"]
    except (urllib.error.HTTPError, ValueError):
        return {}
    return {name: shown.get(name) for name in names}


def prepare(case, kwargs):
    # Who comes without a key, or with one that is made up, stays as he is.
    key = (case.headers or {}).get("Authorization", "").removeprefix("Bearer ")
    if operation_id(case) not in OF_THE_USER or key not in KEPT["users"]:
        return

    def with_own_key(request):
        request.headers["authorization"] = f"Bearer {KEPT['users'][key]}"
        return request

    kwargs["auth"] = with_own_key


def other(case):
    return {"Authorization": f"Bearer {OTHER}"}


def as_other(_, url):
    return url


# Refusals of a valid request because of what was there before it, or of how its parts go together. No schema can say them.
STATE_CODES = {"version_mismatch", "idempotency_key_reused", "check_failed", "credential_not_proven", "expired", "not_authorized"}
# A header's name is one in any case.
TWICE = ("(headers|per_user_header_keys|allowed_extra_headers).*", "is given twice|must not name a header twice, in whatever case")
TOOLS = [
    ("tools_to_execute|tools_to_auto_execute", "must not name a tool twice, in whatever case"),
    ("tools_to_auto_execute", "must be within tools_to_execute"),
]
TRUST = [
    # No pattern says what a certificate is.
    ("tls_config\\.ca_cert_pem", ".*"),
    ("tls_config\\.insecure_skip_verify", "is not allowed by the operator of this deployment"),
    ("tls_config", "goes with the connection_types http and sse only"),
]
GRANTED_BY_KEY = [
    ("mcp_configs\\..*", "is no client that this key could use|is a client that is named before"),
    ("mcp_configs\\..*", "must not name a tool twice, in whatever case"),
    ("mcp_configs", "changes too many .*"),
]
GRANTED = [
    ("vk_configs\\..*", "is no virtual key that could use this client|is named more than once"),
    ("vk_configs\\..*", "must not name a tool twice, in whatever case"),
    ("vk_configs", "changes too many .*"),
]
SWITCHED_OFF = ("disabled", "is true: enable the client first")
STATE_PROBLEMS = {
    "listClients": [("cursor", "is not one that was handed out for this list"), (".*", "is not known")],
    "createClient": [
        TWICE,
        *TOOLS,
        *TRUST,
        ("oauth_config.client_secret", "goes with client_id only"),
        ("oauth_config.server_url", "must be connection_string, or be left out"),
        ("oauth_config.(authorize|token)_url", "is required where (authorize|token)_url is given"),
        ("per_user_header_keys", "is required for auth_type per_user_headers|must have at least one name"),
        ("user_headers", "goes with auth_type per_user_headers only"),
        ("user_headers\\..*", "is not one of per_user_header_keys|is required|is given twice|is masked, and no value is stored for it"),
    ],
    "updateClient": [
        TWICE,
        *TOOLS,
        *TRUST,
        *GRANTED,
        ("|".join(FIXED), "cannot be changed"),
        ("headers", "go with the connection_types http and sse only"),
        ("headers\\..*", "is masked, and no value is stored for it"),
        ("per_user_header_keys", "must have at least one name"),
        # In nanoseconds only what was read is understood.
        ("tool_sync_interval", "is in minutes, and must be between 0 and 10080"),
    ],
    "verifyHeaders": [
        ("auth_type", "is not per_user_headers, so users bring no headers that there could be samples of"),
        ("user_headers.*", "is not one of per_user_header_keys|is required|is given twice|is masked, and no value is stored for it"),
    ],
    # Who asks, whom and for what.
    "createSession": [
        ("id", "names a client whose users bring no headers of their own"),
        ("user_id", "is required"),
        ("workspace_id", "is required with an API key of the organisation: the workspace that the user is a member of"),
    ],
    "submitHeaders": [("headers\\..*", "is not asked for|is required|is given twice")],
    "createVirtualKey": GRANTED_BY_KEY,
    "updateVirtualKey": [*GRANTED_BY_KEY, ("id", "cannot be changed")],
    # Which clients use OAuth, and whether somebody has consented.
    "reauthorizeClient": [("id", "names a client that does not use OAuth")],
    "completeOauth": [("id", "is not authorized yet")],
    "reconnectClient": [SWITCHED_OFF],
    "refreshTools": [SWITCHED_OFF],
}


# What people are shown in their browsers has no code, and what they come with is signed.
PAGES = {"startOauth", "finishOauth"}


def is_about_state(case, response):
    if operation_id(case) in PAGES:
        return response.status_code < 500
    answer = response.json()
    if answer.get("error", {}).get("code") in STATE_CODES:
        return True
    # Only beside a cursor nothing else is known.
    if operation_id(case) == "listClients" and "cursor" not in (case.query or {}):
        return False
    known = STATE_PROBLEMS.get(operation_id(case), [])
    problems = answer.get("extra_fields", {}).get("problems", [])
    return bool(problems) and all(
        any(re.fullmatch(field, told["field"], re.DOTALL) and re.fullmatch(problem, told["problem"]) for field, problem in known) for told in problems
    )
