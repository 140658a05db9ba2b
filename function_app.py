"""The function app: every function of functions/ that this app has the power for, registered.

Each module says its `POWER`; everything that people and other systems call is of `guests`, the app that they can sign in to.
"""

import azure.functions as func

from functions import (
    cleanup,
    compare_settings,
    dashboard,
    drift,
    emergency,
    guests,
    intake,
    journal,
    listening,
    partners,
    people,
    personal,
    requests,
    sponsor_mails,
    sponsors,
    steps,
    tenant_changes,
    timers,
)
from shared.powers import read_hub, read_powers

app = func.FunctionApp()
_powers = read_powers()
for _module in (
    intake,
    requests,
    timers,
    people,
    journal,
    partners,
    emergency,
    tenant_changes,
    listening,
    drift,
    compare_settings,
    sponsors,
    sponsor_mails,
    cleanup,
    guests,
    personal,
    dashboard,
):
    if _module.POWER in _powers:
        app.register_functions(_module.bp)
for _power in sorted(_powers):
    app.register_functions(steps.of(_power))
if "guests" in _powers and (_hub := read_hub()):
    from functions import hub_events

    app.register_functions(hub_events.of(_hub))
