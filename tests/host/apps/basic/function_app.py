"""HTTP functions that show what the host hands over, one in a blueprint."""

import asyncio
import json

import azure.functions as func
from views import blueprint  # type: ignore[import-not-found] # the app directory is on sys.path only in its host

app = func.FunctionApp()
app.register_functions(blueprint)
ANONYMOUS = func.AuthLevel.ANONYMOUS


@app.route(route="echo/{*rest}", auth_level=ANONYMOUS)
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    shown = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode("latin-1"),
        "traceparent": context.trace_context.trace_parent,
        "function": context.function_name,
    }
    return func.HttpResponse(json.dumps(shown), mimetype="application/json")


@app.route(route="things/{id:int}", auth_level=ANONYMOUS, methods=["GET"])
def thing_by_number(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"number {req.route_params['id']}")


@app.route(route="things/{name:alpha?}", auth_level=ANONYMOUS, methods=["GET"])
async def thing_by_name(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"name {req.route_params.get('name')}")


@app.route(route="things/{id:int}", auth_level=ANONYMOUS, methods=["DELETE"])
async def delete_thing(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)


@app.route(route="raises", auth_level=ANONYMOUS)
async def raises(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("meant to fail")


@app.route(route="none", auth_level=ANONYMOUS)
async def returns_none(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value] # the mistake under test


@app.route(route="text", auth_level=ANONYMOUS)
async def returns_text(req: func.HttpRequest) -> str:
    return "plain"


@app.route(route="response-like-text", auth_level=ANONYMOUS)
async def returns_response_like_text(req: func.HttpRequest) -> str:
    return json.dumps({"status": 418, "body": "teapot", "headers": {"x-made": "yes"}})


@app.route(route="cookies", auth_level=ANONYMOUS)
async def cookies(req: func.HttpRequest) -> func.HttpResponse:
    answer = func.HttpResponse("cookies")
    answer.headers.add("Set-Cookie", "a=1; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax")
    answer.headers.add("Set-Cookie", "b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT")
    return answer


@app.route(route="slow", auth_level=ANONYMOUS)
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(float(req.params.get("seconds", "1")))
    return func.HttpResponse("slept")


@app.route(route="prints", auth_level=ANONYMOUS)
async def prints(req: func.HttpRequest) -> func.HttpResponse:
    print("the app prints", flush=True)  # noqa: T201 - the habit under test
    return func.HttpResponse("printed")


@app.route(route="switched-off", auth_level=ANONYMOUS)
async def switched_off(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("should not answer")
