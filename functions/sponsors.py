"""Where sponsors answer for their guests: a page for whoever signs in, and one for whoever has a signed link (sponsor_pages.py)."""

import azure.functions as func

from functions.whose import each

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("show-my-guests")
@bp.route(route="my-guests", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_my_guests(req: func.HttpRequest) -> func.HttpResponse:
    """What the signed-in person is asked about guests. Changes nothing."""
    from functions.sponsor_pages import shown_my_guests

    return await shown_my_guests(req)


@bp.function_name("answer-my-guests")
@bp.route(route="my-guests", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def answer_my_guests(req: func.HttpRequest) -> func.HttpResponse:
    """The signed-in person's answers are taken, each by itself, and what became of each is shown."""
    from functions.sponsor_pages import answered_my_guests

    return await answered_my_guests(req)


@bp.function_name("show-guest-link")
@bp.route(route="guest-link", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def show_guest_link(req: func.HttpRequest) -> func.HttpResponse:
    """The one question that a signed link is good for. Changes nothing."""
    from functions.sponsor_pages import shown_guest_link

    return await shown_guest_link(req)


@bp.function_name("answer-guest-link")
@bp.route(route="guest-link", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def answer_guest_link(req: func.HttpRequest) -> func.HttpResponse:
    """The answer by a signed link is taken, once."""
    from functions.sponsor_pages import answered_guest_link

    return await answered_guest_link(req)


@bp.function_name("carry-out-answers")
@bp.timer_trigger(arg_name="timer", schedule="%ENTENTE_ASK_SCHEDULE%", run_on_startup=False, use_monitor=False)
async def carry_out_answers(timer: func.TimerRequest) -> None:
    """Answers whose worker died are carried out; proposals that nobody has answered in time lapse."""
    from shared.verbs.answering import carry_out_all

    del timer
    await each(carry_out_all)
