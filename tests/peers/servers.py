"""MCP servers of the official Python SDK, and a gate with a bearer token in front of any HTTP server.

    servers.py mcp2 PORT         a server of `mcp` 2.x
    servers.py mcp1 PORT         a server of `mcp` 1.x, stateless and in JSON
    servers.py mcp1-sse PORT     a server of `mcp` 1.x, with sessions and events
    servers.py gate PORT UPSTREAM TOKEN
"""

import sys

INSTRUCTIONS = "Ask for the weather before you pack."


def weather(city: str) -> str:
    """The weather in a city."""
    return f"It rains in {city}."


def mcp2(port):
    from mcp.server import MCPServer

    server = MCPServer("weather-2", instructions=INSTRUCTIONS)
    server.tool()(weather)
    server.run(transport="streamable-http", host="127.0.0.1", port=port)


def mcp1(port, stateless):
    from mcp.server.fastmcp import FastMCP

    server = FastMCP(
        "weather-1", instructions=INSTRUCTIONS, host="127.0.0.1", port=port, stateless_http=stateless, json_response=stateless
    )
    server.tool()(weather)
    server.run(transport="streamable-http")


def gate(port, upstream, token):
    """Lets through what brings the token, byte for byte and as it comes, so that streams stay streams."""
    import httpx
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, StreamingResponse
    from starlette.routing import Route

    client = httpx.AsyncClient(base_url=upstream, timeout=30)
    hop = {"host", "connection", "content-length", "transfer-encoding", "authorization"}

    async def handle(request):
        if request.headers.get("authorization") != f"Bearer {token}":
            return JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": "Bearer"})
        headers = [(name, value) for name, value in request.headers.items() if name not in hop]
        onward = client.build_request(
            request.method, request.url.path, headers=headers, content=await request.body()
        )
        answer = await client.send(onward, stream=True)
        headers = {name: value for name, value in answer.headers.items() if name not in hop}

        async def body():
            async for chunk in answer.aiter_raw():
                yield chunk
            await answer.aclose()

        return StreamingResponse(body(), answer.status_code, headers)

    methods = ["GET", "POST", "DELETE"]
    uvicorn.run(Starlette(routes=[Route("/{path:path}", handle, methods=methods)]), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    kind, port = sys.argv[1], int(sys.argv[2])
    if kind == "mcp2":
        mcp2(port)
    elif kind in ("mcp1", "mcp1-sse"):
        mcp1(port, stateless=kind == "mcp1")
    elif kind == "gate":
        gate(port, sys.argv[3], sys.argv[4])
    else:
        sys.exit(__doc__)
