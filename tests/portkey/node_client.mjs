// Portkey's client for Node: every method for MCP that it has, and what it makes of the answers.
//
// Started by `run`, which tells on standard input where everything is. Prints one line of JSON for each check. What is asked is what
// python_client.py asks, in fewer words; and what this client alone can do: it has methods for connections, and it sends empty texts.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const FACTS = JSON.parse(readFileSync(0, "utf8"));
const { Portkey } = createRequire(`${FACTS.home}/`)("portkey-ai");
const { own: OWN, foreign: FOREIGN, secrets: SECRETS, mcp: MCP } = FACTS;
const { workspaceId: WORKSPACE, userId: USER } = OWN;

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const TEXT = /./s;
const MASK = "********";
const ABSENT = undefined;

const portkey = (apiKey, version = "v1", more = {}) => new Portkey({ apiKey, baseURL: `${FACTS.url}/${version}`, ...more });
const ORGANISATION = portkey(OWN.organisationServiceKey);
const SERVICE = portkey(OWN.workspaceServiceKey);
const PERSON = portkey(OWN.workspaceUserKey);
const STRANGER = portkey(FOREIGN.organisationServiceKey);
// The gateway asks for the holder of a key with its own key beside it, or by itself; under /v2.
const FOR_PERSON = portkey(OWN.workspaceUserKey, "v2", { Authorization: `Bearer ${OWN.systemKey}` });
const GATEWAY = portkey(OWN.systemKey, "v2");

// ------------------------------------------------------------------------------------------------------------------------- checks

// How something is not as it should be. Number, String and the like stand for any value of theirs, a pattern for any text that it matches; what
// of an object is not named may be anything.
function differences(got, want, place = "") {
  if (want instanceof Array && got instanceof Array && want.length === got.length)
    return want.flatMap((value, index) => differences(got[index], value, `${place}[${index}]`));
  if (isObject(want) && isObject(got)) return Object.entries(want).flatMap(([name, value]) => differences(got[name], value, `${place}.${name}`));
  let held;
  if (want === Object) held = isObject(got);
  else if (want === Array) held = got instanceof Array;
  else if (typeof want === "function") held = typeof got === want.name.toLowerCase();
  else if (want instanceof RegExp) held = typeof got === "string" && want.test(got);
  else held = got === want;
  return held ? [] : [`${place || "it"} is ${shown(got)}, not ${shown(want)}`];
}

const isObject = (value) => value !== null && typeof value === "object" && !(value instanceof Array) && !(value instanceof RegExp);

function shown(value) {
  if (value === undefined) return "absent";
  if (typeof value === "function") return value.name;
  return value instanceof RegExp ? String(value) : JSON.stringify(value);
}

const note = (what, wrong) => console.log(JSON.stringify({ what, wrong }));

// The call succeeds, and the client hands out what is wanted, with the answer's headers. Gives what it handed out.
async function gives(what, call, want) {
  try {
    const got = await call();
    const { getHeaders, ...said } = got;
    const found = want === NOTHING ? differences(JSON.stringify(said), "{}") : differences(said, want);
    note(what, [...found, ...differences(getHeaders(), { "request-id": TEXT }, "the headers")]);
    return got;
  } catch (error) {
    note(what, [String(error)]);
    return {};
  }
}

// The call fails with the client's error for this status, and the error can be read: a class, and a sentence with these words in it.
async function fails(what, call, name, status, errorCode, words) {
  try {
    await call();
    note(what, ["it succeeds"]);
  } catch (error) {
    const sentence = new RegExp(words);
    const want = { message: sentence, error: { success: false, message: sentence, data: { message: sentence, errorCode } }, status };
    const got = { message: error.message, error: error.error, status: error.status };
    note(what, [
      ...differences(got, want),
      ...differences(error.constructor.name, name),
      ...differences(error.headers?.["x-portkey-request-id"], TEXT),
    ]);
  }
}

const missing = (what, call) => fails(what, call, "NotFoundError", 404, "AB08", "not found");
const refused = (what, call, words) => fails(what, call, "PermissionDeniedError", 403, "AB03", words);
const wrong = (what, call, words) => fails(what, call, "BadRequestError", 400, "AB01", words);
const taken = (what, call) => fails(what, call, "ConflictError", 409, "AB07", "slug is already in use");

// The answer of what has nothing to say.
const NOTHING = {};
const SUCCESS = { success: true };
const page = (data, more = {}) => ({ object: "list", data, total: data.length, has_more: false, ...more });

// ------------------------------------------------------------------------------------------------------------------- integrations

const weather = { id: "weather-n" };
const manuals = { id: "manuals" };

async function integrations() {
  const of = ORGANISATION.mcpIntegrations;
  const headers = (token) => ({ custom_headers: { Authorization: token }, passthrough_headers: { "X-Team": SECRETS.team_header } });
  const right = headers(`Bearer ${SECRETS.right_token}`);
  const made = await gives(
    "an integration is made",
    () =>
      of.create({ name: "Weather", url: MCP, auth_type: "headers", transport: "http", description: null, slug: "weather-n", configurations: right }),
    { id: ID, slug: "weather-n" },
  );
  const whole = {
    id: made.id,
    name: "Weather",
    slug: "weather-n",
    description: null,
    url: MCP,
    auth_type: "headers",
    transport: "http",
    type: "organisation",
    status: "active",
    organisation_id: OWN.tenantId,
    workspace_id: null,
    owner_id: TEXT,
    configurations: { custom_headers: { Authorization: MASK }, passthrough_headers: { "X-Team": MASK } },
    secret_mappings: [],
    created_at: MOMENT,
    last_updated_at: MOMENT,
  };
  await gives("it is found by its slug", () => of.retrieve(weather), { ...whole, global_workspace_access: null });
  await gives("and by its id", () => of.retrieve({ id: made.id }), { ...whole, global_workspace_access: null });

  const configurations = {
    oauth_metadata: { client_id: "steward", client_secret: SECRETS.client_secret, scope: "read write" },
    jwt_validation: { introspectEndpoint: "https://idp.example/introspect", introspectClientSecret: SECRETS.introspect_secret },
  };
  await gives(
    "another is made, with all that may be configured",
    () =>
      of.create({
        name: "Manuals",
        url: MCP,
        auth_type: "oauth_client_credentials",
        transport: "sse",
        organisation_id: OWN.tenantId,
        configurations,
      }),
    { id: ID, slug: "manuals" },
  );
  await gives("what is configured is masked where it may be secret", () => of.retrieve(manuals), {
    auth_type: "oauth_client_credentials",
    configurations: {
      oauth_metadata: { client_id: MASK, client_secret: MASK, scope: "read write" },
      jwt_validation: { introspectEndpoint: "https://idp.example/introspect", introspectClientSecret: MASK },
    },
  });
  await gives("all are listed", () => of.list(), page([Object, Object]));
  await gives("one of them", () => of.list({ search: "WEATHER", type: "all", page_size: 1, current_page: 0 }), page([whole]));
  await gives("the last page", () => of.list({ page_size: 1, current_page: 1 }), page([Object], { total: 2 }));
  await gives("those of workspaces", () => of.list({ type: "workspace" }), page([]));

  await gives("it is renamed", () => of.update({ ...weather, name: "The weather", description: "It rains." }), NOTHING);
  await gives("which is seen", () => of.retrieve(weather), { ...whole, name: "The weather", description: "It rains." });
  await gives("null clears", () => of.update({ ...weather, description: null }), NOTHING);
  await gives("what may be cleared", () => of.retrieve(weather), { description: null });

  await gives("nothing is known before", () => of.metadata.get(weather), { sync_status: "pending", server_name: null, last_synced_at: null });
  const works = {
    success: true,
    status_code: 200,
    response_time_ms: Number,
    url: MCP,
    server_name: "weather",
    error: null,
    message: TEXT,
    details: { steps: Array, reason: null },
  };
  await gives("a test finds the server", () => of.test(weather), works);
  await gives("another token is stored", () => of.update({ ...weather, configurations: headers(`Bearer ${SECRETS.wrong_token}`) }), NOTHING);
  const refusal = { success: false, status_code: 401, error: TEXT, details: { reason: "credential_rejected" } };
  await gives("which the server refuses", () => of.test(weather), refusal);
  await gives("the first one is stored again", () => of.update({ ...weather, configurations: right }), NOTHING);
  const read = await gives("and read", () => of.retrieve(weather), { configurations: whole.configurations });
  await gives("what was read can be sent back", () => of.update({ ...weather, configurations: read.configurations }), NOTHING);
  await gives("and keeps what is stored", () => of.sync(weather), { ...works, synced_at: MOMENT });
  await gives("the server has introduced itself", () => of.metadata.get(weather), {
    server_name: "weather",
    server_version: "1.2.3",
    protocol_version: "2025-11-25",
    title: "Weather",
    instructions: "Ask before you pack.",
    sync_status: "synced",
    last_synced_at: MOMENT,
    sync_error: null,
  });

  const off = [
    { type: "tool", name: "delete_station", enabled: false },
    { type: "prompt", name: "pack", enabled: false },
  ];
  await gives("some is switched off, known or not", () => of.capabilities.update({ ...weather, capabilities: off }), SUCCESS);
  const prompt = { type: "prompt", name: "pack", description: "What to take along.", arguments: [{ name: "city" }] };
  const map = { type: "resource", name: "map", uri: "weather://map", mimeType: "image/png", _meta: { x: 1 } };
  const server_info = { name: "weather", version: "1.2.4", icons: [{ src: "https://weather.example/icon.png" }], instructions: "Ask." };
  await gives("somebody tells of more", () => of.sync({ ...weather, server_info, capabilities: [prompt, map] }), {
    success: true,
    synced_at: MOMENT,
  });
  await gives("and all of it is seen", () => of.capabilities.list(weather), {
    ...page([
      { type: "tool", name: "delete_station", enabled: false },
      { type: "tool", name: "forecast", enabled: true, title: "Forecast", input_schema: { type: "object" } },
      { ...prompt, enabled: false, created_at: MOMENT },
      { type: "resource", name: "map", enabled: true, uri: "weather://map", mime_type: "image/png" },
    ]),
    counts: {
      tools: { total: 2, enabled: 1 },
      prompts: { total: 1, enabled: 0 },
      resources: { total: 1, enabled: 1 },
      resource_templates: { total: 0, enabled: 0 },
    },
  });
  await gives("with how the server introduced itself to them", () => of.metadata.get(weather), { server_version: "1.2.4", instructions: "Ask." });
}

async function workspaces() {
  const of = ORGANISATION.mcpIntegrations.workspaces;
  await gives("nothing is said of any workspace", () => of.list(weather), { workspaces: [], global_workspace_access: null });
  await refused("so none can use it", () => SERVICE.mcpServers.create({ name: "Weather", mcp_integration_id: "weather-n" }), "not enabled");
  await gives("it is said of one", () => of.update({ ...weather, workspaces: [{ id: WORKSPACE, enabled: true }] }), NOTHING);
  const row = { id: WORKSPACE, enabled: true, status: "active", created_at: MOMENT, last_updated_at: MOMENT };
  await gives("and told", () => of.list(weather), { workspaces: [row], global_workspace_access: null });
  const global_workspace_access = { enabled: true };
  await gives("of another it is said of all", () => of.update({ ...manuals, workspaces: [], global_workspace_access }), NOTHING);
  await gives("which is told as well", () => of.list(manuals), { workspaces: [], global_workspace_access });
}

// ------------------------------------------------------------------------------------------------------------------------ servers

const server = { id: "weather-srv-n" };

async function servers() {
  const of = ORGANISATION.mcpServers;
  const { id: integration } = await ORGANISATION.mcpIntegrations.retrieve(weather);
  const made = await gives(
    "a server is made",
    () =>
      of.create({ name: "Weather", mcp_integration_id: integration, workspace_id: WORKSPACE, slug: "weather-srv-n", description: "For everybody." }),
    { id: ID, slug: "weather-srv-n" },
  );
  const other = await gives(
    "another, by a workspace's key, which need not name the workspace",
    () => SERVICE.mcpServers.create({ name: "All the manuals", mcp_integration_id: "manuals", description: null }),
    { id: ID, slug: "all-the-manuals" },
  );
  const whole = {
    id: made.id,
    slug: "weather-srv-n",
    name: "Weather",
    description: "For everybody.",
    status: "active",
    mcp_integration_id: integration,
    created_at: MOMENT,
    url: /^https?:\/\/[^/]+\/weather-srv-n\/mcp$/,
    mcp_integration_details: ABSENT,
  };
  await gives("it is found by its slug", () => of.retrieve(server), whole);
  await gives("and by its id, by a user", () => PERSON.mcpServers.retrieve({ id: made.id }), whole);
  const row = {
    ...whole,
    workspace_id: WORKSPACE,
    mcp_integration_slug: "weather-n",
    auth_type: "headers",
    metadata: { server_name: "weather", sync_status: "synced" },
  };
  await gives("it is listed", () => of.list({ workspace_id: WORKSPACE, search: "Weather" }), page([row]));
  await gives("with the other one", () => PERSON.mcpServers.list({ page_size: 1, current_page: 1 }), page([Object], { total: 2 }));
  await gives("or without", () => SERVICE.mcpServers.list({ id: other.id }), page([{ id: other.id }]));
  await gives("it is renamed", () => of.update({ ...server, name: "Rain", description: "" }), NOTHING);
  await gives("which is seen, and an empty text is one", () => of.retrieve(server), { ...whole, name: "Rain", description: "" });
  await gives("null clears", () => of.update({ ...server, description: null }), NOTHING);
  await gives("what may be cleared", () => of.retrieve(server), { name: "Rain", description: null });
  await gives("a test finds the server behind it", () => SERVICE.mcpServers.test(server), {
    success: true,
    status_code: 200,
    server_name: "weather",
    error: null,
  });
  await gives("the gateway is told how to reach it", () => GATEWAY.mcpServers.retrieve(server), {
    workspace_id: WORKSPACE,
    mcp_integration_details: {
      slug: "weather-n",
      url: MCP,
      transport: "http",
      auth_type: "headers",
      configurations: { headers: { Authorization: `Bearer ${SECRETS.right_token}` }, passthrough_headers: { "X-Team": SECRETS.team_header } },
    },
  });
  await gives("and so for a user whose key it sends along", () => FOR_PERSON.mcpServers.retrieve({ id: "all-the-manuals" }), {
    mcp_integration_details: {
      configurations: {
        oauth_metadata: { client_secret: SECRETS.client_secret },
        jwt_validation: { introspectClientSecret: SECRETS.introspect_secret },
      },
    },
  });
}

async function capabilitiesOfServers() {
  const of = ORGANISATION.mcpServers;
  const known = (type, name, integration_enabled, enabled) => ({ type, name, integration_enabled, enabled });
  const capabilities = [
    { type: "tool", name: "forecast", enabled: false },
    { type: "tool", name: "delete_station", enabled: true },
  ];
  await gives("a server can take away", () => of.capabilities.update({ ...server, capabilities }), SUCCESS);
  const radar = { type: "tool", name: "radar", description: "Shows clouds.", schema: { type: "object" } };
  await gives("the gateway tells of a tool", () => FOR_PERSON.mcpServers.capabilities.sync({ ...server, capabilities: [radar] }), {
    success: true,
    synced_at: MOMENT,
  });
  await gives("and nothing is given back that was taken", () => of.capabilities.list(server), {
    ...page([
      known("tool", "delete_station", false, false),
      known("tool", "forecast", true, false),
      { ...known("tool", "radar", true, true), description: "Shows clouds.", input_schema: { type: "object" } },
      known("prompt", "pack", false, false),
      known("resource", "map", true, true),
    ]),
    counts: { tools: { total: 3, enabled: 1 } },
  });
  await gives("a user is told what he may use", () => PERSON.mcpServers.capabilities.list(server), {
    data: [Object, { name: "forecast", enabled: false, integration_enabled: ABSENT }, Object, Object, Object],
  });
  const introduction = {
    server_name: "weather",
    server_version: "1.3.0",
    protocol_version: null,
    title: "All weather",
    capability_flags: { tools: {} },
  };
  await gives(
    "the gateway tells how the server introduced itself",
    () => FOR_PERSON.mcpServers.metadata.sync({ ...server, icons: [], ...introduction }),
    SUCCESS,
  );
  await gives("which everybody is told", () => PERSON.mcpServers.metadata.get(server), { ...introduction, sync_status: "synced" });
}

async function users() {
  const { id } = await ORGANISATION.mcpServers.retrieve(server);
  const of = ORGANISATION.mcpServers.userAccess;
  const check = (what, allowed) =>
    gives(what, () => PERSON.mcpServers.userAccess.check(server), { allowed, has_access: allowed, user_id: USER, mcp_server_id: id });
  const row = { user_id: USER, enabled: true, has_override: false, connection_status: "not_connected" };
  // This client can read the default, which is kept from the one for Python.
  await gives("users are listed", () => of.list(server), page([row], { default_user_access: "allow" }));
  await check("a user may use it", true);
  await gives("nobody may by default", () => of.update({ ...server, default_user_access: "deny" }), SUCCESS);
  await check("so he may not", false);
  await gives("he may", () => of.update({ ...server, user_access: [{ id: USER, enabled: true }] }), SUCCESS);
  await check("so he may again", true);
  await gives("which is said of him", () => of.list(server), page([{ ...row, has_override: true }], { default_user_access: "deny" }));

  const nobody = page([]);
  const himself = page([{ user_id: USER, connected: true, created_at: MOMENT, last_updated_at: MOMENT }]);
  const connections = ORGANISATION.mcpServers.connections;
  const workspace_id = WORKSPACE;
  await gives("nobody is connected", () => SERVICE.mcpServers.connections.list(server), nobody);
  const tokens = { access_token: SECRETS.access_token, refresh_token: SECRETS.refresh_token, token_type: "Bearer", expires_in: 3600 };
  const client_metadata = { client_id: "registered", client_secret: SECRETS.registration_secret };
  await gives("a user's tokens are stored", () => FOR_PERSON.mcpServers.setTokens({ ...server, ...tokens, client_metadata, workspace_id }), SUCCESS);
  await gives("the gateway reads them", () => FOR_PERSON.mcpServers.getTokens(server), { ...tokens, client_metadata: ABSENT });
  await gives("and the client they were given to", () => FOR_PERSON.mcpServers.getClientInfo(server), client_metadata);
  await gives("he is connected, as he sees", () => PERSON.mcpServers.connections.list(server), himself);
  await gives("a service key sees everybody", () => SERVICE.mcpServers.connections.list(server), himself);
  await gives(
    "an organisation's key names the workspace",
    () => connections.list({ ...server, workspace_id, user_id: USER, current_page: 0, page_size: 500 }),
    himself,
  );
  await gives("pages are counted from 0", () => connections.list({ ...server, workspace_id, current_page: 1, page_size: 1 }), {
    ...himself,
    data: [],
  });
  await wrong("or is told to", () => connections.list(server), "workspace_id is required");
  await wrong(
    "a page has a least size",
    () => SERVICE.mcpServers.connections.list({ ...server, page_size: 0 }),
    "page_size must be between 1 and 500",
  );
  await refused("a user does not read his tokens", () => PERSON.mcpServers.getTokens(server), "only a system key");
  await refused("nor an organisation's key", () => ORGANISATION.mcpServers.getClientInfo(server), "only a system key");
  await wrong("a service key names whose tokens go", () => SERVICE.mcpServers.connections.delete(server), "user_id is required");
  await gives("they are revoked", () => connections.delete({ ...server, workspace_id, user_id: USER }), SUCCESS);
  await gives("and again", () => connections.delete({ ...server, workspace_id, user_id: USER }), SUCCESS);
  await missing("and are gone", () => FOR_PERSON.mcpServers.getTokens(server));
  await gives("he stores some himself", () => PERSON.mcpServers.setTokens({ ...server, access_token: SECRETS.access_token }), SUCCESS);
  await gives("revokes them", () => PERSON.mcpServers.connections.delete(server), SUCCESS);
  await gives("and deletes what is not there", () => PERSON.mcpServers.deleteTokens(server), SUCCESS);
  await gives("so nobody is connected", () => SERVICE.mcpServers.connections.list(server), nobody);
}

// ------------------------------------------------------------------------------------------------------------------------- errors

async function errors() {
  const create = (more) => ORGANISATION.mcpIntegrations.create({ name: "x", url: MCP, auth_type: "none", transport: "http", ...more });
  await fails("no key at all opens nothing", () => portkey("no-key-of-ours").mcpServers.list(), "AuthenticationError", 401, "AB05", "API key");
  await taken("a slug is there once", () => create({ slug: "weather-n" }));
  await taken("that of a server, too", () => SERVICE.mcpServers.create({ name: "x", mcp_integration_id: "weather-n", slug: "weather-srv-n" }));
  await wrong("a kind that is none", () => create({ auth_type: "magic" }), "auth_type must be");
  await wrong("a name of no characters", () => create({ name: "" }), "name must");
  await wrong("an organisation's key names a workspace", () => ORGANISATION.mcpServers.list(), "workspace_id is required");
  await wrong("a change that is none", () => ORGANISATION.mcpServers.update(server), "at least one of name and description");
  await refused(
    "a workspace's key names no other",
    () => SERVICE.mcpServers.list({ workspace_id: FOREIGN.workspaceId }),
    "cannot name another workspace",
  );
  await refused("nor changes what is the organisation's", () => SERVICE.mcpIntegrations.delete(weather), "organisation_mcp_integrations.delete");
  await missing("what is not there", () => ORGANISATION.mcpServers.retrieve({ id: "never-was" }));
  for (const [what, call] of Object.entries({
    "reading an integration": () => STRANGER.mcpIntegrations.retrieve(weather),
    "changing it": () => STRANGER.mcpIntegrations.update({ ...weather, name: "x" }),
    "removing it": () => STRANGER.mcpIntegrations.delete(weather),
    "reading a server": () => STRANGER.mcpServers.retrieve(server),
    "testing it": () => STRANGER.mcpServers.test(server),
    "its connections": () => STRANGER.mcpServers.connections.list({ ...server, workspace_id: FOREIGN.workspaceId }),
  }))
    await missing(`a stranger is told of nothing: ${what}`, call);
}

// ----------------------------------------------------------------------------------------------------------------- administration

async function administration() {
  const of = ORGANISATION.admin.workspaces;
  const { apiKeys } = ORGANISATION;
  const harbour = () => ({ workspaceId: "harbour" });
  const shown = { id: ID, slug: "harbour", name: "Harbour", description: "Ships.", created_at: MOMENT };
  const made = await gives("a workspace is made", () => of.create({ name: "Harbour", description: "Ships.", users: [USER] }), shown);
  await gives("and found", () => of.retrieve(harbour()), shown);
  await gives("on the last page", () => of.list({ page_size: 1, current_page: 1 }), page([shown], { total: 2 }));
  await gives("it is renamed", () => of.update({ ...harbour(), name: "Port" }), NOTHING);
  const newcomer = { ...harbour(), userId: FOREIGN.userId };
  await gives("a user is added", () => of.users.create({ ...harbour(), users: [{ id: FOREIGN.userId, role: "member" }] }), NOTHING);
  await gives("he leads", () => of.users.update({ ...newcomer, role: "manager" }), NOTHING);
  await gives("as is seen", () => of.users.retrieve({ ...newcomer }), { id: FOREIGN.userId, role: "manager", workspace_id: made.id });
  const listed = page([{ id: FOREIGN.userId }], { total: 2 });
  await gives("and listed", () => of.users.list({ ...harbour(), page_size: 1, current_page: 1 }), listed);

  const wanted = { type: "workspace", "sub-type": "service", name: "CI", workspace_id: "harbour", scopes: ["mcp_servers.list"] };
  const { id, key } = await gives("a key is made", () => apiKeys.create({ ...wanted }), { id: ID, key: TEXT, object: "api-key" });
  await gives("it opens what it may", () => portkey(key).mcpServers.list(), page([]));
  const found = { id, key: ABSENT, name: "CI", type: "workspace-service", scopes: wanted.scopes };
  await gives("it is not shown again", () => apiKeys.retrieve({ id }), found);
  await gives("it is renamed", () => apiKeys.update({ id, name: "Deploys" }), NOTHING);
  await gives("which is seen", () => apiKeys.list({ workspace_id: "harbour" }), page([{ ...found, name: "Deploys" }]));
  const close = () => of.delete({ ...harbour(), name: "Port" });
  await fails("a workspace with something in it stays", close, "ConflictError", 409, "AB07", "in use");
  await gives("the key goes", () => apiKeys.delete({ id }), NOTHING);
  await fails("and opens nothing", () => portkey(key).mcpServers.list(), "AuthenticationError", 401, "AB05", "API key");
  await gives("so does the user", () => of.users.delete({ ...newcomer }), NOTHING);
  await gives("so the workspace can go", close, NOTHING);
  await missing("and is gone", () => of.retrieve(harbour()));
}

async function removal() {
  await gives("a server is removed", () => PERSON.mcpServers.delete(server), NOTHING);
  await missing("and gone", () => ORGANISATION.mcpServers.retrieve(server));
  await gives("an integration is removed", () => ORGANISATION.mcpIntegrations.delete(manuals), NOTHING);
  await gives("its server is in the archive", () => SERVICE.mcpServers.retrieve({ id: "all-the-manuals" }), { status: "archived" });
  await gives("the gateway is told of no secret", () => GATEWAY.mcpServers.retrieve({ id: "all-the-manuals" }), { mcp_integration_details: null });
  await gives("the other is removed", () => ORGANISATION.mcpIntegrations.delete(weather), NOTHING);
  await missing("once", () => ORGANISATION.mcpIntegrations.delete(weather));
}

for (const part of [integrations, workspaces, servers, capabilitiesOfServers, users, errors, administration, removal]) await part();
