"""The control plane under /_sim/: what a test or a demo does to the tenant from outside. No Microsoft service has it."""
