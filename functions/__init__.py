"""What triggers the app: bindings, and no more. Every function imports what it needs when it is called for the first time.

The runtime has to import all of these modules before it can serve one function, on every instance; with what all functions use, that
was most of a cold start. tests/app/test_indexing.py holds it.
"""
