"""The function app: every function of functions/, registered."""

import azure.functions as func

from functions import intake, journal, people, steps, timers

app = func.FunctionApp()
for module in (intake, steps, timers, people, journal):
    app.register_functions(module.bp)
