"""An app with a blueprint: HTTP functions that show what the host hands over."""

import azure.functions as func
from views import blueprint

app = func.FunctionApp()
app.register_functions(blueprint)


@app.route(route="hello/{name:alpha?}", auth_level=func.AuthLevel.ANONYMOUS, methods=["GET"])
async def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"hello {req.route_params.get('name')}")
