"""Portkey's client for Python: every method for MCP that it has, and what it makes of the answers.

Started by `run`, which tells on standard input where everything is. Prints one line of JSON for each check.
"""

import asyncio
import json
import re
import sys

from portkey_ai import AsyncPortkey, Portkey
from portkey_ai.api_resources import exceptions
from portkey_ai.api_resources.utils import GenericResponse

FACTS = json.load(sys.stdin)
OWN, SECRETS, MCP = FACTS["own"], FACTS["secrets"], FACTS["mcp"]
WORKSPACE, USER = OWN["workspaceId"], OWN["userId"]

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TEXT = re.compile(r"(?s).+")
ABSENT = object()
MASK = "********"


def portkey(key, version="v1", kind=Portkey, **more):
    # Without `base_url` the client would talk to the real service.
    return kind(api_key=key, base_url=f"{FACTS['url']}/{version}", **more)


ORGANISATION = portkey(OWN["organisationServiceKey"])
SERVICE = portkey(OWN["workspaceServiceKey"])
PERSON = portkey(OWN["workspaceUserKey"])
STRANGER = portkey(FACTS["foreign"]["organisationServiceKey"])
# The gateway asks for the holder of a key with its own key beside it, or by itself; under /v2.
FOR_PERSON = portkey(OWN["workspaceUserKey"], "v2", Authorization=OWN["systemKey"])
GATEWAY = portkey(OWN["systemKey"], "v2")


# ---------------------------------------------------------------------------------------------------------------------- checks


def differences(got, want, place=""):
    """How something is not as it should be. A type stands for any value of it, a pattern for any text that it matches whole; what of an object is
    not named may be anything."""
    if isinstance(want, dict) and isinstance(got, dict):
        return [found for name, inner in want.items() for found in differences(got.get(name, ABSENT), inner, f"{place}.{name}")]
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [found for index, inner in enumerate(want) for found in differences(got[index], inner, f"{place}[{index}]")]
    if isinstance(want, type):
        held = type(got) is want
    elif isinstance(want, re.Pattern):
        held = isinstance(got, str) and bool(want.fullmatch(got))
    else:
        held = type(got) is type(want) and got == want
    return [] if held else [f"{place or 'it'} is {shown(got)}, not {shown(want)}"]


def shown(value):
    if value is ABSENT:
        return "absent"
    return value.__name__ if isinstance(value, type) else repr(value)


def note(what, wrong):
    print(json.dumps({"what": what, "wrong": wrong}), flush=True)


def gives(what, call, want):
    """The call succeeds, and the client hands out what is wanted. Gives what it handed out."""
    try:
        answer = call()
    except Exception as error:
        note(what, [f"{type(error).__name__}: {error}"])
        return {}
    got = answer.model_dump()
    said = {name: value for name, value in got.items() if value is not None}
    note(what, differences(got, want) if want is not NOTHING else [f"it says {shown(said)}"] if said else [])
    return got


def fails(what, call, kind, status, code, words):
    """The call fails with the client's error for this status, and the error can be read: a class, and a sentence with these words in it."""
    try:
        call()
    except exceptions.APIStatusError as error:
        try:
            told = json.loads(error.message)
        except ValueError:
            told = {}
        got = {"status": error.status_code, **told, "request id": error.response.headers.get("x-portkey-request-id")}
        sentence = re.compile(f"(?s).*{words}.*")
        want = {"success": False, "message": sentence, "data": {"message": sentence, "errorCode": code}, "status": status, "request id": TEXT}
        note(what, differences(got, want) + ([] if type(error) is kind else [f"it is {shown(type(error))}, not {shown(kind)}"]))
    except Exception as error:
        note(what, [f"{type(error).__name__}: {error}"])
    else:
        note(what, ["it succeeds"])


def missing(what, call):
    fails(what, call, exceptions.NotFoundError, 404, "AB08", "not found")


def refused(what, call, words):
    fails(what, call, exceptions.PermissionDeniedError, 403, "AB03", words)


def wrong(what, call, words):
    fails(what, call, exceptions.BadRequestError, 400, "AB01", words)


# The answer of what has nothing to say: what the client's models name is there, and none of it is said.
NOTHING = object()
SUCCESS = {"success": True}


# ---------------------------------------------------------------------------------------------------------------- integrations


def integrations():
    of = ORGANISATION.mcp_integrations
    headers = {"Authorization": f"Bearer {SECRETS['right_token']}"}
    made = gives(
        "an integration is made",
        lambda: of.create(
            name="Weather",
            url=MCP,
            auth_type="headers",
            transport="http",
            description="",
            slug="weather-p",
            configurations={"custom_headers": headers},
        ),
        {"id": ID, "slug": "weather-p"},
    )
    weather = {
        "id": made.get("id"),
        "name": "Weather",
        "slug": "weather-p",
        "description": None,
        "url": MCP,
        "auth_type": "headers",
        "transport": "http",
        "type": "organisation",
        "status": "active",
        "organisation_id": OWN["tenantId"],
        "workspace_id": None,
        "owner_id": TEXT,
        "configurations": {"custom_headers": {"Authorization": MASK}},
        "secret_mappings": [],
        "created_at": MOMENT,
        "last_updated_at": MOMENT,
    }
    whole = {**weather, "global_workspace_access": None}
    gives("it is found by its slug", lambda: of.retrieve(mcp_integration_id="weather-p"), whole)
    gives("and by its id", lambda: of.retrieve(mcp_integration_id=made["id"]), whole)

    configurations = {
        "passthrough_header": {"X-Team": SECRETS["team_header"]},
        "oauth_metadata": {"client_id": "steward", "client_secret": SECRETS["client_secret"], "scope": "read write"},
        "jwt_validation": {"introspectEndpoint": "https://idp.example/introspect", "introspectClientSecret": SECRETS["introspect_secret"]},
    }
    mapping = {"target_field": "configurations.external_auth_config", "secret_reference_id": "idp", "secret_key": None, "value_format": "json"}
    manuals = gives(
        "another is made, with all that may be configured",
        lambda: of.create(
            name="Manuals",
            url=MCP,
            auth_type="oauth_auto",
            transport="sse",
            description="Where it is written.",
            organisation_id=OWN["tenantId"],
            configurations=configurations,
            secret_mappings=[mapping],
        ),
        {"id": ID, "slug": "manuals"},
    )
    masked = {
        "oauth_metadata": {"client_id": MASK, "client_secret": MASK, "scope": "read write"},
        "jwt_validation": {"introspectEndpoint": "https://idp.example/introspect", "introspectClientSecret": MASK},
    }
    gives(
        "what is configured is masked where it may be secret",
        lambda: of.retrieve(mcp_integration_id="manuals"),
        {
            "auth_type": "oauth_auto",
            "transport": "sse",
            "description": "Where it is written.",
            "configurations": masked,
            "secret_mappings": [mapping],
        },
    )
    own = gives(
        "a workspace has one of its own",
        lambda: SERVICE.mcp_integrations.create(name="Our own", url=MCP, auth_type="none", transport="http", configurations={}),
        {"id": ID, "slug": "our-own"},
    )
    gives(
        "which belongs to it",
        lambda: SERVICE.mcp_integrations.retrieve(mcp_integration_id="our-own"),
        {
            "id": own.get("id"),
            "type": "workspace",
            "workspace_id": WORKSPACE,
            "auth_type": "none",
            "configurations": {},
            "global_workspace_access": None,
        },
    )

    row = {**weather, "configurations": dict, "metadata": {"sync_status": "pending", "server_name": None}}
    everything = {"object": "list", "total": 3, "has_more": False}
    listed = gives("all are listed", lambda: of.list(), {**everything, "data": [dict, dict, dict]})
    found = [shown for shown in listed.get("data", []) if shown.get("slug") == "weather-p"]
    note("as they are", differences(found, [row]))
    gives("those of the organisation", lambda: of.list(type="organisation"), {"total": 2, "data": [dict, dict]})
    gives("those of workspaces", lambda: of.list(type="workspace"), {"total": 1, "data": [{"slug": "our-own"}]})
    gives("those of a name", lambda: of.list(search="weath", organisation_id=OWN["tenantId"]), {"total": 1, "data": [{"slug": "weather-p"}]})
    gives("those that a workspace may use", lambda: of.list(workspace_id=WORKSPACE), {"total": 1, "data": [{"slug": "our-own"}]})
    gives("the first page", lambda: of.list(page_size=2, current_page=0), {"total": 3, "has_more": True, "data": [dict, dict]})
    gives("the last page", lambda: of.list(page_size=2, current_page=1), {"total": 3, "has_more": False, "data": [dict]})

    described = {"description": "It rains."}
    gives("it is renamed", lambda: of.update(mcp_integration_id="weather-p", name="The weather", description="It rains."), NOTHING)
    gives("which is seen", lambda: of.retrieve(mcp_integration_id="weather-p"), {**whole, **described, "name": "The weather"})
    gives("an empty text is nothing", lambda: of.update(mcp_integration_id="weather-p", name="Weather", description=""), NOTHING)
    gives("and changes nothing", lambda: of.retrieve(mcp_integration_id="weather-p"), {**whole, **described})
    gives("null clears", lambda: of.update(mcp_integration_id="weather-p", description=None), NOTHING)
    gives("what may be cleared", lambda: of.retrieve(mcp_integration_id="weather-p"), whole)


def checks_of_integrations():
    of = ORGANISATION.mcp_integrations
    works = {
        "success": True,
        "status_code": 200,
        "response_time_ms": int,
        "url": MCP,
        "server_name": "weather",
        "error": None,
        "message": TEXT,
        "details": {"steps": list, "reason": None},
    }
    gives(
        "metadata before anything is known",
        lambda: of.metadata.retrieve(mcp_integration_id="weather-p"),
        {"sync_status": "pending", "last_synced_at": None, "sync_error": None, "server_name": None, "capability_flags": None, "icons": None},
    )
    gives("a test finds the server", lambda: of.test(mcp_integration_id="weather-p"), works)

    def token(value):
        return {"custom_headers": {"Authorization": value}, "passthrough_headers": {"X-Team": SECRETS["team_header"]}}

    broken = token(f"Bearer {SECRETS['wrong_token']}")
    gives("another token is stored", lambda: of.update(mcp_integration_id="weather-p", configurations=broken), NOTHING)
    refusal = {"success": False, "status_code": 401, "error": TEXT, "message": TEXT, "details": {"reason": "credential_rejected", "remedy": TEXT}}
    gives("which the server refuses", lambda: of.test(mcp_integration_id="weather-p"), refusal)
    right = token(f"Bearer {SECRETS['right_token']}")
    gives("the first one is stored again", lambda: of.update(mcp_integration_id="weather-p", configurations=right), NOTHING)
    read = gives(
        "and read", lambda: of.retrieve(mcp_integration_id="weather-p"), {"configurations": token(MASK) | {"passthrough_headers": {"X-Team": MASK}}}
    )
    gives("what was read can be sent back", lambda: of.update(mcp_integration_id="weather-p", configurations=read["configurations"]), NOTHING)
    gives("and keeps what is stored", lambda: of.test(mcp_integration_id="weather-p"), works)
    gives("a sync asks the server as well", lambda: of.sync(mcp_integration_id="weather-p"), {**works, "synced_at": MOMENT})

    gives(
        "the server has introduced itself",
        lambda: of.metadata.retrieve(mcp_integration_id="weather-p"),
        {
            "server_name": "weather",
            "server_version": "1.2.3",
            "protocol_version": "2025-11-25",
            "title": "Weather",
            "instructions": "Ask before you pack.",
            "icons": None,
            "sync_status": "synced",
            "last_synced_at": MOMENT,
            "sync_error": None,
        },
    )
    delete = {"type": "tool", "name": "delete_station", "enabled": True, "description": "Takes a station down.", "input_schema": {"type": "object"}}
    forecast = {"type": "tool", "name": "forecast", "enabled": True, "title": "Forecast", "input_schema": {"type": "object"}}
    none = {"total": 0, "enabled": 0}
    counts = {"tools": {"total": 2, "enabled": 2}, "prompts": none, "resources": none, "resource_templates": none}
    gives(
        "its tools are known",
        lambda: of.capabilities.list(mcp_integration_id="weather-p"),
        {"object": "list", "data": [delete, forecast], "counts": counts, "total": 2, "has_more": False},
    )
    off = [{"type": "tool", "name": "delete_station", "enabled": False}, {"type": "prompt", "name": "pack", "enabled": False}]
    gives("some are switched off, known or not", lambda: of.capabilities.update(mcp_integration_id="weather-p", capabilities=off), SUCCESS)
    pushed = [
        {"type": "prompt", "name": "pack", "description": "What to take along.", "arguments": [{"name": "city"}]},
        {"type": "resource", "name": "map", "uri": "weather://map", "mimeType": "image/png", "size": 12},
        {"type": "resource_template", "name": "station", "uriTemplate": "weather://{station}"},
    ]
    server = {"name": "weather", "version": "1.2.4", "protocol_version": "2025-11-25", "capabilities": {"tools": {}}, "instructions": "Ask."}
    gives(
        "somebody tells of others",
        lambda: of.sync(mcp_integration_id="weather-p", server_info=server, capabilities=pushed),
        {"success": True, "synced_at": MOMENT, "message": TEXT},
    )
    one = {"total": 1, "enabled": 1}
    moments = {"created_at": MOMENT, "last_updated_at": MOMENT}
    gives(
        "and all of it is seen",
        lambda: of.capabilities.list(mcp_integration_id="weather-p"),
        {
            "data": [
                {**delete, "enabled": False},
                forecast,
                {
                    "type": "prompt",
                    "name": "pack",
                    "enabled": False,
                    "description": "What to take along.",
                    "arguments": [{"name": "city"}],
                    **moments,
                },
                {"type": "resource", "name": "map", "enabled": True, "uri": "weather://map", "mime_type": "image/png", "size": 12, **moments},
                {"type": "resource_template", "name": "station", "enabled": True, "uri_template": "weather://{station}", **moments},
            ],
            "counts": {"tools": {"total": 2, "enabled": 1}, "prompts": {"total": 1, "enabled": 0}, "resources": one, "resource_templates": one},
            "total": 5,
        },
    )
    gives(
        "with how the server introduced itself to them",
        lambda: of.metadata.retrieve(mcp_integration_id="weather-p"),
        {"server_version": "1.2.4", "instructions": "Ask.", "capability_flags": {"tools": {}}, "title": None, "sync_status": "synced"},
    )


def workspaces():
    of = ORGANISATION.mcp_integrations
    gives(
        "nothing is said of any workspace",
        lambda: of.workspaces.list(mcp_integration_id="weather-p"),
        {"workspaces": [], "global_workspace_access": None},
    )
    refused(
        "so none can use it",
        lambda: ORGANISATION.mcp_servers.create(name="Weather", mcp_integration_id="weather-p", workspace_id=WORKSPACE),
        "not enabled",
    )
    row = {"id": WORKSPACE, "status": "active", "created_at": MOMENT, "last_updated_at": MOMENT}
    for enabled in (False, True):
        access = [{"id": WORKSPACE, "enabled": enabled}]
        gives(f"it is said of one: {enabled}", lambda: of.workspaces.update(mcp_integration_id="weather-p", workspaces=access), NOTHING)
        gives(
            "and listed either way",
            lambda: of.workspaces.list(mcp_integration_id="weather-p"),
            {"workspaces": [{**row, "enabled": enabled}], "global_workspace_access": None},
        )
    everywhere = {"enabled": True}
    gives(
        "all others may use another",
        lambda: of.workspaces.update(
            mcp_integration_id="manuals", workspaces=[], global_workspace_access=everywhere, override_existing_workspace_access=True
        ),
        NOTHING,
    )
    gives("which is told", lambda: of.workspaces.list(mcp_integration_id="manuals"), {"workspaces": [], "global_workspace_access": everywhere})
    gives("by the integration, too", lambda: of.retrieve(mcp_integration_id="manuals"), {"global_workspace_access": everywhere})
    gives("a workspace sees what it may use", lambda: SERVICE.mcp_integrations.list(), {"total": 3, "data": [dict, dict, dict]})


# --------------------------------------------------------------------------------------------------------------------- servers


def servers():
    of = ORGANISATION.mcp_servers
    integration = ORGANISATION.mcp_integrations.retrieve(mcp_integration_id="weather-p").id
    made = gives(
        "a server is made",
        lambda: of.create(name="Weather", mcp_integration_id="weather-p", workspace_id=WORKSPACE, slug="weather-srv-p", description="For everybody."),
        {"id": ID, "slug": "weather-srv-p"},
    )
    other = gives(
        "another, by a workspace's key, which need not name the workspace",
        lambda: SERVICE.mcp_servers.create(name="All the manuals", mcp_integration_id="manuals"),
        {"id": ID, "slug": "all-the-manuals"},
    )
    shown = {
        "id": made.get("id"),
        "slug": "weather-srv-p",
        "name": "Weather",
        "description": "For everybody.",
        "status": "active",
        "organisation_id": OWN["tenantId"],
        "mcp_integration_id": integration,
        "owner_id": TEXT,
        "created_at": MOMENT,
        "url": re.compile(r"https?://[^/]+/weather-srv-p/mcp"),
    }
    gives("it is found by its slug", lambda: of.retrieve(mcp_server_id="weather-srv-p"), {**shown, "mcp_integration_details": ABSENT})
    gives("and by its id, by a user", lambda: PERSON.mcp_servers.retrieve(mcp_server_id=made["id"]), {**shown, "mcp_integration_details": ABSENT})
    row = {
        **shown,
        "workspace_id": WORKSPACE,
        "workspace_name": TEXT,
        "workspace_slug": TEXT,
        "mcp_integration_slug": "weather-p",
        "mcp_integration_url": MCP,
        "auth_type": "headers",
        "metadata": {"server_name": "weather", "sync_status": "synced", "last_synced_at": MOMENT},
    }
    listed = gives("all are listed", lambda: of.list(workspace_id=WORKSPACE), {"object": "list", "total": 2, "has_more": False, "data": [dict, dict]})
    note("as they are", differences([found for found in listed.get("data", []) if found["slug"] == "weather-srv-p"], [row]))
    gives(
        "those with an id",
        lambda: SERVICE.mcp_servers.list(id=f"{other['id']},{FACTS['foreign']['tenantId']}"),
        {"total": 1, "data": [{"id": other["id"]}]},
    )
    gives("those of a name", lambda: PERSON.mcp_servers.list(search="MANUAL"), {"total": 1, "data": [{"slug": "all-the-manuals"}]})
    gives("the first page", lambda: SERVICE.mcp_servers.list(page_size=1, current_page=0), {"total": 2, "has_more": True, "data": [dict]})
    gives("the last page", lambda: SERVICE.mcp_servers.list(page_size=1, current_page=1), {"total": 2, "has_more": False, "data": [dict]})

    gives("it is renamed", lambda: of.update(mcp_server_id="weather-srv-p", name="Rain", description=None), NOTHING)
    gives("which is seen", lambda: of.retrieve(mcp_server_id="weather-srv-p"), {**shown, "name": "Rain", "description": None})
    wrong(
        "an empty text alone is no change", lambda: of.update(mcp_server_id="weather-srv-p", description=""), "at least one of name and description"
    )
    gives(
        "a test finds the server behind it",
        lambda: SERVICE.mcp_servers.test(mcp_server_id="weather-srv-p"),
        {"success": True, "status_code": 200, "response_time_ms": int, "url": MCP, "server_name": "weather", "error": None, "details": dict},
    )
    gives(
        "the gateway is told how to reach it",
        lambda: GATEWAY.mcp_servers.retrieve(mcp_server_id="weather-srv-p"),
        {
            **shown,
            "name": "Rain",
            "description": None,
            "workspace_id": WORKSPACE,
            "mcp_integration_details": {
                "id": integration,
                "slug": "weather-p",
                "status": "active",
                "url": MCP,
                "transport": "http",
                "auth_type": "headers",
                "configurations": {
                    "headers": {"Authorization": f"Bearer {SECRETS['right_token']}"},
                    "passthrough_headers": {"X-Team": SECRETS["team_header"]},
                },
            },
        },
    )
    revealed = {
        "headers": ABSENT,
        "passthrough_headers": {"X-Team": SECRETS["team_header"]},
        "oauth_metadata": {"client_id": "steward", "client_secret": SECRETS["client_secret"], "scope": "read write"},
        "jwt_validation": {"introspectEndpoint": "https://idp.example/introspect", "introspectClientSecret": SECRETS["introspect_secret"]},
    }
    gives(
        "and so for a user whose key it sends along",
        lambda: FOR_PERSON.mcp_servers.retrieve(mcp_server_id="all-the-manuals"),
        {"mcp_integration_details": {"slug": "manuals", "auth_type": "oauth_auto", "transport": "sse", "configurations": revealed}},
    )


def capabilities_of_servers():
    of = ORGANISATION.mcp_servers

    def switched(kind, name, by_integration, enabled):
        return {"type": kind, "name": name, "integration_enabled": by_integration, "enabled": enabled}

    gives(
        "a server has what its integration allows",
        lambda: SERVICE.mcp_servers.capabilities.list(mcp_server_id="weather-srv-p"),
        {
            "object": "list",
            "total": 5,
            "has_more": False,
            "counts": {"tools": {"total": 2, "enabled": 1}, "prompts": {"total": 1, "enabled": 0}},
            "data": [
                switched("tool", "delete_station", False, False),
                switched("tool", "forecast", True, True),
                switched("prompt", "pack", False, False),
                switched("resource", "map", True, True),
                switched("resource_template", "station", True, True),
            ],
        },
    )
    switches = [{"type": "tool", "name": "forecast", "enabled": False}, {"type": "tool", "name": "delete_station", "enabled": True}]
    gives("it can take away", lambda: of.capabilities.update(mcp_server_id="weather-srv-p", capabilities=switches), SUCCESS)
    radar = {"type": "tool", "name": "radar", "input_schema": {"type": "object"}, "tool_annotations": {"readOnlyHint": True}, "meta": {"x": 1}}
    gives(
        "the gateway tells of a tool",
        lambda: FOR_PERSON.mcp_servers.capabilities.sync(mcp_server_id="weather-srv-p", capabilities=[radar]),
        {"success": True, "synced_at": MOMENT},
    )
    known = [
        switched("tool", "delete_station", False, False),
        switched("tool", "forecast", True, False),
        {**switched("tool", "radar", True, True), "input_schema": {"type": "object"}, "annotations": {"readOnlyHint": True}},
    ]
    gives(
        "and nothing is given back that was taken", lambda: of.capabilities.list(mcp_server_id="weather-srv-p"), {"data": [*known, dict, dict, dict]}
    )
    gives(
        "nothing of it is true of the integration",
        lambda: ORGANISATION.mcp_integrations.capabilities.list(mcp_integration_id="weather-p"),
        {
            "data": [
                {"name": "delete_station", "enabled": False},
                {"name": "forecast", "enabled": True},
                {"name": "radar", "enabled": True},
                dict,
                dict,
                dict,
            ]
        },
    )
    gives(
        "the gateway is told first what is switched off",
        lambda: FOR_PERSON.mcp_servers.capabilities.list(mcp_server_id="weather-srv-p"),
        {"total": 6, "has_more": False, "data": [{"enabled": False}] * 3 + [{"enabled": True}] * 3},
    )
    gives(
        "the gateway tells how the server introduced itself",
        lambda: FOR_PERSON.mcp_servers.metadata.sync(
            mcp_server_id="weather-srv-p",
            server_name="weather",
            server_version="1.3.0",
            protocol_version="2025-11-25",
            title="All weather",
            description="From everywhere.",
            website_url="https://weather.example",
            icons=[{"src": "https://weather.example/icon.png"}],
            capability_flags={"tools": {"listChanged": True}},
            instructions="Ask twice.",
        ),
        {"success": True},
    )
    gives(
        "which everybody is told",
        lambda: PERSON.mcp_servers.metadata.retrieve(mcp_server_id="weather-srv-p"),
        {
            "server_name": "weather",
            "server_version": "1.3.0",
            "protocol_version": "2025-11-25",
            "title": "All weather",
            "description": "From everywhere.",
            "website_url": "https://weather.example",
            "icons": None,
            "capability_flags": {"tools": {"listChanged": True}},
            "instructions": "Ask twice.",
            "sync_status": "synced",
            "last_synced_at": MOMENT,
        },
    )


def users():
    server = ORGANISATION.mcp_servers.retrieve(mcp_server_id="weather-srv-p").id
    of = ORGANISATION.mcp_servers.user_access

    def check(what, allowed):
        want = {"has_access": allowed, "allowed": allowed, "user_id": USER, "mcp_server_id": server}
        gives(what, lambda: PERSON.mcp_servers.user_access.check(mcp_server_id="weather-srv-p"), want)

    def listed(what, enabled, has_override, status):
        row = {"user_id": USER, "enabled": enabled, "has_override": has_override, "connection_status": status}
        # The client reads the default as an object and would fail.
        want = {"object": "list", "data": [row], "total": 1, "has_more": False, "default_user_access": None}
        gives(what, lambda: of.list(mcp_server_id="weather-srv-p"), want)

    check("a user may use it", True)
    listed("as all may", True, False, "not_connected")
    gives("nobody may by default", lambda: of.update(mcp_server_id="weather-srv-p", default_user_access="deny"), SUCCESS)
    check("so he may not", False)
    listed("nor may anybody", False, False, "not_connected")
    gives("he may", lambda: of.update(mcp_server_id="weather-srv-p", user_access=[{"user_id": USER, "enabled": True}]), SUCCESS)
    check("so he may again", True)
    listed("which is said of him", True, True, "not_connected")
    gives(
        "the gateway is told the same",
        lambda: FOR_PERSON.mcp_servers.user_access.check(mcp_server_id=server),
        {"allowed": True, "has_access": True, "user_id": USER},
    )

    # ------------------------------------------------------------------------------------------------- tokens and connections

    def connections(client, query=""):
        return client.get(path=f"/mcp-servers/weather-srv-p/connections{query}", cast_to=GenericResponse)

    nobody = {"object": "list", "data": [], "total": 0, "has_more": False}
    row = {"user_id": USER, "connected": True, "created_at": MOMENT, "last_updated_at": MOMENT}
    himself = {"object": "list", "data": [row], "total": 1, "has_more": False}
    whole = f"?workspace_id={WORKSPACE}&user_id={USER}&current_page=0&page_size=500"
    gives("nobody is connected", lambda: connections(SERVICE), nobody)
    given = {"token_type": "Bearer", "expires_in": 3600, "scope": "read"}
    registration = {"client_id": "registered", "client_secret": SECRETS["registration_secret"], "redirect_uris": ["https://gateway.example/callback"]}
    tokens = {"access_token": SECRETS["access_token"], "refresh_token": SECRETS["refresh_token"]}
    gives(
        "a user's tokens are stored",
        lambda: FOR_PERSON.mcp_servers.update_tokens(
            mcp_server_id="weather-srv-p", **tokens, **given, expires_at=1893456000, client_metadata=registration, workspace_id=WORKSPACE
        ),
        SUCCESS,
    )
    gives(
        "the gateway reads them",
        lambda: FOR_PERSON.mcp_servers.get_tokens(mcp_server_id="weather-srv-p"),
        {**tokens, **given, "expires_at": "1893456000", "client_metadata": ABSENT},
    )
    gives("and the client they were given to", lambda: FOR_PERSON.mcp_servers.get_client_info(mcp_server_id="weather-srv-p"), registration)
    gives(
        "it may name the user",
        lambda: GATEWAY.get(path=f"/mcp-servers/weather-srv-p/tokens?user_id={USER}", cast_to=GenericResponse),
        {**tokens, **given},
    )
    listed("he is connected", True, True, "connected")
    gives("as he sees", lambda: connections(PERSON), himself)
    gives("a service key sees everybody", lambda: connections(SERVICE), himself)
    gives("an organisation's key names the workspace", lambda: connections(ORGANISATION, whole), himself)
    gives("pages are counted from 0", lambda: connections(SERVICE, "?current_page=1"), {**himself, "data": []})
    wrong("or is told to", lambda: connections(ORGANISATION), "workspace_id is required")
    wrong("a page has a largest size", lambda: connections(SERVICE, "?page_size=501"), "page_size must be between 1 and 500")
    refused("a user does not read his tokens", lambda: PERSON.mcp_servers.get_tokens(mcp_server_id="weather-srv-p"), "only a system key")
    refused("nor does a service key", lambda: SERVICE.mcp_servers.get_tokens(mcp_server_id="weather-srv-p"), "only a system key")
    refused("nor the client's registration", lambda: SERVICE.mcp_servers.get_client_info(mcp_server_id="weather-srv-p"), "only a system key")
    for again in ("are revoked", "and again"):
        gives(
            f"his tokens {again}",
            lambda: ORGANISATION.delete(
                path=f"/mcp-servers/weather-srv-p/connections?user_id={USER}&workspace_id={WORKSPACE}", cast_to=GenericResponse
            ),
            SUCCESS,
        )
    missing("and are gone", lambda: FOR_PERSON.mcp_servers.get_tokens(mcp_server_id="weather-srv-p"))
    missing("with the registration", lambda: FOR_PERSON.mcp_servers.get_client_info(mcp_server_id="weather-srv-p"))
    check("but he may use the server", True)
    gives("he stores some himself", lambda: PERSON.mcp_servers.update_tokens(mcp_server_id=server, access_token=SECRETS["access_token"]), SUCCESS)
    gives("and deletes them", lambda: PERSON.mcp_servers.delete_tokens(mcp_server_id=server), SUCCESS)
    gives("so nobody is connected", lambda: connections(SERVICE), nobody)


# ---------------------------------------------------------------------------------------------------------------------- errors


def errors():
    nonsense = portkey("no-key-of-ours")
    head, _, tail = OWN["organisationServiceKey"].rpartition("_")
    guess = portkey(f"{head}_{tail[::-1]}")
    for what, client in (("no key at all", nonsense), ("a key with another secret", guess)):
        call = client.mcp_servers.list
        fails(f"{what} opens nothing", lambda: call(workspace_id=WORKSPACE), exceptions.AuthenticationError, 401, "AB05", "API key")

    create = ORGANISATION.mcp_integrations.create
    fails(
        "a slug is there once",
        lambda: create(name="Second", url=MCP, auth_type="none", transport="http", slug="WEATHER-P"),
        exceptions.ConflictError,
        409,
        "AB07",
        "slug is already in use",
    )
    fails(
        "that of a server, too",
        lambda: SERVICE.mcp_servers.create(name="Second", mcp_integration_id="weather-p", slug="weather-srv-p"),
        exceptions.ConflictError,
        409,
        "AB07",
        "slug is already in use",
    )
    wrong("a kind that is none", lambda: create(name="x", url=MCP, auth_type="magic", transport="http"), "auth_type must be")
    wrong("an address that is none", lambda: create(name="x", url="nowhere", auth_type="none", transport="http"), "url must")
    wrong("all that is wrong is told at once", lambda: create(name="x", url="nowhere", auth_type="magic", transport="pigeon"), "transport must")
    wrong(
        "a configuration that would be ignored",
        lambda: create(name="x", url=MCP, auth_type="oauth_auto", transport="http", configurations={"oauth_metadata": {"oauth_metadata": {}}}),
        "configurations.oauth_metadata.oauth_metadata",
    )
    wrong("an organisation's key names a workspace", lambda: ORGANISATION.mcp_servers.list(), "workspace_id is required")
    wrong("also to make a server", lambda: ORGANISATION.mcp_servers.create(name="x", mcp_integration_id="weather-p"), "workspace_id is required")
    wrong("a slug that is none", lambda: SERVICE.mcp_servers.create(name="x", mcp_integration_id="weather-p", slug="a b"), "slug must")
    refused(
        "a workspace's key names no other",
        lambda: SERVICE.mcp_servers.list(workspace_id=FACTS["foreign"]["workspaceId"]),
        "cannot name another workspace",
    )
    refused(
        "nor changes what is the organisation's",
        lambda: SERVICE.mcp_integrations.update(mcp_integration_id="weather-p", name="x"),
        "organisation_mcp_integrations.update",
    )
    refused("nor reads it", lambda: PERSON.mcp_integrations.retrieve(mcp_integration_id="weather-p"), "organisation_mcp_integrations.read")
    missing("what is not there", lambda: ORGANISATION.mcp_integrations.retrieve(mcp_integration_id="never-was"))
    for what, call in {
        "reading an integration": lambda: STRANGER.mcp_integrations.retrieve(mcp_integration_id="weather-p"),
        "changing it": lambda: STRANGER.mcp_integrations.update(mcp_integration_id="weather-p", name="x"),
        "testing it": lambda: STRANGER.mcp_integrations.test(mcp_integration_id="weather-p"),
        "removing it": lambda: STRANGER.mcp_integrations.delete(mcp_integration_id="weather-p"),
        "reading a server": lambda: STRANGER.mcp_servers.retrieve(mcp_server_id="weather-srv-p"),
        "changing it, too": lambda: STRANGER.mcp_servers.update(mcp_server_id="weather-srv-p", name="x"),
        "its users": lambda: STRANGER.mcp_servers.user_access.list(mcp_server_id="weather-srv-p"),
        "its removal": lambda: STRANGER.mcp_servers.delete(mcp_server_id="weather-srv-p"),
    }.items():
        missing(f"a stranger is told of nothing: {what}", call)

    headers = ORGANISATION.mcp_integrations.retrieve(mcp_integration_id="weather-p").get_headers()
    note("an answer has its request's id", differences(headers, {"request-id": TEXT}))


# ------------------------------------------------------------------------------------------------------------------------ async


def asynchronous():
    """The asynchronous client is another one: it sends bodies where the other sends none."""

    async def work():
        client = portkey(OWN["organisationServiceKey"], kind=AsyncPortkey)

        async def awaited(what, call, want):
            try:
                answer = await call
            except Exception as error:
                note(what, [f"{type(error).__name__}: {error}"])
                return {}
            return gives(what, lambda: answer, want)

        integrations, servers = client.mcp_integrations, client.mcp_servers
        made = await awaited(
            "async: an integration is made",
            integrations.create(name="Fast", url=MCP, auth_type="none", transport="http", workspace_id=WORKSPACE),
            {"id": ID, "slug": "fast"},
        )
        await awaited("async: and found", integrations.retrieve(mcp_integration_id="fast"), {"id": made.get("id"), "workspace_id": WORKSPACE})
        await awaited("async: and listed", integrations.list(search="fast"), {"total": 1, "data": [{"slug": "fast"}]})
        refusal = {"success": False, "status_code": 401, "details": {"reason": "auth_required"}}
        await awaited("async: and tested", integrations.test(mcp_integration_id="fast"), refusal)
        await awaited(
            "async: with what is known of it", integrations.metadata.retrieve(mcp_integration_id="fast"), {"sync_status": "error", "sync_error": TEXT}
        )
        await awaited(
            "async: and its workspace", integrations.workspaces.list(mcp_integration_id="fast"), {"workspaces": [{"id": WORKSPACE, "enabled": True}]}
        )
        server = await awaited(
            "async: a server is made",
            servers.create(name="Fast", mcp_integration_id=made.get("id"), workspace_id=WORKSPACE),
            {"id": ID, "slug": "fast"},
        )
        await awaited("async: and changed", servers.update(mcp_server_id="fast", description="So fast."), NOTHING)
        await awaited("async: and found", servers.retrieve(mcp_server_id="fast"), {"id": server.get("id"), "description": "So fast."})
        await awaited("async: with its users", servers.user_access.list(mcp_server_id="fast"), {"total": 1, "default_user_access": None})
        await awaited("async: and removed", servers.delete(mcp_server_id="fast"), NOTHING)
        await awaited("async: with its integration", integrations.delete(mcp_integration_id="fast"), NOTHING)
        try:
            await servers.retrieve(mcp_server_id="fast")
            note("async: it is gone", ["it is there"])
        except exceptions.NotFoundError:
            note("async: it is gone", [])

    asyncio.run(work())


# ------------------------------------------------------------------------------------------------------------- administration


def administration():
    """Workspaces, their users and keys: what the rest rests on."""
    of, keys = ORGANISATION.admin.workspaces, ORGANISATION.api_keys
    shown = {
        "id": ID,
        "slug": "harbour",
        "name": "Harbour",
        "description": "Ships.",
        "created_at": MOMENT,
        "last_updated_at": MOMENT,
        "defaults": None,
    }
    made = gives("a workspace is made", lambda: of.create(name="Harbour", description="Ships.", users=[USER]), shown)
    harbour = made.get("id")
    gives("it is found by its slug", lambda: of.retrieve(workspace_id="harbour"), {**shown, "id": harbour})
    gives("and by its name", lambda: of.list(name="harb"), {"object": "list", "total": 1, "data": [shown]})
    # In the query of this one list the client spells its pages in another way.
    gives("and on the last page", lambda: of.list(page_size=1, current_page=1), {"total": 2, "data": [shown]})
    gives("it is renamed", lambda: of.update(workspace_id="harbour", name="Port", defaults={"metadata": {"team": "port"}}), NOTHING)
    gives("which is seen", lambda: of.retrieve(workspace_id=harbour), {**shown, "name": "Port", "defaults": {"metadata": {"team": "port"}}})

    newcomer = FACTS["foreign"]["userId"]
    gives("a user is added", lambda: of.users.create(workspace_id="harbour", users=[{"id": newcomer, "role": "member"}]), NOTHING)
    row = {"id": newcomer, "role": "member", "org_role": "member", "status": "active", "workspace_id": harbour, "created_at": MOMENT}
    gives("and found", lambda: of.users.retrieve(workspace_id="harbour", user_id=newcomer), row)
    gives("he leads", lambda: of.users.update(workspace_id="harbour", user_id=newcomer, role="manager"), NOTHING)
    lead = {"data": [{**row, "role": "manager"}]}
    gives("and is listed", lambda: of.users.list(workspace_id="harbour", page_size=1, current_page=1), lead)

    wanted = {"name": "CI", "workspace_id": "harbour", "scopes": ["mcp_servers.list", "mcp.invoke"]}
    service = gives(
        "a key is made", lambda: keys.create(type="workspace", sub_type="service", **wanted), {"id": ID, "key": TEXT, "object": "api-key"}
    )
    person = gives("another for a user", lambda: keys.create(type="workspace", sub_type="user", user_id=newcomer, **wanted), {"id": ID, "key": TEXT})
    gives("it opens what it may", lambda: portkey(person["key"]).mcp_servers.list(), {"total": 0, "data": []})
    refused("and nothing else", lambda: portkey(person["key"]).mcp_integrations.list(), "mcp_integrations.list")
    own = {
        "id": person.get("id"),
        "key": None,
        "name": "CI",
        "type": "workspace-user",
        "workspace_id": harbour,
        "user_id": newcomer,
        "scopes": wanted["scopes"],
    }
    gives("it is not shown again", lambda: keys.retrieve(id=person["id"]), {**own, "organisation_id": OWN["tenantId"], "status": "active"})
    gives("both are listed", lambda: keys.list(workspace_id="harbour"), {"object": "list", "total": 2, "data": [{"key": ABSENT}, {"key": ABSENT}]})
    gives(
        "it is renamed",
        lambda: keys.update(id=person["id"], name="Deploys", description="For CI.", rate_limits=[{"type": "requests", "unit": "rpm", "value": 9}]),
        NOTHING,
    )
    gives(
        "which is seen, too",
        lambda: keys.retrieve(id=person["id"]),
        {**own, "name": "Deploys", "description": "For CI.", "rate_limits": [{"value": 9}]},
    )
    refused(
        "nobody gives what he has not",
        lambda: SERVICE.api_keys.create(type="workspace", sub_type="service", **wanted),
        "workspace_service_api_keys.create",
    )

    in_use = lambda: of.delete(workspace_id="harbour", name="Port")
    fails("a workspace with something in it stays", in_use, exceptions.ConflictError, 409, "AB07", "in use")
    gives("the user goes", lambda: of.users.delete(workspace_id="harbour", user_id=newcomer), NOTHING)
    call = lambda: portkey(person["key"]).mcp_servers.list()
    fails("and his key with him", call, exceptions.AuthenticationError, 401, "AB05", "API key")
    gives("the key goes", lambda: keys.delete(id=service["id"]), NOTHING)
    gives("so the workspace can go", lambda: of.delete(workspace_id="harbour", name="Port"), NOTHING)
    missing("and is gone", lambda: of.retrieve(workspace_id=harbour))


# ---------------------------------------------------------------------------------------------------------------------- the end


def removal():
    gives("a server is removed", lambda: PERSON.mcp_servers.delete(mcp_server_id="weather-srv-p"), NOTHING)
    missing("and gone", lambda: ORGANISATION.mcp_servers.retrieve(mcp_server_id="weather-srv-p"))
    missing("for the gateway as well", lambda: FOR_PERSON.mcp_servers.get_tokens(mcp_server_id="weather-srv-p"))
    gives("an integration is removed", lambda: ORGANISATION.mcp_integrations.delete(mcp_integration_id="manuals"), NOTHING)
    missing("and gone as well", lambda: ORGANISATION.mcp_integrations.retrieve(mcp_integration_id="manuals"))
    gives("its server is in the archive", lambda: SERVICE.mcp_servers.retrieve(mcp_server_id="all-the-manuals"), {"status": "archived"})
    gives("and no success", lambda: SERVICE.mcp_servers.test(mcp_server_id="all-the-manuals"), {"success": False, "error": TEXT})
    gives(
        "the gateway is told of no secret", lambda: GATEWAY.mcp_servers.retrieve(mcp_server_id="all-the-manuals"), {"mcp_integration_details": None}
    )
    gives("the other is removed by its id", lambda: ORGANISATION.mcp_integrations.delete(mcp_integration_id=id_of("weather-p")), NOTHING)
    missing("once", lambda: ORGANISATION.mcp_integrations.delete(mcp_integration_id="weather-p"))


def id_of(integration):
    return ORGANISATION.mcp_integrations.retrieve(mcp_integration_id=integration).id


for part in (
    integrations,
    checks_of_integrations,
    workspaces,
    servers,
    capabilities_of_servers,
    users,
    errors,
    asynchronous,
    administration,
    removal,
):
    part()
