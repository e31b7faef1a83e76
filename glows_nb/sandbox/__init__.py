"""The embedded GLOWS server: the SDK v1 contract over real HTTP on the user's own machine, state in SQLite.

From the outside in: `server` runs it; `app` takes the calls of the API, `admin` those of its own other side,
/_sandbox/…; `operations` is the table of what can be called, and each operation is in the room of its resource
(`instances`, `images`, `specs`, `networks`, `snapshots`). Behind them is the `backend`: state (`store` and its
likes), `clock`, and what goes wrong (`faults`, `scenarios`). `lifecycle` decides what happens to a machine when.

Start one with `glows_nb.sandbox.server.SandboxServer`. Nothing is imported here, so that importing the package
costs nothing, and nothing of the client (`glows_nb.api`) is used anywhere in it: both are built from the
contract on their own, so that neither can hide the other's mistakes.
"""
