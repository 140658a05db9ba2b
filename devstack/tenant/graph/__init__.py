"""Microsoft Graph v1.0 (the same paths are answered under /beta): one file per resource family.

To add an operation: write a function `(Call) -> Reply` in the family's file, list it in OPERATIONS there with its permissions,
cost and documentation; a new family is listed in router.FAMILIES. Then `python -m devstack.tenant.coverage`.
"""
