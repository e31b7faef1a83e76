"""The embedded GLOWS server: the SDK v1 contract over real HTTP on the user's own machine, state in SQLite.

Start one with `glows_nb.sandbox.server.SandboxServer`. Nothing is imported here, so that importing the package
costs nothing, and nothing of the client (`glows_nb.api`) is used anywhere in it: both are built from the
contract on their own, so that neither can hide the other's mistakes.
"""
