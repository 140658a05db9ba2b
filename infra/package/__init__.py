"""The package: a zip that is what the cloud runs, with its requirements in it.

`python -m infra.package` writes dist/entente.zip; `python -m infra.package.trace` finds anew what of msgraph belongs in it.
"""
