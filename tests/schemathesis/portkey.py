"""Portkey's API's part of the hooks.

One rule keeps the run from sawing off what it sits on: what is *kept* is read, what is *spare* is changed, and what is *new* is ended.
"""

import json
import re
import urllib.request

from common import KEPT, OTHER, dialled, is_alone, is_valid, operation_id

BASE, KEY, ORGANISATION = KEPT["base"], KEPT["key"], KEPT["organisation"]

# What the `id` in a path is the id of.
NOUNS = {"mcp-integrations": "integration", "mcp-servers": "server", "admin": "workspace", "api-keys": "key"}

# What ends something, so that nothing can be asked about it any more.
ENDINGS = {"deleteIntegration", "deleteServer", "deleteKey", "deleteWorkspace", "removeWorkspaceUser", "rotateKey", "deleteTokens", "deleteUserConnection"}

# Users' tokens are the gateway's affair, which comes with a key of its own beside the user's.
OF_THE_GATEWAY = {"readTokens", "writeTokens", "deleteTokens", "readClientInfo"}

# A key of the organisation holds these, so it may give them, to keys of every kind.
SCOPES = ["mcp_servers.list", "mcp_servers.read", "mcp_servers.update"]


def reach(case, number):
    # One of four is left to lead nowhere.
    reaches = number % 4 != 0
    if case.path_parameters and is_valid(case, "PATH"):
        case.path_parameters.update(led(case, number, reaches and is_alone(case)))
    if isinstance(case.query, dict) and is_valid(case, "QUERY") and reaches:
        case.query.update(filled(case, case.query))
    if isinstance(case.body, dict) and is_valid(case, "BODY"):
        case.body = reaching(case, number) if reaches else {**case.body, **addressed(case.body)}


def led(case, number, reaches):
    """Where a request leads: to something that is there, and in no case to what the rest of the run needs."""
    parameters = case.path_parameters
    if not reaches and not (is_change(case) and {plain(value) for value in parameters.values()} & KEPT_IDS):
        return {}
    noun = NOUNS[case.operation.path.split("/")[1]]
    if operation_id(case) in ENDINGS:
        found = new(noun, number)
    elif is_change(case):
        found = KEPT["spare"][number % len(KEPT["spare"])]
    else:
        found = KEPT["kept"]
    return {name: found[noun if name == "id" else "user"] for name in parameters}


def is_change(case):
    return case.operation.method.upper() != "GET"


def plain(identifier):
    """An id, however it is spelled."""
    return re.sub("[^0-9a-z]", "", str(identifier).lower())


# All that the run needs, the keys that it asks with among it: who deletes or rotates his own is not let in any more.
KEPT_IDS = {plain(identifier) for identifier in [*KEPT["kept"].values(), KEPT["own_key"], *KEPT["needed"]]}


def new(noun, number):
    """Something that may end."""
    made = {}
    if noun in ("integration", "server"):
        made["integration"] = ask("POST", "/mcp-integrations", {"name": "New", "url": dialled("http://new/mcp"), "auth_type": "none", "transport": "http"})["id"]
    if noun == "server":
        ask("PUT", f"/mcp-integrations/{made['integration']}/workspaces", {"workspaces": [{"id": "ws-default", "enabled": True}]})
        made["server"] = ask("POST", "/mcp-servers", {"name": "New", "mcp_integration_id": made["integration"], "workspace_id": "ws-default"})["id"]
    if noun == "workspace":
        made["user"] = f"00000000-0000-7000-8000-{number:012}"
        made["workspace"] = ask("POST", "/admin/workspaces", {"name": "New", "users": [made["user"]]})["id"]
    if noun == "key":
        made["key"] = ask("POST", "/api-keys/workspace/service", {"name": "New", "workspace_id": "ws-default", "scopes": SCOPES[:2]})["id"]
    return made


def ask(method, path, body):
    request = urllib.request.Request(BASE + path, json.dumps(body).encode(), {"x-portkey-api-key": KEY, "content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def filled(case, members):
    """What leads to something that is there, for those of the members that are given."""
    kept = KEPT["kept"]
    known = {
        "workspace_id": "ws-default",
        "organisation_id": ORGANISATION,
        "mcp_integration_id": kept["integration"],
        "user_id": kept["user"],
        "actor": KEPT["own_key"],
        "resource_id": kept["server"],
    }
    if NOUNS.get(case.operation.path.split("/")[1]) == "integration":
        del known["workspace_id"]
    return {name: value for name, value in known.items() if isinstance(members.get(name), str)}


def addressed(body):
    return {"url": dialled(body["url"])} if "url" in body else {}


def reaching(case, number):
    body = {**case.body, **filled(case, case.body), **addressed(case.body)}
    # Slugs are taken fast: those who make them up like to begin with "000".
    if isinstance(body.get("slug"), str):
        body["slug"] = f"slug-{number}"
    if isinstance(body.get("scopes"), list):
        body["scopes"] = SCOPES[: 1 + len(body["scopes"]) % len(SCOPES)]
    # A moment that is made up is as often past.
    if isinstance(body.get("expires_at"), str):
        body["expires_at"] = "2999-01-01T00:00:00Z"
    if operation_id(case) == "deleteWorkspace" and isinstance(body.get("name"), str):
        body["name"] = "New"
    return body


def headers(case, key):
    """What somebody with this key sends: where it is the gateway's affair, what his gateway sends for a user who has tokens."""
    if operation_id(case) not in OF_THE_GATEWAY:
        return {"x-portkey-api-key": key}
    keys = KEPT["gateways"][key]
    return {"x-portkey-api-key": keys["user"], "authorization": f"Bearer {keys['system']}"}


def prepare(case, kwargs):
    key = (case.headers or {}).get("x-portkey-api-key")

    def with_keys(request):
        request.headers.update(headers(case, key))
        return request

    # Who comes without a key, or with one that is made up, stays as he is.
    if key in KEPT["gateways"]:
        kwargs["auth"] = with_keys


def other(case):
    return headers(case, OTHER)


def as_other(case, url):
    """The same without what is refused before anything is looked for: the organisation, and from a key of a workspace the workspace."""
    named = "organisation_id|workspace_id" if operation_id(case) in OF_THE_GATEWAY else "organisation_id"
    return re.sub(f"({named})=[^&]*&?", "", url)


# Refusals of a valid request because of who asks, or of what was there before it. No schema can say them.
WHO_ASKS = [
    "organisation_id must be the organisation of the API key",
    "workspace_id is required with an API key of the organisation",
    "user_id is required with an API key that is no user's",
]
SCOPE = "scopes .* is no scope for a key of this kind"
CONFIGURATION = [
    "auth_type none takes no configurations",
    # Header names are one in any case, and so are the targets of secrets.
    "(configurations|secret_mappings)\\..* is given twice",
    "configurations\\..* is masked, and no value is stored for it",
]
EXPIRY = "expires_at must lie in the future"
STATE_PROBLEMS = {
    "listAuditLogs": ["end_time must not lie before start_time"],
    "createIntegration": CONFIGURATION,
    "updateIntegration": CONFIGURATION,
    "updateIntegrationWorkspaces": ["workspaces names a workspace that does not exist"],
    "updateUserAccess": ["user_access\\..* is no user of this workspace"],
    "createOrganisationKey": [SCOPE, EXPIRY],
    "createWorkspaceKey": [SCOPE, EXPIRY],
    "createUserKey": [SCOPE, EXPIRY, "user_id is no user of this workspace"],
    "updateKey": [SCOPE, EXPIRY, "(type|user_id) cannot be changed"],
    "deleteWorkspace": ["name is not the name of this workspace"],
}


def is_about_state(case, response):
    known = [*WHO_ASKS, *STATE_PROBLEMS.get(operation_id(case), [])]
    problems = response.json().get("message", "").split("; ")
    return all(any(re.fullmatch(problem, told) for problem in known) for told in problems)
