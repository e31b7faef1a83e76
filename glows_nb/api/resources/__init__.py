"""The resources of a `Client`, one class each; those of an `AsyncClient` are the same, awaited.

The methods are thin; all decisions are made elsewhere. A client loads the module of a resource when it is first used.

The modules of `async_resources` are made from these by tools/make_async_resources.py; a test holds both together.
"""
