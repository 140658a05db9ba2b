"""The dashboard: a page for whoever has signed in with a role that may look, and what it reads. It changes nothing (dashboard_pages.py)."""

import azure.functions as func

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("show-dashboard")
@bp.route(route="dashboard/{file?}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """The page, or one of the files that it is made of."""
    from functions.dashboard_pages import shown_file

    return await shown_file(req)


@bp.function_name("read-for-dashboard")
@bp.route(route="dashboard/status/{what}/{id?}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def read_for_dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """The JSON of a status function, as that gives it, for a browser: it has a sign-in and no function key."""
    from functions.dashboard_pages import read_status

    return await read_status(req)
