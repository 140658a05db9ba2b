"""The function app: every function of functions/, registered."""

import azure.functions as func

from functions import emergency, intake, journal, partners, people, steps, timers

app = func.FunctionApp()
for module in (intake, steps, timers, people, journal, partners, emergency):
    app.register_functions(module.bp)
