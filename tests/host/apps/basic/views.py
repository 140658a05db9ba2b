import os

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.route(route="function-level")
async def function_level(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@blueprint.route(route="other-function-level")
async def other_function_level(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@blueprint.route(route="admin-level", auth_level=func.AuthLevel.ADMIN)
async def admin_level(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("in")


@blueprint.route(route="settings/{name}", auth_level=func.AuthLevel.ANONYMOUS)
async def setting(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(os.environ.get(req.route_params["name"], "absent"))


@blueprint.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
async def yearly(timer: func.TimerRequest) -> None:
    os.environ["YEARLY_RAN"] = f"past due {timer.past_due}"
