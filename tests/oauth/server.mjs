// A real authorization server (npm's oidc-provider), and an MCP server that wants its tokens. It writes a line of JSON: where the two are.

import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [home, port] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${home}/node_modules/oidc-provider/lib/index.js`).href);

const origin = `http://127.0.0.1:${port}`;
const resource = `${origin}/mcp`;
const provider = new Provider(origin, {
  cookies: { keys: ["of no other use"] },
  scopes: ["openid", "offline_access", "tools"],
  pkce: { required: () => true },
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  // Shorter than what a renewal looks ahead.
  ttl: { AccessToken: 300, Grant: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: async () => true,
      getResourceServerInfo: async (_, indicator) => {
        if (indicator !== resource) throw new Error("another resource");
        return { scope: "tools", audience: resource, accessTokenTTL: 300, accessTokenFormat: "opaque" };
      },
    },
  },
});
const authorize = provider.callback();
const counts = { registered: 0, exchanged: 0, refreshed: 0 };
provider.on("registration_create.success", () => (counts.registered += 1));
provider.on("grant.success", ({ oidc }) => (counts[oidc.params.grant_type === "refresh_token" ? "refreshed" : "exchanged"] += 1));

function send(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

const RESULTS = {
  "server/discover": { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: { tools: {} }, ttlMs: 0, cacheScope: "private" },
  "tools/list": { resultType: "complete", tools: [{ name: "only", inputSchema: { type: "object" } }], ttlMs: 0, cacheScope: "private" },
};

async function mcp(request, response) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  const found = token && (await provider.AccessToken.find(token));
  if (!found || found.aud !== resource || !found.scope?.split(" ").includes("tools")) {
    return send(response, 401, {}, { "www-authenticate": `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp", scope="tools"` });
  }
  let text = "";
  for await (const chunk of request) text += chunk;
  const { id, method } = JSON.parse(text);
  const result = RESULTS[method];
  if (result) return send(response, 200, { jsonrpc: "2.0", id, result });
  return send(response, 404, { jsonrpc: "2.0", id, error: { code: -32601, message: "No." } });
}

const server = createServer((request, response) => {
  if (request.url === "/mcp") return void mcp(request, response);
  if (request.url === "/counts") return send(response, 200, counts);
  if (request.url === "/.well-known/oauth-protected-resource/mcp") {
    return send(response, 200, { resource, authorization_servers: [origin], scopes_supported: ["tools"] });
  }
  return void authorize(request, response);
});
server.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ url: resource, origin })));
