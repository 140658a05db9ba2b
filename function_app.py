"""The function app: every function of functions/, registered."""

import azure.functions as func

from functions import intake, journal, partners, people, steps, timers

app = func.FunctionApp()
for module in (intake, steps, timers, people, journal, partners):
    app.register_functions(module.bp)
