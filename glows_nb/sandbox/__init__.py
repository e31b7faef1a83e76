"""The embedded GLOWS server: the SDK v1 contract over real HTTP on the user's own machine, state in SQLite.

From the outside in: `server` runs it; `http.app` takes the calls of the API, `http.admin` those of its own other side,
/_sandbox/…; `resources.routes` is the table of what can be called, and each operation is in the module of its resource
beside it. Behind them is the `backend`: state (`store`), `clock`, and what goes wrong (`faults`). `machines.lifecycle`
decides what happens to a machine when, `resources.stock` which offer it gets.

Start one with `glows_nb.sandbox.server.SandboxServer`. Nothing is imported here, so that importing the package
costs nothing, and nothing of the client (`glows_nb.api`) is used anywhere in it: both are built from the
contract on their own, so that neither can hide the other's mistakes.
"""
