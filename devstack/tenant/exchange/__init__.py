"""The Exchange admin API's InvokeCommand, as the EXO V3 module uses it: one file per noun of cmdlets.

To add a cmdlet: write a function `(Invocation) -> list of objects` in its noun's file and list it in CMDLETS there;
a new noun is listed in invoke.NOUNS. Source: facts sections 4.1 to 4.6 (unsupported for third parties by Microsoft).
"""
